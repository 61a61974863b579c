"""Less chroma where a network's colours are least to be believed; hues stay.

Two places, found on photographs that training never saw (docs/experiments.md): the one colour that
lies over a whole picture, which saturation makes louder but not truer, and red to violet in dark
tones, which is mostly made up: clothes, hats, shadows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from vidcolor.models._metadata import share

DARK: float = 0.4
"""L*/100 from which on no tone counts as dark."""

_TINY = 1e-6
"""Chroma, in Lab units, below which a colour has no hue."""


@dataclass(frozen=True, slots=True)
class Calm:
    """How much less; a weights file's metadata say it, under these names.

    Attributes:
        cast: share, 0 to 1, of the chroma of the picture's mean colour that is taken from colours
            of that hue; from other hues less, from those across the circle and from grey nothing.
        shadows: share, 0 to 1, of chroma that pure red (a* > 0, b* = 0) loses in black; less up to
            ``DARK``, and towards yellow and blue; green keeps all.
    """

    cast: float = 0.0
    shadows: float = 0.0

    @classmethod
    def read(cls, metadata: Mapping[str, str]) -> Calm:
        """What a file's metadata say; nothing said changes nothing.

        Raises:
            ValueError: a number is none, or not in [0, 1].
        """
        return cls(share(metadata, "cast"), share(metadata, "shadows"))

    def __call__(self, ab: Tensor, lightness: Tensor) -> Tensor:
        """Calm pictures, each by itself.

        Args:
            ab: ``(B, 2, h, w)`` float32 as the network gives it.
            lightness: ``(B, 1, H, W)`` float32 of the same pictures, L*/100, any size.

        Returns:
            ``(B, 2, h, w)`` float32 of the same hues and at most the same chroma.
        """
        if not (self.cast or self.shadows):
            return ab
        chroma = ab.norm(dim=1, keepdim=True).clamp_min(_TINY)
        size = (ab.shape[2], ab.shape[3])
        dark = (1.0 - F.adaptive_avg_pool2d(lightness, size) / DARK).clamp_min(0.0)
        red = (ab[:, :1] / chroma).clamp_min(0.0)
        kept: Tensor = (1.0 - self._cast(ab, chroma)) * (1.0 - self.shadows * dark * red)
        return ab * kept

    def _cast(self, ab: Tensor, chroma: Tensor) -> Tensor:
        """The share of chroma to take, ``(B, 1, h, w)``."""
        mean = ab.mean(dim=(2, 3), keepdim=True)
        size = mean.norm(dim=1, keepdim=True).clamp_min(_TINY)
        alike = ((ab * mean).sum(dim=1, keepdim=True) / (chroma * size)).clamp_min(0.0)
        share_of_mean: Tensor = self.cast * alike * (size / chroma).clamp_max(1.0)
        return share_of_mean
