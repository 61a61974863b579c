"""The interface of smoothers of colours over time, and the one that does nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor


class Smoother(Protocol):
    """Takes the frames of a span, and of its surroundings, in order; returns them in order.

    Frames may be returned by a later call. Each span gets a new smoother.

    Results don't depend on how frames are batched. The number of frames that may wait is bounded,
    in seconds and in frames.
    """

    def push(
        self, lightness: Tensor, ab: Tensor, seconds: Sequence[float], cuts: Sequence[bool]
    ) -> Tensor:
        """Take frames; return those that are ready.

        Args:
            lightness: ``(B, 1, h, w)`` float32, L*/100, upright, as the network saw it.
            ab: ``(B, 2, h', w')`` float32, the network's; h' and w' may be smaller than h and w.
            seconds: presentation time of each frame.
            cuts: whether each frame is the first of a shot.

        Returns:
            Smoothed ab of the next frames in order, ``(N, 2, h', w')`` float32; N may be 0, and
            may be larger than B.
        """
        ...

    def flush(self) -> Tensor:
        """Return the frames that still wait, ``(N, 2, h', w')``, N 0 or more, at the end."""
        ...


class PerFrame:
    """A ``Smoother`` that returns every frame at once as it is."""

    def push(
        self,
        lightness: Tensor,  # noqa: ARG002 - of the protocol
        ab: Tensor,
        seconds: Sequence[float],  # noqa: ARG002
        cuts: Sequence[bool],  # noqa: ARG002
    ) -> Tensor:
        """Return ``ab``."""
        return ab

    def flush(self) -> Tensor:
        """Return no frame: none ever waits."""
        return no_frames()


def no_frames() -> Tensor:
    """An empty batch of ab, ``(0, 2, 1, 1)``."""
    return torch.empty(0, 2, 1, 1)
