"""A network through torch.compile, with the plain one behind it where that fails."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import nn

from vidcolor.models._metadata import reason
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ModelInput, Prediction

logger = logging.getLogger(__name__)


class CompiledNetwork(nn.Module):
    """Compiles at the first call, which takes a minute; goes on uncompiled if that fails.

    Compiled code is made for one shape. Smaller batches, such as the last one of a film, are padded
    with copies of their last picture, whose results are dropped. A single picture that comes first
    measures memory: it runs uncompiled.

    Attributes:
        is_compiled: None before the first call, then whether it worked.
    """

    def __init__(self, network: nn.Module, *, backend: str = "inductor") -> None:
        """Wrap a network.

        Args:
            network: takes a ``ModelInput``, gives a ``Prediction``; in evaluation mode.
            backend: of torch.compile.
        """
        super().__init__()
        self.network = network
        self.is_compiled: bool | None = None
        self._backend = backend
        self._compiled: Callable[[ModelInput], Prediction] = network
        self._batch = 0
        self._is_fresh = True

    def forward(self, inputs: ModelInput) -> Prediction:
        """As the network does."""
        count = len(inputs)
        is_probe, self._is_fresh = self._is_fresh and count == 1, False
        if self.is_compiled is False or is_probe:
            return self._plain(inputs)
        self._batch = max(self._batch, count)
        if count < self._batch:
            missing = self._batch - count
            filling = inputs[-1:].each(lambda tensor: tensor.expand(missing, -1, -1, -1))
            inputs = ModelInput.concatenate([inputs, filling])
        try:
            run = self._first if self.is_compiled is None else self._compiled
            return run(inputs)[:count]
        except torch.cuda.OutOfMemoryError:
            self._batch = 0  # the caller tries again with fewer, which must not be filled up
            raise

    def _first(self, inputs: ModelInput) -> Prediction:
        try:
            self._compiled = torch.compile(self.network, backend=self._backend, dynamic=False)
            prediction = self._compiled(inputs)
        except torch.cuda.OutOfMemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a compiler can throw
            logger.warning("torch.compile doesn't work here, going on without: %s", reason(error))
            self.is_compiled = False
            return self._plain(inputs)
        self.is_compiled = True
        return prediction

    def _plain(self, inputs: ModelInput) -> Prediction:
        prediction: Prediction = self.network(inputs)
        return prediction


def compile_model(model: Colorizer) -> Colorizer:
    """Replace a colorizer's torch modules by compiled ones, in place; returns it."""
    for part in getattr(model, "parts", [model]):
        if isinstance(part.network, nn.Module):
            part.network = CompiledNetwork(part.network)
    return model
