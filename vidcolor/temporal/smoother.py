"""What every smoother of colours over time offers, and the one that does nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

State = dict[str, Tensor]
"""What a smoother knows, as tensors on the CPU by name: ready to be written to a file."""


class Smoother(Protocol):
    """Takes the frames of a film in order; gives them back in order, perhaps later.

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

    def state(self) -> State:
        """All that it knows of the past, the frames that wait included."""
        ...

    def restore(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Go on from where a smoother of the same settings was, exactly as that one would.

        Args:
            state: what its ``state`` returned.
            device: where colours come from and go to.

        Raises:
            KeyError: it is no such state.
        """
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

    def state(self) -> State:
        """Nothing is known."""
        return {}

    def restore(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Nothing needs to be known."""


def no_frames() -> Tensor:
    """The colours of no frame at all, ``(0, 2, 1, 1)``."""
    return torch.empty(0, 2, 1, 1)


def kept(tensor: Tensor) -> Tensor:
    """A copy on the CPU that shares memory with nothing, for a ``State``."""
    return tensor.detach().cpu().contiguous().clone()


def exact(value: float) -> Tensor:
    """A number as a tensor that holds it exactly, for a ``State``."""
    return torch.tensor(value, dtype=torch.float64)
