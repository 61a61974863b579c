"""Quantised ab, and one colour from probabilities over it (Zhang, Isola, Efros, 2016)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vidcolor.color import lab_to_linear

BIN_SIZE = 10.0
"""Side of a bin in Lab units."""

TEMPERATURE = 0.38
"""Of the annealed mean, as published: 1 is the mean, 0 the most probable colour."""

_REACH = 12
"""Bins from -120 to 120 in a and b."""


class AbBins:
    """The bins that sRGB can show: which one a colour falls in, and how rare each is.

    Attributes:
        centres: ``(Q, 2)`` float32 ab.
        weight: ``(Q,)`` float32, a loss's weight for colours of each bin.
    """

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
        """Set the weights from a sample of true colours ``(B, 2, H, W)``; their mean is 1.

        The inverse of each bin's frequency, mixed half with uniform (Zhang et al., 2016).
        """
        counts = torch.bincount(self.index(ab).flatten(), minlength=len(self)).float()
        share = counts / counts.sum()
        weight = 1.0 / (0.5 * share + 0.5 / len(self))
        self.weight = weight / (weight * share).sum()


def annealed_mean(logits: Tensor, centres: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """The mean colour after sharpening the probabilities (Zhang et al., 2016, equation 5).

    Args:
        logits: ``(B, Q, H, W)``, any float dtype.
        centres: ``(Q, 2)`` ab of the bins.
        temperature: 1 is the mean, towards 0 the mode.

    Returns:
        ``(B, 2, H, W)`` float32 ab.
    """
    shares = torch.softmax(logits.float() / temperature, dim=1)
    # Autocast would leave it in bfloat16.
    return torch.einsum("bqhw,qc->bchw", shares, centres.to(shares)).float()


class AnnealedHead(nn.Module):
    """A classification layer and the annealed mean behind it: features in, ab out."""

    def __init__(self, classify: nn.Conv2d, temperature: float = TEMPERATURE) -> None:
        super().__init__()
        self.classify = classify.float()
        self.temperature = temperature
        self.register_buffer("centres", AbBins(torch.device("cpu")).centres, persistent=False)
        self.centres: Tensor

    def forward(
        self, features: Tensor, *, with_confidence: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Read features.

        Args:
            features: ``(B, C, h, w)``.
            with_confidence: also say how sure the colour is.

        Returns:
            ``(B, 2, h, w)`` float32 ab, and ``certainty`` or None.
        """
        logits = self.classify(features.float())
        ab = annealed_mean(logits, self.centres, self.temperature)
        return ab, certainty(logits) if with_confidence else None


def certainty(logits: Tensor) -> Tensor:
    """How far probabilities are from knowing nothing: 1 minus their entropy over its largest.

    Args:
        logits: ``(B, Q, H, W)``, any float dtype.

    Returns:
        ``(B, 1, H, W)`` float32: 0 where all bins are equally likely, 1 where one has everything.
    """
    shares = torch.softmax(logits.float(), dim=1)
    entropy = -torch.xlogy(shares, shares).sum(dim=1, keepdim=True)
    return (1.0 - entropy / math.log(logits.shape[1])).clamp(0.0, 1.0)


def _in_gamut(ab: Tensor) -> Tensor:
    levels = torch.linspace(0.02, 0.98, 49).view(-1, 1, 1, 1)
    shown = torch.zeros(len(ab), dtype=torch.bool)
    for level in levels:
        lightness = level.view(1, 1, 1, 1).expand(len(ab), 1, 1, 1)
        linear = lab_to_linear(lightness, ab.view(-1, 2, 1, 1))
        shown |= ((linear > -0.02) & (linear < 1.02)).flatten(1).all(dim=1)
    return shown
