"""Photographs that a run doesn't learn from: one half to choose by, the other to report on."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from vidcolor.data.folds import fold_of
from vidcolor.data.photos import Keep
from vidcolor.data.sources import list_entries
from vidcolor.evaluation.halves import Half, half_of
from vidcolor.training.config import TrainConfig

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What a run is measured by.

    Attributes:
        sources: folders, tar files and lists.
        split: rows of lists that count.
        choose: names of the photographs that validation during the run looks at, and with it early
            stopping.
        report: names of those from which the figures at the end come.
    """

    sources: tuple[str, ...]
    split: str
    choose: frozenset[str]
    report: frozenset[str]


def learnt_from(config: TrainConfig) -> Keep | None:
    """By name, which photographs of ``data`` the run learns from; None for all."""
    if not config.folds:
        return None
    return lambda name: fold_of(name, config.folds) != config.fold


def held_out(config: TrainConfig) -> HeldOut | None:
    """The run's fold, or else the pictures of ``val``; None where there are none.

    Raises:
        InputError: a source can't be read.
    """
    sources, split = (config.data, "train") if config.folds else ((config.val,), "val")
    if not any(sources):
        return None
    names = {e.name for source in sources for e in list_entries(Path(source), split=split)}
    if config.folds:
        names = {name for name in names if fold_of(name, config.folds) == config.fold}
    choose, report = _half(names, "choose"), _half(names, "report")
    if not choose or not report:
        logger.warning("one half of the validation pictures is empty: all choose and report")
        choose = report = frozenset(names)
    return HeldOut(sources, split, choose, report)


def _half(names: set[str], half: Half) -> frozenset[str]:
    return frozenset(name for name in names if half_of(name) == half)
