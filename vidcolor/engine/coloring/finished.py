"""What follows smoothing: the model's finishing, and mounts without colour."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.engine.coloring.mounts import colored_share
from vidcolor.models.finishing import Finishing
from vidcolor.temporal.smoother import Smoother


class FinishedSmoother:
    """A ``Smoother`` whose results are finished by the model, and have grey mounts.

    It keeps what is needed of the lightness of the frames that wait inside, at the size of their
    ab.
    """

    def __init__(self, smoother: Smoother, finishing: Finishing, *, grey_mounts: bool) -> None:
        self._smoother, self._finishing, self._grey_mounts = smoother, finishing, grey_mounts
        self._waiting: list[tuple[Tensor, Tensor | None]] = []

    def push(
        self, lightness: Tensor, ab: Tensor, seconds: Sequence[float], cuts: Sequence[bool]
    ) -> Tensor:
        """Take frames; return finished ab of those that are ready, see ``Smoother``."""
        size = (int(ab.shape[-2]), int(ab.shape[-1]))
        shares = colored_share(lightness, size) if self._grey_mounts else [None] * len(lightness)
        self._waiting += zip(F.adaptive_avg_pool2d(lightness, size), shares, strict=True)
        return self._finish(self._smoother.push(lightness, ab, seconds, cuts))

    def flush(self) -> Tensor:
        """The frames that still wait, finished."""
        return self._finish(self._smoother.flush())

    def _finish(self, ab: Tensor) -> Tensor:
        if not len(ab):
            return ab
        lightness, shares = zip(*self._waiting[: len(ab)], strict=True)
        del self._waiting[: len(ab)]
        # Means are summed in the order of memory: one order, whatever smoothed or batched the ab.
        ab = self._finishing(
            ab.contiguous(memory_format=torch.channels_last), torch.stack(lightness)
        )
        return ab * torch.stack(shares) if self._grey_mounts else ab


def finished(smoother: Smoother, finishing: Finishing, *, grey_mounts: bool) -> Smoother:
    """The smoother with what follows it; the smoother alone where nothing does."""
    if finishing == Finishing() and not grey_mounts:
        return smoother
    return FinishedSmoother(smoother, finishing, grey_mounts=grey_mounts)
