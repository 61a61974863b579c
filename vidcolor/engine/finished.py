"""The model's finishing behind a smoother: frames that wait for later ones are finished with it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.models.finishing import Finishing
from vidcolor.temporal.smoother import Smoother


class FinishedSmoother:
    """A ``Smoother`` whose results are finished by the model.

    It keeps the lightness of the frames that wait inside, at the size of their ab.
    """

    def __init__(self, smoother: Smoother, finishing: Finishing) -> None:
        self._smoother, self._finishing = smoother, finishing
        self._waiting: list[Tensor] = []

    def push(
        self, lightness: Tensor, ab: Tensor, seconds: Sequence[float], cuts: Sequence[bool]
    ) -> Tensor:
        """Take frames; return finished ab of those that are ready, see ``Smoother``."""
        size = (int(ab.shape[-2]), int(ab.shape[-1]))
        self._waiting += F.adaptive_avg_pool2d(lightness, size)
        return self._finish(self._smoother.push(lightness, ab, seconds, cuts))

    def flush(self) -> Tensor:
        """The frames that still wait, finished."""
        return self._finish(self._smoother.flush())

    def _finish(self, ab: Tensor) -> Tensor:
        if not len(ab):
            return ab
        lightness = torch.stack(self._waiting[: len(ab)])
        del self._waiting[: len(ab)]
        # Means are summed in the order of memory: one order, whatever smoothed or batched the ab.
        return self._finishing(ab.contiguous(memory_format=torch.channels_last), lightness)


def finished(smoother: Smoother, finishing: Finishing) -> Smoother:
    """The smoother with the model's finishing behind it; the smoother alone where there is none."""
    return smoother if finishing == Finishing() else FinishedSmoother(smoother, finishing)
