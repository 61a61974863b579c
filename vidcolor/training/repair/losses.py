"""Losses of a repair network, and the masks that its second stage is trained with."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.training.repair.batches import DamagedBatch
from vidcolor.training.repair_config import RepairRun

_WINDOW = 7
_RARE = 2.0
"""Weight of damaged pixels in the cross-entropy: they are few."""
_SEEN = 0.12
"""Change of lightness from which on damage is plainly seen."""
_C1, _C2 = 0.01**2, 0.03**2

Features = Callable[[Tensor], list[Tensor]]
"""R'G'B' ``(B, 3, H, W)`` in [0, 1] to features of a network that knows pictures."""


def detection_loss(logits: Tensor, batch: DamagedBatch) -> Tensor:
    """Cross-entropy and Dice (Milletari et al. 2016), both of the whole batch.

    Damage counts by how much it changes the picture: what is hardly seen can't be learnt, and what
    is plainly seen has to be found. Pixels within 1 of an outline count half: where it runs exactly
    is nobody's truth.

    Args:
        logits: ``(B, 1, H, W)``.
        batch: the pictures and the truth.
    """
    mask = batch.mask
    change = F.max_pool2d((batch.damaged - batch.whole).abs(), 5, 1, 2)
    counts = (change / _SEEN).clamp(0.4, 2.5)
    near = F.max_pool2d(mask, 3, 1, 1) + F.max_pool2d(-mask, 3, 1, 1)
    weight = (1.0 - 0.5 * near) * torch.where(mask > 0, _RARE * counts, 1.0)
    entropy = F.binary_cross_entropy_with_logits(logits, mask, weight)
    found = torch.sigmoid(logits)
    true = counts * mask
    dice = 1.0 - (2.0 * (found * true).sum() + 1.0) / (
        (found * torch.where(mask > 0, counts, 1.0)).sum() + true.sum() + 1.0
    )
    return entropy + 0.3 * dice


def fill_loss(
    filled: Tensor, batch: DamagedBatch, mask: Tensor, config: RepairRun, features: Features | None
) -> Tensor:
    """L1, squared error and SSIM within the mask, and the perceptual distance of the picture.

    Args:
        filled: ``(B, 1, H, W)``, what the network made of all of it.
        batch: the truth.
        mask: ``(B, 1, H, W)`` that the network was given.
        config: the weights of each.
        features: for the perceptual loss.
    """
    share = mask.sum().clamp_min(1.0)
    difference = (filled - batch.whole) * mask
    loss = config.l1 * difference.abs().sum() / share
    loss = loss + config.mse * difference.square().sum() / share
    joined = batch.whole + difference
    if config.ssim:
        unlike = (1.0 - ssim_map(joined, batch.whole)) * mask
        loss = loss + config.ssim * unlike.sum() / share
    if config.perceptual and features is not None:
        loss = loss + config.perceptual * _perceptual(joined, batch.whole, features)
    return loss


def ssim_map(made: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity around each pixel of ``(B, 1, H, W)`` in [0, 1]; the same shape."""
    planes = torch.cat((made, truth, made * made, truth * truth, made * truth), 1)
    x, y, xx, yy, xy = F.avg_pool2d(
        planes, _WINDOW, 1, _WINDOW // 2, count_include_pad=False
    ).chunk(5, 1)
    above = (2.0 * x * y + _C1) * (2.0 * (xy - x * y) + _C2)
    below = (x * x + y * y + _C1) * ((xx - x * x) + (yy - y * y) + _C2)
    return above / below


def masks_to_fill(mask: Tensor, logits: Tensor, generator: torch.Generator) -> Tensor:
    """What the second stage is told is damaged: the truth, somewhat more, or what was found.

    Args:
        mask: the truth, ``(B, 1, H, W)``.
        logits: of the first stage.
        generator: source of chance.
    """
    wide = F.max_pool2d(mask, 3, 1, 1)
    wider = F.max_pool2d(wide, 3, 1, 1)
    found = F.max_pool2d((logits.detach() > 0.0).to(mask), 3, 1, 1)
    chance = torch.rand(len(mask), 1, 1, 1, generator=generator).to(mask.device)
    chosen = torch.where(chance < 0.4, mask, torch.where(chance < 0.55, wide, wider))
    return torch.where(chance < 0.7, chosen, found)


def _perceptual(made: Tensor, truth: Tensor, features: Features) -> Tensor:
    with torch.no_grad():
        wanted = features(truth.expand(-1, 3, -1, -1))
    got = features(made.expand(-1, 3, -1, -1))
    terms = [
        F.l1_loss(g, w) / w.abs().mean().clamp_min(1e-6) for g, w in zip(got, wanted, strict=True)
    ]
    return torch.stack(terms).mean()
