"""What every smoother of colours over time offers, and the one that does nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor


class Smoother(Protocol):
    """Takes the frames of a span, and of its surroundings, in order; gives them back in order.

    They may come back later. Each span gets a new smoother.

    What comes out for a frame never depends on how frames were batched. How many frames may wait
    inside is bounded, by seconds and by frames.
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
        """The frames that still wait, ``(N, 2, h', w')``, N 0 or more: the film is at its end."""
        ...


class PerFrame:
    """A ``Smoother`` that returns every frame at once as it is."""

    def push(
        self,
        lightness: Tensor,  # noqa: ARG002 - as the protocol has it
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
    """The colours of no frame at all, ``(0, 2, 1, 1)``."""
    return torch.empty(0, 2, 1, 1)
