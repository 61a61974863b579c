"""The objective: named losses with their weights, as a configuration lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, cast

from torch import Tensor, nn

from vidcolor.errors import OptionError
from vidcolor.training.data.batches import Batch
from vidcolor.training.losses.adversarial import Gan, Wgan
from vidcolor.training.losses.perceptual import Perceptual
from vidcolor.training.losses.terms import (
    L1,
    Classification,
    Huber,
    Loss,
    LossContext,
    NetworkOutput,
    TeacherAb,
    TeacherBins,
    check_settings,
)

LOSSES: Mapping[str, Callable[..., Loss]] = MappingProxyType(
    {
        "huber": Huber,
        "l1": L1,
        "classification": Classification,
        "perceptual": Perceptual,
        "gan": Gan,
        "wgan": Wgan,
        "teacher-ab": TeacherAb,
        "teacher-bins": TeacherBins,
    }
)
"""Losses by name; each is called with a ``LossContext`` and its settings."""


class Objective(nn.Module):
    """All losses of a run.

    Args:
        tables: settings by the name of the loss; ``weight`` is 1 where it isn't given.
        context: what they are built for.

    Raises:
        OptionError: for unknown losses or settings.
    """

    def __init__(self, tables: Mapping[str, Mapping[str, Any]], context: LossContext) -> None:
        super().__init__()
        self.losses = nn.ModuleDict()
        self.weights: dict[str, float] = {}
        check_tables(tables)
        for name, table in tables.items():
            settings = {k: v for k, v in table.items() if k != "weight"}
            self.losses[name] = _find(name)(context, **settings)
            self.weights[name] = float(table.get("weight", 1.0))

    def forward(
        self, output: NetworkOutput, batch: Batch, teacher: NetworkOutput | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum, and each loss as it is."""
        parts = {name: loss(output, batch, teacher) for name, loss in self.losses.items()}
        total = sum(self.weights[name] * part for name, part in parts.items())
        return cast(Tensor, total), {name: part.detach() for name, part in parts.items()}

    def learn(self, output: NetworkOutput, batch: Batch, step: int) -> dict[str, float]:
        """Let the losses that learn do so."""
        measured: dict[str, float] = {}
        for loss in self._each():
            measured |= loss.learn(output, batch, step)
        return measured

    def network_turn(self, step: int) -> bool:
        """Whether the network learns in this step."""
        return all([loss.network_turn(step) for loss in self._each()])

    def _each(self) -> Iterable[Loss]:
        return cast(Iterable[Loss], self.losses.values())


def check_tables(tables: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse unknown losses, settings that they don't have, and values that those can't take.

    Raises:
        OptionError: naming the first of them.
    """
    for name, table in tables.items():
        check_settings(name, _find(name), table)


def needs(tables: Mapping[str, Mapping[str, Any]], what: str) -> bool:
    """Whether any of the losses ``needs_classes``, ``needs_ab`` or ``needs_teacher``.

    Raises:
        OptionError: for unknown losses.
    """
    return any([getattr(_find(name), what) for name in tables])


def _find(name: str) -> Callable[..., Loss]:
    if name not in LOSSES:
        raise OptionError(f"no loss {name!r}; known are {', '.join(LOSSES)}")
    return LOSSES[name]
