"""Figures of a repair network on crops of photographs with drawn damage."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F

from vidcolor.models.networks.damage.repair import RepairNet
from vidcolor.training.repair.batches import DamagedBatch


@torch.inference_mode()
def validate(network: RepairNet, pictures: Iterable[DamagedBatch]) -> dict[str, float]:
    """How well damage is found and filled.

    Args:
        network: in evaluation mode.
        pictures: damaged ones with their truth.

    Returns:
        ``val_f1`` by pixel with a tolerance of 2; ``val_touched``, the share of whole pixels taken
        for damage; ``val_psnr_given`` and ``val_psnr_found``, PSNR in dB within the true mask where
        that is given and where the damage has to be found, and ``val_psnr_none`` without repair.
    """
    hits = found_pixels = caught = true_pixels = touched = whole = 0.0
    errors = {"given": 0.0, "found": 0.0, "none": 0.0}
    for batch in pictures:
        true = batch.mask
        found = (network.detect(batch.damaged) > 0.0).to(true)
        hits += float((found * _near(true)).sum())
        caught += float((true * _near(found)).sum())
        found_pixels += float(found.sum())
        true_pixels += float(true.sum())
        touched += float((found * (1.0 - true)).sum())
        whole += float((1.0 - true).sum())
        grown = F.max_pool2d(found, 3, 1, 1)
        for name, mask in (("given", true), ("found", grown), ("none", torch.zeros_like(true))):
            filled = network.fill(batch.damaged, mask).clamp(0.0, 1.0)
            made = torch.where(mask > 0, filled, batch.damaged)
            errors[name] += float(((made - batch.whole).square() * true).sum())
    precision, recall = hits / max(found_pixels, 1.0), caught / max(true_pixels, 1.0)
    figures = {f"val_psnr_{name}": _psnr(e, true_pixels) for name, e in errors.items()}
    return figures | {
        "val_f1": 2.0 * precision * recall / max(precision + recall, 1e-9),
        "val_touched": touched / max(whole, 1.0),
    }


def _near(mask: torch.Tensor) -> torch.Tensor:
    return F.max_pool2d(mask, 5, 1, 2)


def _psnr(error: float, pixels: float) -> float:
    return -10.0 * math.log10(max(error / max(pixels, 1.0), 1e-10))
