"""DeOldify's speed and what reduced precision costs, with drawn weights (see ``reference/``).

::

    python checks speed/deoldify artistic video             # render factor 21, batches 1 and 4
    python checks speed/deoldify artistic --render-factor 35 --device cuda

Weights are drawn, with statistics calibrated on photographs: speed is that of the published ones;
differences between number formats are rather larger, because nothing has been trained to be smooth.
Each time is the best of ``--repeat``, after one run to warm up.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

_ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_ROOT / "reference"), str(_ROOT / "tests" / "models" / "deoldify")]

from deoldify_recordings import read_recording  # noqa: E402
from synthetic import PHOTOS, grey_photo  # noqa: E402

from vidcolor.color import grey_to_lightness  # noqa: E402
from vidcolor.models.contract import ModelInput  # noqa: E402
from vidcolor.models.families.deoldify import DeOldifyColorizer, load_deoldify  # noqa: E402
from vidcolor.models.networks.layers.packed import can_pack, pack  # noqa: E402

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def main() -> None:
    """Command line."""
    layout = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("names", nargs="+", choices=("artistic", "video"))
    parser.add_argument("--render-factor", type=int, default=21)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--precisions", nargs="+", choices=tuple(_DTYPES), default=["fp32", "bf16"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    for name in options.names:
        lightness = photos(options.render_factor * 16).to(options.device)
        colorizer = load_deoldify(read_recording(name).state).to(options.device)
        expected = None
        for precision in options.precisions:
            reduced = copy.deepcopy(colorizer).to(_DTYPES[precision])
            if options.device == "cpu" and can_pack():
                pack(reduced)  # as the program does where the CPU has the format
            found, times = measure(reduced, lightness, options.batches, options.repeat)
            expected = found if expected is None else expected
            print(f"{name} {precision}: {times}; {difference(found, expected)}", flush=True)


def photos(size: int) -> Tensor:
    """The photographs as lightness ``(4, 1, size, size)``."""
    greys = np.stack([grey_photo(name, size, size) for name in PHOTOS])
    return grey_to_lightness(torch.from_numpy(greys)[:, None].float() / 255)


@torch.inference_mode()
def measure(
    colorizer: DeOldifyColorizer, lightness: Tensor, batches: list[int], repeat: int
) -> tuple[Tensor, str]:
    """The ab of all photos, and the seconds per frame by batch size."""
    found = torch.cat([colorizer(ModelInput(item[None])).ab for item in lightness])
    times = []
    for size in batches:
        batch = lightness.repeat(-(-size // len(lightness)), 1, 1, 1)[:size]
        best = min(seconds(colorizer, batch) for _ in range(repeat))
        times.append(f"batch {size} {best / size:.2f} s/frame")
    return found, ", ".join(times)


def seconds(colorizer: DeOldifyColorizer, batch: Tensor) -> float:
    """How long one call takes, until its result is there."""
    start = time.perf_counter()
    colorizer(ModelInput(batch)).ab.sum().item()  # waits for a GPU too
    return time.perf_counter() - start


def difference(found: Tensor, expected: Tensor) -> str:
    """How far ab is from the first precision's, per pixel and over 16 x 16 pixels."""
    error = found - expected
    coarse = torch.nn.functional.avg_pool2d(error, 16).abs()
    return (
        f"mean |ab| {expected.abs().mean():.1f}, difference {error.abs().mean():.3f}, "
        f"of 16x16 means {coarse.mean():.3f} (largest {coarse.max():.2f})"
    )
