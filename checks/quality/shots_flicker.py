"""How far the network's colours follow the source's flicker, with and without evening its input.

    python checks quality/shots_flicker CLIP_OR_FOLDER ... [--model compact] [--frames 24]

Two tables. Clips as they are: the jitter of lightness and the jitter of ab, each as the RMS of
second differences over time, with and without ``even_out``. Steady clips with flicker put
on (offsets in logits, gain and a slope across the picture: old film): how far ab move from those of
the steady clip.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import av
import numpy as np
import torch
from shared.files import films
from torch import Tensor

import vidcolor
from vidcolor.color import luma_to_lightness
from vidcolor.engine.coloring.geometry import resize_lightness, working_size
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ModelInput
from vidcolor.temporal import FlickerMeter, even_out


def _seen(path: Path, model: Colorizer, frames: int) -> tuple[Tensor, list[float]]:
    """What the network sees of a clip's first frames, and their times in seconds."""
    with av.open(str(path)) as container:
        rate = float(container.streams.video[0].average_rate or 25)
        taken = list(itertools.islice(container.decode(video=0), frames))
    codes = np.stack([f.to_ndarray(format="gray") for f in taken])
    lightness = luma_to_lightness(torch.from_numpy(codes)[:, None], depth=8, full_range=True)
    height, width = codes.shape[1:]
    size = working_size(model.spec.working_size, width, height, render_factor=16)
    return resize_lightness(lightness, size), [i / rate for i in range(len(taken))]


def _flickered(lightness: Tensor, strength: float, uneven: float) -> Tensor:
    rng = np.random.default_rng(3)
    across = torch.linspace(-1, 1, lightness.shape[-1])
    frames = []
    for frame in lightness:
        offset = rng.normal(0, strength) + rng.normal(0, uneven) * across
        gain = 1 + rng.normal(0, uneven)
        frames.append(torch.sigmoid(torch.logit(frame, eps=1e-4) + offset) * gain)
    return torch.stack(frames).clamp(0, 1)


def _jitter(x: Tensor) -> float:
    """RMS of second differences over time, scaled to the deviation of independent noise."""
    return float(((x[2:] - 2 * x[1:-1] + x[:-2]).square().mean() / 6).sqrt())


def _colour(model: Colorizer, lightness: Tensor) -> Tensor:
    with torch.inference_mode():
        parts = lightness.split(4)
        return torch.cat([model.finishing(model(ModelInput(x)).ab, x) for x in parts])


def _evened(lightness: Tensor, seconds: list[float]) -> Tensor:
    found = FlickerMeter().corrections(lightness, seconds, [False] * len(seconds))
    pairs = zip(lightness, found, strict=True)
    return torch.cat([even_out(frame[None], one.terms) for frame, one in pairs])


def _put_on(model: Colorizer, seen: Tensor, seconds: list[float], ab: Tensor) -> tuple[float, ...]:
    """What even and uneven flicker do to ab: jitter without and with evening, and the ratio."""
    figures: list[float] = []
    for uneven in (0.0, 0.033):
        rough = _flickered(seen, 0.1, uneven)
        moved = [_colour(model, x) - ab for x in (rough, _evened(rough, seconds))]
        # After the first frames, when the course is known.
        bad, good = (_jitter(x[6:]) for x in moved)
        figures += [bad, good, good / bad]
    return tuple(figures)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--model", default="compact")
    parser.add_argument("--frames", type=int, default=24)
    arguments = parser.parse_args()
    model = vidcolor.load_model(arguments.model)
    files = films(arguments.paths)
    natural, synthetic = [], []
    for file in files:
        seen, seconds = _seen(file, model, arguments.frames)
        ab, even = _colour(model, seen), _evened(seen, seconds)
        changed = float((even - seen).abs().max()) * 100
        ab_even = ab if changed == 0 else _colour(model, even)
        light = [100 * _jitter(x.mean((2, 3), keepdim=True)) for x in (seen, even)]
        colour = [_jitter(x) for x in (ab, ab_even)]
        natural.append((file.stem, *light, *colour, colour[1] / colour[0], changed))
        if changed > 0:
            continue
        synthetic.append((file.stem, *_put_on(model, seen, seconds, ab)))
    print(
        "| clip | jitter of mean L* | evened | jitter of ab | evened | ratio | most changed, L* |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, *figures in natural:
        print(f"| {name} |", " | ".join(f"{x:.2f}" for x in figures), "|")
    print("\n| steady clip | ab, even flicker | evened | ratio | uneven flicker | evened | ratio |")
    print("|---|---|---|---|---|---|---|")
    for name, *figures in synthetic:
        print(f"| {name} |", " | ".join(f"{x:.2f}" for x in figures), "|")
