"""Losses on ab: Huber on the regression head, rebalanced cross-entropy over ab bins.

The classification follows Zhang, Isola and Efros (2016): bins of 10 Lab units that sRGB can show,
each weighted by the inverse of its frequency, mixed half with uniform.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.color import lab_to_linear

BIN_SIZE = 10.0
_REACH = 12
"""Bins from -120 to 120 in a and b."""


class AbBins:
    """Quantised ab: which bin a colour falls in, and how rare that bin is."""

    def __init__(self, device: torch.device) -> None:
        ticks = torch.arange(-_REACH, _REACH + 1, dtype=torch.float32) * BIN_SIZE
        grid = torch.stack(torch.meshgrid(ticks, ticks, indexing="ij"), dim=-1).reshape(-1, 2)
        shown = _in_gamut(grid)
        self.centres = grid[shown].to(device)
        # Colours of bins that sRGB can't show belong to the nearest that it can.
        self._table = torch.cdist(grid, grid[shown]).argmin(dim=1).to(device)
        self.weight = torch.ones(len(self.centres), device=device)

    def __len__(self) -> int:
        return len(self.centres)

    def index(self, ab: Tensor) -> Tensor:
        """Bin of each colour: ``(B, 2, H, W)`` to ``(B, H, W)`` int64."""
        steps = (ab / BIN_SIZE).round().clamp(-_REACH, _REACH).long() + _REACH
        return self._table[steps[:, 0] * (2 * _REACH + 1) + steps[:, 1]]

    def balance(self, ab: Tensor) -> None:
        """Set the weights from a sample of true colours ``(B, 2, H, W)``; their mean is 1."""
        counts = torch.bincount(self.index(ab).flatten(), minlength=len(self)).float()
        share = counts / counts.sum()
        weight = 1.0 / (0.5 * share + 0.5 / len(self))
        self.weight = weight / (weight * share).sum()


def huber(ab: Tensor, truth: Tensor, delta: float) -> Tensor:
    """Mean Huber loss of ab ``(B, 2, H, W)`` in units of ``delta``: square near, straight far."""
    return F.huber_loss(ab / delta, truth / delta)


def cross_entropy(logits: Tensor, truth: Tensor, bins: AbBins) -> Tensor:
    """Rebalanced cross-entropy of ``(B, Q, H, W)`` logits against true ab ``(B, 2, H, W)``."""
    index = bins.index(truth).flatten()
    rows = logits.permute(0, 2, 3, 1).reshape(-1, logits.shape[1])
    loss = F.cross_entropy(rows.float(), index, reduction="none")
    return (loss * bins.weight[index]).mean()


def _in_gamut(ab: Tensor) -> Tensor:
    lightness = torch.linspace(0.02, 0.98, 49).view(-1, 1, 1, 1)
    shown = torch.zeros(len(ab), dtype=torch.bool)
    for level in lightness:
        linear = lab_to_linear(
            level.view(1, 1, 1, 1).expand(len(ab), 1, 1, 1), ab.view(-1, 2, 1, 1)
        )
        shown |= ((linear > -0.02) & (linear < 1.02)).flatten(1).all(dim=1)
    return shown
