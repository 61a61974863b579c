"""Less chroma where a network's colours are most often wrong; hues stay.

Three cases, measured on photographs outside the training set and on old films
(docs/experiments.md): a colour cast over the whole picture, which saturation amplifies without
making it truer; red to violet in dark tones (clothes, hats, shadows), which is mostly wrong; and
strong red to orange, which on old film is seldom right (coats, trousers, faces in bright light).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import torch.nn.functional as F
from torch import Tensor

from vidcolor.models._metadata import share

DARK: float = 0.4
"""L*/100 from which on no tone counts as dark."""

LOUD: float = 19.0
"""Chroma in Lab units, before saturation, that red to orange keeps in any case: skin has less."""

_RED_A, _RED_B = math.cos(math.radians(15.0)), math.sin(math.radians(15.0))
"""The middle of the hues that count as red to orange."""

_ALIKE, _UNLIKE = math.cos(math.radians(35.0)), math.cos(math.radians(50.0))
"""Up to 35 degrees from there hues count in full, from 50 degrees on not at all."""

_TINY = 1e-6
"""Chroma, in Lab units, below which a colour has no hue."""


@dataclass(frozen=True, slots=True)
class Calm:
    """How much chroma is taken away; weights files hold these values under the same names.

    Attributes:
        cast: share, 0 to 1, of the chroma of the picture's mean colour that is taken from colours
            of that hue; from other hues less, from those across the circle and from grey nothing.
        shadows: share, 0 to 1, of chroma that pure red (a* > 0, b* = 0) loses in black; less up to
            ``DARK``, and towards yellow and blue; green keeps all.
        reds: share, 0 to 1, of chroma above ``LOUD`` that red to orange loses.
    """

    cast: float = 0.0
    shadows: float = 0.0
    reds: float = 0.0

    @classmethod
    def read(cls, metadata: Mapping[str, str]) -> Calm:
        """Read a file's metadata; missing values change nothing.

        Raises:
            ValueError: a number is none, or not in [0, 1].
        """
        return cls(**{each.name: share(metadata, each.name) for each in fields(cls)})

    def as_metadata(self) -> dict[str, str]:
        """What ``read`` reads."""
        return {name: str(value) for name, value in asdict(self).items()}

    def __call__(self, ab: Tensor, lightness: Tensor) -> Tensor:
        """Reduce chroma, each picture by itself.

        Args:
            ab: ``(B, 2, h, w)`` float32 as the network gives it.
            lightness: ``(B, 1, H, W)`` float32 of the same pictures, L*/100, any size.

        Returns:
            ``(B, 2, h, w)`` float32 of the same hues and at most the same chroma.
        """
        if self == Calm():
            return ab
        chroma = ab.norm(dim=1, keepdim=True).clamp_min(_TINY)
        size = (ab.shape[2], ab.shape[3])
        dark = (1.0 - F.adaptive_avg_pool2d(lightness, size) / DARK).clamp_min(0.0)
        red = (ab[:, :1] / chroma).clamp_min(0.0)
        kept: Tensor = (1.0 - self._cast(ab, chroma)) * (1.0 - self.shadows * dark * red)
        return self._without_loud_reds(ab * kept)

    def _without_loud_reds(self, ab: Tensor) -> Tensor:
        """Less of what is above ``LOUD``, ``(B, 2, h, w)``."""
        chroma = ab.norm(dim=1, keepdim=True).clamp_min(_TINY)
        alike = (ab[:, :1] * _RED_A + ab[:, 1:] * _RED_B) / chroma
        counts = ((alike - _UNLIKE) / (_ALIKE - _UNLIKE)).clamp(0.0, 1.0)
        lost: Tensor = self.reds * counts * (1.0 - LOUD / chroma).clamp_min(0.0)
        return ab * (1.0 - lost)

    def _cast(self, ab: Tensor, chroma: Tensor) -> Tensor:
        """The share of chroma to take, ``(B, 1, h, w)``."""
        mean = ab.mean(dim=(2, 3), keepdim=True)
        size = mean.norm(dim=1, keepdim=True).clamp_min(_TINY)
        alike = ((ab * mean).sum(dim=1, keepdim=True) / (chroma * size)).clamp_min(0.0)
        share_of_mean: Tensor = self.cast * alike * (size / chroma).clamp_max(1.0)
        return share_of_mean
