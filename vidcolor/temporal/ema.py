"""Exponential smoothing of ab over time, in seconds rather than frames."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from vidcolor.temporal.smoother import no_frames


class AbSmoother:
    """Weighted mean of all colours since the last cut; weights fall by 1/e per time constant.

    The mean is unbiased from the first frame on (as with bias correction in Adam, Kingma and Ba
    2015): the first frame after a cut has no extra weight. Long after a cut it is plain exponential
    smoothing with ``alpha = 1 - exp(-dt / time_constant_s)``.

    Frames are smoothed one by one, in order: results don't depend on batch size.
    """

    def __init__(self, time_constant_s: float) -> None:
        """Start without past frames.

        Args:
            time_constant_s: seconds, 0 or more; 0 passes every frame through untouched.
        """
        self.time_constant_s = time_constant_s
        self._mean: Tensor | None = None
        self._weight = 0.0
        self._last_s = 0.0

    def push(
        self,
        lightness: Tensor,  # noqa: ARG002 - unused here
        ab: Tensor,
        seconds: Sequence[float],
        cuts: Sequence[bool],
    ) -> Tensor:
        """Smooth a run of frames, see ``Smoother``; every frame is ready at once.

        Args:
            lightness: unused.
            ab: ``(B, 2, h, w)`` float32.
            seconds: presentation time of each frame.
            cuts: whether each frame is the first of a shot; there smoothing restarts.

        Returns:
            ``(B, 2, h, w)`` float32.
        """
        if self.time_constant_s <= 0.0 or len(ab) == 0:
            return ab
        return torch.stack([self._step(*frame) for frame in zip(ab, seconds, cuts, strict=True)])

    def flush(self) -> Tensor:
        """Return no frame: none ever waits."""
        return no_frames()

    def _step(self, ab: Tensor, now_s: float, is_cut: bool) -> Tensor:
        if self._mean is None or is_cut or self._mean.shape != ab.shape:
            self._mean, self._weight = ab, 0.0
        elapsed = max(now_s - self._last_s, 0.0)
        self._weight = self._weight * math.exp(-elapsed / self.time_constant_s) + 1.0
        self._last_s = now_s
        self._mean = torch.lerp(self._mean, ab, 1.0 / self._weight)
        return self._mean
