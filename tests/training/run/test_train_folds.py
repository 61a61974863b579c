"""Cross-validation: every photograph is measured once, by a network that didn't see it."""

from __future__ import annotations

import csv
import dataclasses
import statistics
from pathlib import Path

import pytest
import torch
from run_config import MakeConfig

from vidcolor.data.folds import fold_of
from vidcolor.data.sources import list_entries
from vidcolor.errors import Interrupted, OptionError
from vidcolor.training.distributed import World
from vidcolor.training.run.folds import TABLE, train_folds
from vidcolor.training.run.held_out import held_out, learnt_from
from vidcolor.training.run.loop import Trainer

ALONE = World(0, 1, torch.device("cpu"))


def test_folds_part_the_photographs(config: MakeConfig, photos_tar: Path) -> None:
    names = {entry.name for entry in list_entries(photos_tar)}
    measured: list[str] = []
    for fold in range(3):
        c = config(folds=3, fold=fold, val="")
        learns, rest = learnt_from(c), held_out(c)
        assert learns is not None
        assert rest is not None
        seen = {name for name in names if learns(name)}
        assert not seen & (rest.choose | rest.report)
        assert seen | rest.choose | rest.report == names
        assert Trainer(c, ALONE).photos
        measured += [*(rest.choose | rest.report)]
    assert sorted(measured) == sorted(names)
    assert fold_of("a/b/17.png", 5) == fold_of("17.jpg", 5)  # by the name alone


def test_a_table_says_each_folds_figures_and_their_spread(config: MakeConfig) -> None:
    c = config(steps=2, val="")
    reached: list[tuple[int, int]] = []

    def stop_in_the_second(fold: int):  # noqa: ANN202
        def report(step: int, _: dict[str, float]) -> None:
            reached.append((fold, step))
            if reached == [(1, 1), (1, 2), (2, 1)]:
                raise Interrupted("enough")

        return report

    with pytest.raises(Interrupted):
        train_folds(c, 3, ALONE, stop_in_the_second)
    assert not Path(c.out, TABLE).exists()
    rows = train_folds(c, 3, ALONE, stop_in_the_second)
    # The first fold stays, the second goes on.
    assert reached == [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)]
    with Path(c.out, TABLE).open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [line["fold"] for line in table] == ["1", "2", "3", "mean", "spread"]
    errors = [row["rmse_ratio"] for row in rows]
    assert [float(line["rmse_ratio"]) for line in table[:3]] == pytest.approx(errors, abs=1e-4)
    assert float(table[3]["rmse_ratio"]) == pytest.approx(statistics.fmean(errors), abs=1e-4)
    assert float(table[4]["rmse_ratio"]) == pytest.approx(statistics.stdev(errors), abs=1e-4)
    train_folds(c, 3, ALONE, stop_in_the_second)
    assert len(reached) == 6  # all are finished
    train_folds(dataclasses.replace(c, steps=3), 3, ALONE, stop_in_the_second)
    assert reached[6:] == [(1, 3), (2, 3), (3, 3)]  # a longer run goes on
    for fold in (1, 2, 3):
        assert Path(c.out, f"fold-{fold}-of-3", "unet.safetensors").exists()


def test_one_fold_is_none(config: MakeConfig) -> None:
    with pytest.raises(OptionError, match="needs 2 folds or more"):
        Trainer(config(folds=1, val=""), ALONE)
