"""Does edge-aware resizing of ab to the frame beat bilinear? Measured against true colours.

    python checks quality/upsampling PHOTO_OR_FOLDER ...

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
from shared.files import photos
from torch import Tensor

import vidcolor
from vidcolor.color import lightness_to_grey, rgb_to_lab
from vidcolor.engine.image import still_ab
from vidcolor.evaluation.measures.ab_statistics import AbStatistics
from vidcolor.types import StillImage


def guided(lightness: Tensor, ab: Tensor, radius: int, eps: float, *, detail: bool) -> Tensor:
    """Resize ab ``(1, 2, h, w)`` to the lightness's size so that its edges follow lightness.

    With ``detail``, bilinear ab stays and only what lightness lost on the way down is added, times
    the local slope; otherwise the filter's own result is taken, which smooths ab too.
    """
    size = lightness.shape[-2:]
    small = F.interpolate(lightness, size=ab.shape[-2:], mode="area")
    mean_l, mean_ab = _box(small, radius), _box(ab, radius)
    variance = _box(small * small, radius) - mean_l * mean_l
    slope = _box((_box(small * ab, radius) - mean_l * mean_ab) / (variance + eps), radius)
    if detail:
        lost = lightness - F.interpolate(small, size=size, mode="bilinear")
        enlarged = F.interpolate(slope, size=size, mode="bilinear")
        return F.interpolate(ab, size=size, mode="bilinear") + enlarged * lost
    offset = _box(mean_ab, radius) - _box(slope * mean_l, radius)
    slope, offset = (F.interpolate(t, size=size, mode="bilinear") for t in (slope, offset))
    return slope * lightness + offset


def _box(x: Tensor, radius: int) -> Tensor:
    return F.avg_pool2d(x, 2 * radius + 1, stride=1, padding=radius, count_include_pad=False)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--model", default="compact", help="or 'truth': true ab at a quarter")
    arguments = parser.parse_args()
    model = vidcolor.load_model(arguments.model) if arguments.model != "truth" else None
    files = photos(arguments.paths)
    settings = [(r, e, d) for r in (1, 2) for e in (1e-3, 4e-3, 2e-2) for d in (True, False)]
    names = [f"{'detail' if d else 'filter'}, radius {r}, epsilon {e:g}" for r, e, d in settings]
    table = {name: AbStatistics() for name in ("bilinear", *names)}
    for file in files:
        rgb = cv2.imread(str(file))[:, :, ::-1].copy()
        lab = rgb_to_lab(torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255)
        lightness = lab[:, :1] / 100
        luma = (lightness_to_grey(lightness)[0, 0] * 255).round().numpy().astype(np.uint8)
        if arguments.model == "truth":
            ab = F.interpolate(lab[:, 1:], scale_factor=0.25, mode="area")
        else:
            ab = still_ab(StillImage(luma, 8, None, "PNG", False), model)
        plain = F.interpolate(ab, size=lab.shape[-2:], mode="bilinear")
        table["bilinear"].add(plain[0], lab[0, 1:])
        for name, (radius, eps, detail) in zip(names, settings, strict=True):
            result = guided(lightness, ab, radius, eps, detail=detail)
            table[name].add(result[0], lab[0, 1:])
    print("| resize | RMSE / grey | correlation |\n|---|---|---|")
    for name, statistics in table.items():
        scores = statistics.scores()
        print(f"| {name} | {scores.rmse_ratio:.4f} | {scores.correlation:.4f} |")
