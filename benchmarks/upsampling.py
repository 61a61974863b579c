"""Does edge-aware resizing of ab to the frame beat bilinear? Measured against true colours.

    python benchmarks/upsampling.py PHOTO_OR_FOLDER ...

For each picture: the network's ab at its working size is brought to the picture's size bilinearly
and by a guided filter (He and Sun, "Fast Guided Filter", 2015) steered by the lightness, with
several radii and strengths; printed is the error of ab against the truth, pooled over all pixels.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import vidcolor
from vidcolor.color import lightness_to_grey, rgb_to_lab
from vidcolor.engine.image import still_ab
from vidcolor.evaluation.ab_statistics import AbStatistics
from vidcolor.types import StillImage


def guided(lightness: Tensor, ab: Tensor, radius: int, eps: float) -> Tensor:
    """Resize ab ``(1, 2, h, w)`` to the lightness's size so that its edges follow lightness."""
    small = F.interpolate(lightness, size=ab.shape[-2:], mode="area")
    mean_l, mean_ab = _box(small, radius), _box(ab, radius)
    variance = _box(small * small, radius) - mean_l * mean_l
    slope = (_box(small * ab, radius) - mean_l * mean_ab) / (variance + eps)
    offset = mean_ab - slope * mean_l
    slope, offset = (
        F.interpolate(_box(t, radius), size=lightness.shape[-2:], mode="bilinear")
        for t in (slope, offset)
    )
    return slope * lightness + offset


def _box(x: Tensor, radius: int) -> Tensor:
    return F.avg_pool2d(
        x, 2 * radius + 1, stride=1, padding=radius, count_include_pad=False
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--model", default="compact")
    arguments = parser.parse_args()
    model = vidcolor.load_model(arguments.model, kind="image")
    files = [f for p in arguments.paths for f in (sorted(p.iterdir()) if p.is_dir() else [p])]
    settings = [(r, e) for r in (1, 2, 4) for e in (1e-3, 4e-3, 2e-2)]
    table = {"bilinear": AbStatistics()} | {f"guided r={r} eps={e:g}": AbStatistics() for r, e in settings}
    for file in files:
        rgb = cv2.imread(str(file))[:, :, ::-1].copy()
        lab = rgb_to_lab(torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255)
        lightness = lab[:, :1] / 100
        luma = (lightness_to_grey(lightness)[0, 0] * 255).round().numpy().astype(np.uint8)
        ab = still_ab(StillImage(luma, 8, None, "PNG", False), model)
        plain = F.interpolate(ab, size=lab.shape[-2:], mode="bilinear")
        table["bilinear"].add(plain[0], lab[0, 1:])
        for radius, eps in settings:
            result = guided(lightness, ab, radius, eps)
            table[f"guided r={radius} eps={eps:g}"].add(result[0], lab[0, 1:])
    print("| resize | RMSE / grey | correlation |\n|---|---|---|")
    for name, statistics in table.items():
        scores = statistics.scores()
        print(f"| {name} | {scores.rmse_ratio:.4f} | {scores.correlation:.4f} |")


if __name__ == "__main__":
    main()
