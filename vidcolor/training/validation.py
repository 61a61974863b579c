"""Validation while training: ab against the truth on whole photographs at their own size."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.color import rgb_to_lab
from vidcolor.evaluation.ab_statistics import AbScores, AbStatistics
from vidcolor.models.networks.compact import STRIDE, CompactNet
from vidcolor.training.photos import Photo


@torch.inference_mode()
def validate(network: CompactNet, photos: list[Photo], device: torch.device) -> AbScores:
    """Scores of the regression head, each photograph at the nearest multiple of 32 to its size."""
    statistics = AbStatistics()
    network.eval()
    for photo in photos:
        lab = rgb_to_lab(torch.from_numpy(photo).to(device).permute(2, 0, 1)[None].float() / 255.0)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            ab = network(_fit(lab[:, :1] / 100.0))
        ab = F.interpolate(ab.float(), size=lab.shape[-2:], mode="bilinear")
        statistics.add(ab[0], lab[0, 1:])
    return statistics.scores()


def _fit(lightness: Tensor) -> Tensor:
    size = [max(STRIDE, round(n / STRIDE) * STRIDE) for n in lightness.shape[-2:]]
    return F.interpolate(lightness, size=size, mode="bilinear", antialias=True)
