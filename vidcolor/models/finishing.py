"""What is done to a model's colours after everything that works over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from vidcolor.models._metadata import factor
from vidcolor.models.calm import Calm


@dataclass(frozen=True, slots=True)
class Finishing:
    """The model's own correction of its colours; by default none.

    A step of its own, so that smoothing, key frames and whatever else compares colours over time
    work on the network's own ab.

    Attributes:
        calm: where chroma is taken away.
        saturation: factor on ab after that.
    """

    calm: Calm = field(default_factory=Calm)
    saturation: float = 1.0

    @classmethod
    def read(cls, metadata: Mapping[str, str]) -> Finishing:
        """Read a weights file's metadata; missing values change nothing.

        Raises:
            ValueError: a number is none, or out of range.
        """
        return cls(Calm.read(metadata), factor(metadata, "saturation", 1.0))

    def __call__(self, ab: Tensor, lightness: Tensor) -> Tensor:
        """Finish pictures, each by itself.

        Args:
            ab: ``(B, 2, h, w)`` float32, Lab ab as the network gives it.
            lightness: ``(B, 1, H, W)`` float32 of the same pictures, L*/100, any size.

        Returns:
            ``(B, 2, h, w)`` float32.
        """
        return self.calm(ab, lightness) * self.saturation
