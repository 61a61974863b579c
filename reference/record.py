"""Runs the original DeOldify networks and records what they answer. Reference environment only.

Usage::

    python reference/record.py check                  # do the original networks build?
    python reference/record.py small FILE.npz NAME    # what the fast tests compare with
    python reference/record.py full DIR NAME          # weights (.pth) and outputs for parity.py

NAME is artistic, stable or video. All is drawn from seeds (``synthetic.py``); the photographs come
from scikit-image. A recording is refused if the network saturates or says the same everywhere.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from calibration import calibrate, load
from original import build_original
from synthetic import PHOTOS, SEEDS, Array, NormStatistics, draw_state, grey_photo, network_input
from torch import nn

SMALL_SIZE = (48, 80)
"""Height and width of the fast tests' photo: odd multiples of 16, as most render factors give."""

SATURATED = 2.97
"""|output| above this is a sigmoid within half a percent of its end."""

STEP = 6.0 / 65535
"""What one step of the 16-bit codes of the small recording is worth: 9e-5 of the output's unit."""


def main() -> None:
    """Command line."""
    layout = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("what", choices=("check", "small", "full"))
    parser.add_argument("target", nargs="?", type=Path)
    parser.add_argument("name", nargs="?", choices=tuple(SEEDS), default="artistic")
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    torch.set_num_threads(2)
    if options.what == "check":
        for name in ("artistic", "video"):
            network = build_original(name)
            say(f"{name}: {len(network.state_dict())} entries, {parameter_count(network)}")
    elif options.what == "small":
        record_small(options.target, options.name)
    else:
        record_full(options.target, options.name)


def say(line: str) -> None:
    """One line on standard output."""
    sys.stdout.write(f"{line}\n")


def parameter_count(network: nn.Module) -> int:
    """Number of parameters, buffers not counted."""
    return sum(parameter.numel() for parameter in network.parameters())


def prepare(name: str) -> tuple[nn.Module, NormStatistics]:
    """The original network with the drawn weights and calibrated statistics."""
    network = build_original(name)
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    load(network, draw_state(shapes, seed=SEEDS[name]))
    statistics = calibrate(network, photos(PHOTOS, 176, 176))
    load(network, draw_state(shapes, seed=SEEDS[name], statistics=statistics))
    return network, statistics


def photos(names: tuple[str, ...], height: int, width: int) -> torch.Tensor:
    """Photos as network input ``(B, 3, height, width)``."""
    greys = np.stack([grey_photo(name, height, width) for name in names])
    return torch.from_numpy(network_input(greys))


def run(network: nn.Module, inputs: torch.Tensor) -> Array:
    """The original's raw output, photo by photo as it does it; refused if it shows nothing."""
    outputs = torch.cat([network(item[None]) for item in inputs]).numpy()
    saturated = float((np.abs(outputs) > SATURATED).mean())
    spread = outputs.std(axis=(2, 3))
    size = f"{inputs.shape[2]}x{inputs.shape[3]}"
    say(f"  {size}: saturated {saturated:.5f}, std at least {spread.min():.3f}")
    if not np.isfinite(outputs).all() or saturated > 0.001 or spread.min() < 0.1:
        sys.exit("the network's output is not finite, saturated or flat: nothing to compare with")
    return outputs


def record_small(target: Path, name: str) -> None:
    """One small photo, its 16-bit output and the statistics."""
    network, statistics = prepare(name)
    grey = grey_photo("astronaut", *SMALL_SIZE)
    output = run(network, torch.from_numpy(network_input(grey[None])))
    codes = np.rint((output[0] + 3.0) / STEP).astype(np.uint16)
    np.savez_compressed(target, grey=grey, output=codes, **statistics.pack())
    say(f"{target}: {target.stat().st_size} bytes")


def record_full(target: Path, name: str) -> None:
    """All photos at render factor 21, one at 35, one small; weights as the original saves them."""
    target.mkdir(parents=True, exist_ok=True)
    network, _ = prepare(name)
    weights = target / f"{name}.pth"
    torch.save({"model": network.state_dict()}, weights, _use_new_zipfile_serialization=False)
    say(f"{name}: {len(network.state_dict())} entries, {parameter_count(network)} parameters")
    say(f"{weights}: {weights.stat().st_size} bytes")
    arrays: dict[str, Array] = {}
    for label, names, size in (
        ("336", PHOTOS, (336, 336)),
        ("560", PHOTOS[:1], (560, 560)),
        ("48x80", PHOTOS[:1], SMALL_SIZE),
    ):
        inputs = photos(names, *size)
        arrays[f"input_{label}"] = inputs.numpy()
        arrays[f"output_{label}"] = run(network, inputs)
    np.savez(target / f"{name}.npz", **arrays)


if __name__ == "__main__":
    main()
