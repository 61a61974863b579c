"""k-fold cross-validation: a run per fold, each measured on the photographs it didn't see."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from vidcolor.evaluation.measures.ab_statistics import AbScores
from vidcolor.media.files.atomic import complete_file
from vidcolor.training.config import TrainConfig
from vidcolor.training.distributed import World
from vidcolor.training.run.loop import Report, Trainer

_SCORES = "scores.json"
TABLE = "folds.csv"
"""Name of the table, in the run's ``out``."""

Figures = dict[str, float]
"""A fold's figures by name."""


def train_folds(
    config: TrainConfig, folds: int, world: World, report_for: Callable[[int], Report]
) -> list[Figures]:
    """Train one network per fold, and write their figures into one table.

    Fold n goes into ``out``/fold-n-of-K. Begun again, finished folds are kept and the one that was
    cut off goes on.

    Args:
        config: of the run; its ``val`` isn't used.
        folds: how many, 2 or more.
        world: this process among those that share the run.
        report_for: gives what is called after every step, by the fold's number from 1.

    Returns:
        Each fold's figures; empty ones in all processes but the leading one.

    Raises:
        OptionError: as ``Trainer`` does.
        InputError: a fold has no photographs.
        Interrupted: as the report raised it.
        OutputError: a file can't be written.
    """
    rows: list[Figures] = []
    for fold in range(folds):
        out = Path(config.out) / f"fold-{fold + 1}-of-{folds}"
        own = dataclasses.replace(config, folds=folds, fold=fold, out=str(out))
        path = out / _SCORES
        if not world.any(_steps_of(path) == config.steps):
            trainer = Trainer(own, world)
            scores = trainer.run(report_for(fold + 1))
            if scores is not None:
                lengths = {"reached_step": trainer.step, "steps": config.steps}
                _write(path, json.dumps(_figures(scores) | lengths))
        rows.append(json.loads(path.read_text(encoding="utf-8")) if world.leads else {})
    if world.leads:
        _write(Path(config.out) / TABLE, _table(rows))
    return rows


def mean_and_spread(rows: Sequence[Figures]) -> tuple[Figures, Figures]:
    """Mean over the folds, and sample standard deviation, of each figure."""
    names = rows[0]
    mean = {name: statistics.fmean(row[name] for row in rows) for name in names}
    spread = {name: statistics.stdev(row[name] for row in rows) for name in names}
    return mean, spread


def _steps_of(scores: Path) -> int:
    """The length of the run that a finished fold's figures are of; 0 where it isn't finished."""
    return int(json.loads(scores.read_text(encoding="utf-8"))["steps"]) if scores.exists() else 0


def _figures(scores: AbScores) -> Figures:
    return {
        "pictures": scores.pictures,
        "rmse_ratio": scores.rmse_ratio,
        "rmse_ratio_best": scores.rmse_ratio_best,
        "best_saturation": scores.best_saturation,
        "correlation": scores.correlation,
        "colourfulness_ratio": scores.colourfulness_ratio,
    }


def _table(rows: Sequence[Figures]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["fold", *rows[0]])
    last = zip(("mean", "spread"), mean_and_spread(rows), strict=True)
    for label, row in (*enumerate(rows, start=1), *last):
        writer.writerow([label, *(_short(value) for value in row.values())])
    return text.getvalue()


def _short(value: float) -> str:
    return f"{value:.4f}" if not math.isclose(value, round(value)) else str(round(value))


def _write(path: Path, text: str) -> None:
    with complete_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="")
