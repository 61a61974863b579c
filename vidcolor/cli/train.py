"""``vidcolor train CONFIG``: train a network of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vidcolor.cli._help import GroupedCommand, option
from vidcolor.cli._options import log_options, progress_option
from vidcolor.cli._progress import make_progress
from vidcolor.cli._session import Session
from vidcolor.engine.progress import Progress

_RUN = "Run (each wins over CONFIG)"
_SHOWN = {"val_rmse": "ab RMSE / grey's", "val_correlation": "correlation"}


@click.command(
    cls=GroupedCommand,
    context_settings={"max_content_width": 100},
    help="Train a network as the TOML file CONFIG says; weights, checkpoint and log go to its "
    "'out' folder. Started again with the same folder, training goes on where it stopped.",
)
@click.argument("config", type=click.Path(path_type=Path))
@option(
    _RUN,
    "--data",
    multiple=True,
    metavar="PATH",
    help="Folder or tar of colour photographs; may be given several times.",
)
@option(_RUN, "--val", metavar="PATH", help="Folder or tar of photographs to validate on.")
@option(_RUN, "--pretrained", metavar="FILE", help="ImageNet weights of the encoder.")
@option(_RUN, "--out", metavar="DIR", help="Where everything goes.")
@option(_RUN, "--steps", type=click.IntRange(1), metavar="N", help="Length of the run.")
@option(_RUN, "--batch-size", type=click.IntRange(1), metavar="N", help="Crops per step.")
@option(_RUN, "--seed", type=int, metavar="N", help="Of everything random.")
@option(
    _RUN, "-d", "--device", default="auto", metavar="DEVICE", help="Default: the best there is."
)
@progress_option
@log_options
@click.help_option("-h", "--help", help="Say this.")
@click.pass_obj
def train(session: Session, /, **values: Any) -> None:  # noqa: ANN401 - click's parameters by name
    """Train to the last step."""
    session.set_up_talk(
        verbose=values["verbose"],
        quiet=values["quiet"],
        log_file=values["log_file"],
        media=[str(values["config"])],
    )
    from vidcolor.training.config import load_config

    overrides = {name: values[name] for name in _OVERRIDES}
    config = load_config(values["config"], data=values["data"] or None, **overrides)
    if not config.data:
        raise click.UsageError("no photographs to train on: give --data or set 'data' in CONFIG")
    from vidcolor.models.device import resolve_device
    from vidcolor.training.loop import Trainer

    trainer = Trainer(config, resolve_device(values["device"]))
    progress = make_progress(
        values["progress"], session.console, source=str(values["config"]), output=config.out
    )
    try:
        with session.stop.patience():
            scores = trainer.run(_Report(session, progress, config.steps))
    finally:
        progress.close()
    session.console.say(f"wrote {trainer.out / 'compact.safetensors'}")
    if scores is not None:
        session.console.say(
            f"validation: ab RMSE {scores.rmse_ratio:.4f} of grey's, "
            f"correlation {scores.correlation:.4f}"
        )


_OVERRIDES = ("val", "pretrained", "out", "steps", "batch_size", "seed")


class _Report:
    """Shows each step, and stops between two of them, when a checkpoint can be gone on from."""

    def __init__(self, session: Session, progress: Progress, steps: int) -> None:
        self.session, self.progress, self.steps = session, progress, steps
        self._last: int | None = None

    def __call__(self, step: int, measured: dict[str, float]) -> None:
        if self._last is None:
            self._last = step - 1
            self.progress.start(self.steps, "steps", "training")
            self.progress.advance(self._last)
        self.progress.advance(step - self._last)
        self._last = step
        shown = [f"{name} {measured[key]:.4f}" for key, name in _SHOWN.items() if key in measured]
        if shown:
            self.progress.message(f"step {step}: {', '.join(shown)}")
        self.session.stop.check()
