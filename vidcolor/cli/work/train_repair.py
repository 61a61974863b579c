"""``vidcolor train`` with ``kind = "repair"``: a network that finds and fills damage."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidcolor.cli.terminal.progress import make_progress
from vidcolor.cli.work.session import Session

if TYPE_CHECKING:
    from vidcolor.engine.progress import Progress
    from vidcolor.training.repair_config import RepairRun

_OVERRIDES = ("val", "start", "out", "steps", "batch_size", "seed")
_OTHERS = ("teacher", "compile")
_SHOWN = {
    "val_f1": "F1",
    "val_psnr_given": "PSNR, mask given",
    "val_psnr_found": "mask found",
    "val_psnr_none": "without repair",
}
TABLE = "folds.json"
"""Figures of a cross-validation, in the run's ``out``."""


def train_repair(session: Session, values: dict[str, Any]) -> None:
    """Train to the last step, or one network per fold.

    Raises:
        OptionError, InputError, WeightsError: see ``RepairTrainer``.
        UsageError: there are no photographs, or an option is for networks that colorize.
    """
    from vidcolor.models.running.device import resolve_device
    from vidcolor.training.config import load_repair_config

    if wrong := [name for name in _OTHERS if values[name]]:
        raise click.UsageError(f"--{wrong[0]} is for networks that colorize")
    overrides = {name: values[name] for name in _OVERRIDES} | {"data": values["data"] or None}
    overrides["pretrained"] = next(iter(values["pretrained"]), None)
    config = load_repair_config(values["config"], **overrides)
    if not config.data:
        raise click.UsageError("no photographs to train on: give --data or set 'data' in CONFIG")
    progress = make_progress(
        values["progress"], session.console, source=str(values["config"]), output=config.out
    )
    device = str(resolve_device(values["device"]))
    try:
        with session.stop.patience():
            if values["folds"] is None:
                _train(session, config, device, progress)
            else:
                _train_folds(session, config, values["folds"], device, progress)
    finally:
        progress.close()


def _train(
    session: Session, config: RepairRun, device: str, progress: Progress
) -> dict[str, float]:
    import torch

    from vidcolor.training.repair.loop import RepairTrainer

    trainer = RepairTrainer(config, torch.device(device))
    progress.start(config.steps, "steps", "training")

    def report(step: int, measured: dict[str, float]) -> None:
        progress.advance(1)
        if "val_f1" in measured:
            progress.message(f"step {step}: {_worded(measured)}")
        session.stop.check()

    figures = trainer.run(report)
    session.console.say(f"wrote {trainer.weights}")
    return figures


def _train_folds(
    session: Session, config: RepairRun, folds: int, device: str, progress: Progress
) -> None:
    rows = []
    for fold in range(folds):
        out = Path(config.out) / f"fold-{fold + 1}-of-{folds}"
        own = replace(config, folds=folds, fold=fold, out=str(out), validate_every=config.steps)
        rows.append(_train(session, own, device, progress))
    table = Path(config.out) / TABLE
    table.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    figures = [
        f"{word} {statistics.fmean(r[n] for r in rows):.3f} +- "
        f"{statistics.stdev(r[n] for r in rows):.3f}"
        for n, word in _SHOWN.items()
    ]
    session.console.say(f"wrote {table}")
    session.console.say(f"{folds} folds, mean and standard deviation: {', '.join(figures)}")


def _worded(measured: dict[str, float]) -> str:
    return ", ".join(f"{word} {measured[name]:.3f}" for name, word in _SHOWN.items())
