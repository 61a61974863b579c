"""``DustNet``: whether what is in one frame only is dirt on the film, or a thing in the scene."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SIDE_PX: int = 32
"""Of the cuttings that it sees."""

PLANES: int = 4
"""The frame, its neighbour before and after, registered to it, and where the blob is."""

FACTS: int = 6
"""Figures of a blob, see ``repair.dust.facts``."""


class DustNet(nn.Module):
    """A small classifier of cuttings."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(PLANES, width, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(2 * width, 2 * width, 3, stride=2, padding=1), nn.ReLU(),
        )  # fmt: skip
        self.last = nn.Sequential(
            nn.Linear(4 * width + FACTS, 2 * width), nn.ReLU(), nn.Linear(2 * width, 1)
        )

    def forward(self, cuttings: Tensor, facts: Tensor) -> Tensor:
        """Logits ``(N,)`` of dirt.

        Args:
            cuttings: ``(N, 4, 32, 32)`` float32, see ``repair.dust``.
            facts: ``(N, 6)`` float32.
        """
        x = self.layers(cuttings)
        seen = torch.cat((x.mean((2, 3)), x.amax((2, 3)), facts), 1)
        logits: Tensor = self.last(seen)[:, 0]
        return logits
