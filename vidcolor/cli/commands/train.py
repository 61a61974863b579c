"""``vidcolor train CONFIG``: train a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidcolor.cli.terminal.progress import make_progress
from vidcolor.cli.words.help import GroupedCommand, option
from vidcolor.cli.words.options import log_options, progress_option
from vidcolor.cli.work.session import Session
from vidcolor.engine.progress import Progress

if TYPE_CHECKING:
    from vidcolor.evaluation.measures.ab_statistics import AbScores
    from vidcolor.training.config import TrainConfig
    from vidcolor.training.distributed import World

_RUN = "Run (overrides CONFIG)"
_SHOWN = {"val_rmse": "ab RMSE / grey's", "val_correlation": "correlation"}


@click.command(
    cls=GroupedCommand,
    context_settings={"max_content_width": 100},
    help="Train a network as the TOML file CONFIG says (docs/training.md lists its settings; "
    "vidcolor/training/configs has one for each architecture, and repair.toml). Weights, "
    "checkpoint, log, sample sheets and loss plot go to its 'out' folder. Started again, training "
    "goes on where it stopped. Several processes: torchrun --nproc-per-node N -m vidcolor train.",
)
@click.argument("config", type=click.Path(path_type=Path))
@option(
    _RUN,
    "--data",
    multiple=True,
    metavar="PATH",
    help="Folder, tar or index.csv of colour photographs; may be given several times.",
)
@option(_RUN, "--val", metavar="PATH", help="Photographs to validate on, in the same forms.")
@option(
    _RUN,
    "--pretrained",
    multiple=True,
    metavar="FILE",
    help="ImageNet weights of an encoder; may be given several times.",
)
@option(_RUN, "--start", metavar="FILE", help="Weights or checkpoint of a run to start from.")
@option(_RUN, "--teacher", metavar="FILE", help="Weights or checkpoint of a teacher.")
@option(_RUN, "--out", metavar="DIR", help="Folder of all results.")
@option(_RUN, "--steps", type=click.IntRange(1), metavar="N", help="Length of the run.")
@option(_RUN, "--batch-size", type=click.IntRange(1), metavar="N", help="Crops per step.")
@option(
    _RUN,
    "--folds",
    type=click.IntRange(2),
    metavar="K",
    help="Cross-validate: K networks, each measured on the K-th of --data that it didn't see.",
)
@option(_RUN, "--seed", type=int, metavar="N", help="Seed of all random numbers.")
@option(
    _RUN, "--compile/--no-compile", default=None, help="Use torch.compile; for long runs on GPUs."
)
@option(
    _RUN, "-d", "--device", default="auto", metavar="DEVICE", help="Default: the best there is."
)
@progress_option
@log_options
@click.help_option("-h", "--help", help="Show this help.")
@click.pass_obj
def train(session: Session, /, **values: Any) -> None:  # noqa: ANN401 - click's parameters by name
    """Train to the last step."""
    session.set_up_talk(
        verbose=values["verbose"],
        quiet=values["quiet"],
        log_file=values["log_file"],
        media=[str(values["config"])],
    )
    from vidcolor.training.extra import require_extra

    require_extra()
    from vidcolor.training.config import is_of_repair, load_config

    if is_of_repair(values["config"]):
        from vidcolor.cli.work.train_repair import train_repair

        train_repair(session, values)
        return
    overrides = {name: values[name] for name in _OVERRIDES}
    for name in ("data", "pretrained"):
        overrides[name] = values[name] or None
    config = load_config(values["config"], **overrides)
    if not config.data:
        raise click.UsageError("no photographs to train on: give --data or set 'data' in CONFIG")
    from vidcolor.models.running.device import resolve_device
    from vidcolor.training.distributed import join_world, leave_world

    world = join_world(resolve_device(values["device"]))
    progress = make_progress(
        values["progress"] if world.leads else "none",
        session.console,
        source=str(values["config"]),
        output=config.out,
    )
    try:
        with session.stop.patience():
            _run(session, config, values["folds"], world, progress)
    finally:
        progress.close()
        leave_world()


def _run(
    session: Session, config: TrainConfig, folds: int | None, world: World, progress: Progress
) -> None:
    """One run, or one per fold, and its results."""
    from vidcolor.training.run.folds import TABLE, mean_and_spread, train_folds
    from vidcolor.training.run.loop import Trainer

    if folds is None:
        trainer = Trainer(config, world)
        scores = trainer.run(_Report(session, progress, config.steps))
        if world.leads:
            _say(session, trainer.weights, scores)
        return
    rows = train_folds(
        config, folds, world,
        lambda fold: _Report(session, progress, config.steps, f"fold {fold} of {folds}"),
    )  # fmt: skip
    if world.leads:
        mean, spread = mean_and_spread(rows)
        figures = (f"{name} {mean[key]:.4f} +- {spread[key]:.4f}" for key, name in _FOLDS.items())
        session.console.say(f"wrote {Path(config.out) / TABLE}")
        session.console.say(f"{folds} folds, mean and standard deviation: {', '.join(figures)}")


_FOLDS = {"rmse_ratio": "ab RMSE / grey's", "correlation": "correlation"}

_OVERRIDES = (
    "val", "pretrained", "start", "teacher", "out", "steps", "batch_size", "seed", "compile",
)  # fmt: skip


def _say(session: Session, weights: Path, scores: AbScores | None) -> None:
    session.console.say(f"wrote {weights}")
    if scores is not None:
        session.console.say(
            f"validation, half to report: ab RMSE {scores.rmse_ratio:.4f} of grey's "
            f"({scores.rmse_ratio_best:.4f} at the best saturation), "
            f"correlation {scores.correlation:.4f}, "
            f"colourfulness {scores.colourfulness_ratio:.2f} of the truth's"
        )


class _Report:
    """Shows each step, and stops between two steps, where a checkpoint is whole."""

    def __init__(
        self, session: Session, progress: Progress, steps: int, label: str = "training"
    ) -> None:
        self.session, self.progress, self.steps, self.label = session, progress, steps, label
        self._last: int | None = None

    def __call__(self, step: int, measured: dict[str, float]) -> None:
        if self._last is None:
            self._last = step - 1
            self.progress.start(self.steps, "steps", self.label)
            self.progress.advance(self._last)
        self.progress.advance(step - self._last)
        self._last = step
        shown = [f"{name} {measured[key]:.4f}" for key, name in _SHOWN.items() if key in measured]
        if shown:
            self.progress.message(f"step {step}: {', '.join(shown)}")
        self.session.stop.check()
