"""Frames on their way to the network: where shots begin, and exposure made even within them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vidcolor.temporal import CutDetector, Deflicker, ExposureNormalizer, ShotDetector


@dataclass(slots=True)
class ShotFrames:
    """Consecutive frames of which it is known whether they begin a shot.

    Attributes:
        lightness: ``(N, 1, h, w)`` float32, L*/100, as the network shall see it.
        seconds: presentation times.
        cuts: whether each begins a shot.
        offsets: change of exposure for the output, in logits of lightness; 0 leaves it alone.
    """

    lightness: Tensor
    seconds: list[float]
    cuts: list[bool]
    offsets: list[float]


class ShotLine:
    """Frames that wait until it is known whether they begin a shot.

    Args:
        looks_ahead: use the detector that sees a few frames ahead, and holds them back.
        evens_exposure: make exposure even for the network.
        deflicker: find out how to make it even in the output.
    """

    def __init__(self, *, looks_ahead: bool, evens_exposure: bool, deflicker: bool) -> None:
        self._ahead = ShotDetector() if looks_ahead else None
        self._at_once = CutDetector()
        self._normalizer = ExposureNormalizer() if evens_exposure else None
        self._deflicker = Deflicker() if deflicker else None
        self._lightness: list[Tensor] = []
        self._seconds: list[float] = []

    def push(self, lightness: Tensor, seconds: Sequence[float]) -> ShotFrames | None:
        """Take frames; return those whose place is known now, None if there are none.

        Args:
            lightness: ``(B, 1, h, w)`` float32, L*/100.
            seconds: presentation time of each frame.
        """
        self._lightness += [one[None] for one in lightness]
        self._seconds += seconds
        cuts = self._ahead.push(lightness) if self._ahead else self._at_once.find(lightness)
        return self._take(cuts)

    def flush(self) -> ShotFrames | None:
        """Return the frames that still wait, None if there are none."""
        return self._take(self._ahead.flush() if self._ahead else [])

    def _take(self, cuts: list[bool]) -> ShotFrames | None:
        count = len(cuts)
        if count == 0:
            return None
        seen, seconds = torch.cat(self._lightness[:count]), self._seconds[:count]
        del self._lightness[:count], self._seconds[:count]
        offsets = [0.0] * count
        if self._deflicker:
            offsets = self._deflicker.offsets(seen, seconds, cuts)
        if self._normalizer:
            seen = self._normalizer.even(seen, seconds, cuts)
        return ShotFrames(seen, seconds, cuts, offsets)
