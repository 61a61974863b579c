"""What ``--every`` gains and costs: frames per second against distance from true colours.

::

    python checks quality/sparse CLIP...                         # quality, compact
    python checks quality/sparse CLIP... --speed deoldify-video  # CPU seconds, random weights
    python checks quality/sparse CLIP... --strips FOLDER         # a row of pixels over time, PNG

Clips are in colour: they are made grey, and their own colours are the truth. Columns: motion is the
mean length of flow between neighbours in pixels at working size; "error" is the mean distance in ab
from the truth, relative to colouring every frame; "carried truth" is the error in Lab units where
key frames have true colours, so that all of it is the carrying's; p99 is its 99th percentile over
pixels, mean over frames. Speed is of whole jobs, decoding to encoding, in seconds of CPU.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import vidcolor
from vidcolor.color import lab_to_rgb, rgb_to_lab
from vidcolor.engine.coloring.geometry import resize_lightness, working_size
from vidcolor.engine.options import ColorizeOptions
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ModelInput, Prediction
from vidcolor.models.families.registry import MODELS
from vidcolor.models.random_weights import random_model
from vidcolor.temporal import LONGEST_GAP, CutDetector, SparseColoring
from vidcolor.temporal.flow import FlowEstimator

EVERY = (2, 4, 8, 16, None)
"""Distances of key frames; None is auto."""


@dataclass
class Clip:
    """A film at working size: lightness, the truth's ab and the network's, on its grid."""

    name: str
    lightness: Tensor
    true: Tensor
    network: Tensor
    seconds: list[float]
    cuts: list[bool]


def load(path: Path, model: Colorizer, frames: int) -> Clip:
    """Read a clip's first frames and colour each of them."""
    lightness, true, seconds = [], [], []
    with av.open(str(path)) as film:
        for frame in film.decode(video=0):
            rgb = torch.from_numpy(frame.to_ndarray(format="rgb24")).permute(2, 0, 1)[None] / 255
            lab = rgb_to_lab(rgb)
            size = working_size(
                model.spec.working_size, frame.width, frame.height,
                render_factor=model.spec.working_size.video,
            )  # fmt: skip
            lightness.append(resize_lightness(lab[:, :1] / 100, size))
            true.append(lab[:, 1:])
            seconds.append(float(frame.time or 0))
            if len(seconds) == frames:
                break
    network = torch.cat([model(ModelInput(one)).ab for one in lightness])
    grid = (int(network.shape[-2]), int(network.shape[-1]))
    shrunk = [F.interpolate(ab, size=grid, mode="bilinear", antialias=True) for ab in true]
    seen = torch.cat(lightness)
    cuts = [cut is not None for cut in CutDetector().push(seen)]
    return Clip(path.stem, seen, torch.cat(shrunk), network, seconds, cuts)


def carry(clip: Clip, colors: Tensor, every: int | None) -> tuple[Tensor, int]:
    """Carry key frames' colours to all frames; also say how many keys there were."""
    at = {float(one.double().sum()): n for n, one in enumerate(clip.lightness)}

    def color(inputs: ModelInput) -> Prediction:
        found = [colors[at[float(one.double().sum())]] for one in inputs.lightness]
        return Prediction(torch.stack(found))

    sparse = SparseColoring(color, every, longest=LONGEST_GAP)
    parts = [sparse.push(ModelInput(clip.lightness), clip.seconds, clip.cuts).ab, sparse.flush().ab]
    return torch.cat([ab for ab in parts if len(ab)]), sparse.keys


def distance(first: Tensor, second: Tensor) -> Tensor:
    """Distance in the ab plane, ``(N, h, w)``."""
    return (first - second).square().sum(dim=1).sqrt()


def motion(clip: Clip) -> float:
    """Mean length of flow between neighbours, pixels at working size, every fourth pair."""
    flow = FlowEstimator()
    pairs = range(1, len(clip.lightness), 4)
    found = [flow(clip.lightness[n], clip.lightness[n - 1]) for n in pairs if not clip.cuts[n]]
    return float(torch.stack([f.square().sum(dim=0).sqrt().mean() for f in found]).mean())


def quality(clips: list[Clip]) -> None:
    """Print the first table."""
    print("| clip | motion | every | keys per 100 frames | error | carried truth | p99 |")
    print("|---|---|---|---|---|---|---|")
    for clip in clips:
        alone, moves = float(distance(clip.network, clip.true).mean()), motion(clip)
        for every in EVERY:
            ab, keys = carry(clip, clip.network, every)
            own = distance(carry(clip, clip.true, every)[0], clip.true)
            worst = float(own.flatten(1).quantile(0.99, dim=1).mean())
            error = float(distance(ab, clip.true).mean()) / alone
            print(
                f"| {clip.name} | {moves:.1f} | {every or 'auto'} | {100 * keys / len(ab):.0f} "
                f"| {error:.3f} | {float(own.mean()):.2f} | {worst:.1f} |",
                flush=True,
            )


class Stunt(Colorizer):
    """One network's time and another's colours: random weights would choose key frames oddly."""

    def __init__(self, timed: Colorizer, colors: Colorizer) -> None:
        super().__init__(
            timed.network, timed.spec, label=timed.label, device=timed.device, dtype=timed.dtype
        )
        self.colors = colors

    def forward(self, inputs: ModelInput) -> Prediction:
        """As ``Colorizer``: the size is that of the timed network's ab."""
        size, ab = super().forward(inputs).ab.shape[-2:], self.colors(inputs).ab
        return Prediction(F.interpolate(ab, size=size, mode="bilinear"))


def speed(paths: list[Path], name: str, frames: int, **changes: object) -> None:
    """Print the second table."""
    model = Stunt(
        random_model(MODELS[name], device="cpu"), vidcolor.load_model("compact", "cpu", "fp32")
    )
    print(
        f"| clip | {name}, every frame, s per frame | auto, s per frame | gain |\n|---|---|---|---|"
    )
    for path in paths:
        with av.open(str(path)) as film:
            rate = float(film.streams.video[0].average_rate or 25)
        every = cpu_seconds(path, model, min(frames, 4) / rate, every=1, **changes)
        auto = cpu_seconds(path, model, frames / rate, every="auto", **changes)
        print(f"| {path.stem} | {every:.2f} | {auto:.2f} | {every / auto:.1f} |", flush=True)


def cpu_seconds(path: Path, model: Colorizer, end_s: float, **changes: object) -> float:
    """Seconds of CPU per frame of a whole job."""
    options = ColorizeOptions(end_s=end_s, preset="veryfast", batch_size=4, **changes)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        out = Path(folder) / "out.mkv"
        result = vidcolor.colorize_video(path, out, options=options, model=model)
        return (time.process_time() - start) / result.frames


def strips(clips: list[Clip], folder: Path) -> None:
    """Write one row of pixels over time: truth, every frame, every eighth, auto."""
    folder.mkdir(parents=True, exist_ok=True)
    for clip in clips:
        found = [clip.true, clip.network, *(carry(clip, clip.network, e)[0] for e in (8, None))]
        light = F.interpolate(clip.lightness, size=clip.true.shape[-2:], mode="area")
        row = clip.true.shape[-2] // 2
        rows = [
            lab_to_rgb(torch.cat((light * 100, ab), dim=1))[:, :, row].permute(0, 2, 1)
            for ab in found
        ]
        picture = (torch.cat(rows, dim=1).clamp(0, 1) * 255).byte().numpy()[..., ::-1]
        large = cv2.resize(np.ascontiguousarray(picture), None, fx=3, fy=4, interpolation=0)
        cv2.imwrite(str(folder / f"{clip.name}.png"), large)


@torch.inference_mode()
def main() -> None:
    """Command line."""
    layout = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--speed", metavar="MODEL", choices=tuple(MODELS))
    parser.add_argument("--strips", type=Path, metavar="FOLDER")
    parser.add_argument("--stabilize", default="off", help="smoothing in the measured jobs")
    args = parser.parse_args()
    if args.speed:
        speed(args.clips, args.speed, args.frames, stabilize=args.stabilize)
        return
    model = vidcolor.load_model("compact", "cpu", "fp32")
    clips = [load(path, model, args.frames) for path in args.clips]
    job: Callable[[], None] = (
        (lambda: strips(clips, args.strips)) if args.strips else (lambda: quality(clips))
    )
    job()
