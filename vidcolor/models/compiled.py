"""A network through torch.compile, with the plain one behind it where that fails."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor, nn

from vidcolor.models._metadata import reason
from vidcolor.models.colorizer import Colorizer

logger = logging.getLogger(__name__)


class CompiledNetwork(nn.Module):
    """Compiles at the first call, which takes a minute; goes on uncompiled if that fails.

    Compiled code is made for one shape. Smaller batches, as the last one of a film, are filled up
    with repetitions of their last picture, and what comes of these is dropped. A single picture
    that comes first, to see how much memory it takes, isn't worth the minute: it runs as it is.

    Attributes:
        is_compiled: None before the first call, then whether it worked.
    """

    def __init__(self, network: nn.Module, *, backend: str = "inductor") -> None:
        """Wrap a network.

        Args:
            network: ``(B, 1, H, W)`` to ``(B, 2, h, w)``, in evaluation mode.
            backend: of torch.compile.
        """
        super().__init__()
        self.network = network
        self.is_compiled: bool | None = None
        self._backend = backend
        self._compiled: Callable[[Tensor], Tensor] = network
        self._batch = 0
        self._is_fresh = True

    def forward(self, lightness: Tensor) -> Tensor:
        """As the network does."""
        count = len(lightness)
        is_probe, self._is_fresh = self._is_fresh and count == 1, False
        if self.is_compiled is False or is_probe:
            return self._plain(lightness)
        self._batch = max(self._batch, count)
        if count < self._batch:
            filling = lightness[-1:].expand(self._batch - count, -1, -1, -1)
            lightness = torch.cat((lightness, filling))
        try:
            run = self._first if self.is_compiled is None else self._compiled
            return run(lightness)[:count]
        except torch.cuda.OutOfMemoryError:
            self._batch = 0  # the caller tries again with fewer, which must not be filled up
            raise

    def _first(self, lightness: Tensor) -> Tensor:
        try:
            self._compiled = torch.compile(self.network, backend=self._backend, dynamic=False)
            ab = self._compiled(lightness)
        except torch.cuda.OutOfMemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a compiler can throw
            logger.warning("torch.compile doesn't work here, going on without: %s", reason(error))
            self.is_compiled = False
            return self._plain(lightness)
        self.is_compiled = True
        return ab

    def _plain(self, lightness: Tensor) -> Tensor:
        ab: Tensor = self.network(lightness)
        return ab


def compile_model(model: Colorizer) -> Colorizer:
    """Replace a colorizer's networks by compiled ones, in place; returns it."""
    for part in getattr(model, "parts", [model]):
        part.network = CompiledNetwork(part.network)
    return model
