"""``vidcolor eval PATH...``: a model against colour photographs."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidcolor.cli._help import GroupedCommand, option
from vidcolor.cli._options import (
    LOOK,
    OUTPUT,
    colorize_options,
    log_options,
    model_options,
    progress_option,
)
from vidcolor.cli._progress import make_progress
from vidcolor.cli._session import Session
from vidcolor.errors import InputError

if TYPE_CHECKING:
    from vidcolor.evaluation.ab_statistics import AbScores
    from vidcolor.evaluation.photos import Photo

logger = logging.getLogger(__name__)


@click.command(
    cls=GroupedCommand,
    context_settings={"max_content_width": 100},
    help="Make colour photographs grey, colorize them, and say on standard output how far the "
    "results are from the truth. PATH is a folder or a tar file.",
)
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH..."
)
@option(OUTPUT, "--json", "as_json", is_flag=True, help="Say the figures as one JSON object.")
@option(
    OUTPUT, "--limit", type=click.IntRange(1), metavar="N", help="Stop after that many photographs."
)
@option(
    LOOK, "--saturation", type=float, default=1.0, metavar="FACTOR",
    help="Strength of the colours. Default: 1, as the model gives them.",
)  # fmt: skip
@model_options
@progress_option
@log_options
@click.help_option("-h", "--help", help="Say this.")
@click.pass_obj
def evaluate(session: Session, /, **values: Any) -> None:  # noqa: ANN401 - click's parameters by name
    """Measure, and say the figures."""
    options = colorize_options(values)
    session.set_up_talk(
        verbose=values["verbose"],
        quiet=values["quiet"],
        log_file=values["log_file"],
        media=[str(path) for path in values["paths"]],
    )
    from vidcolor.engine.model_choice import load_for
    from vidcolor.evaluation.photos import evaluate_photos

    progress = make_progress(values["progress"], session.console)
    try:
        model = load_for("image", options, progress, None)
        progress.start(values["limit"], "photos", "measuring")
        photos = _photos(values["paths"], values["limit"])
        scores = evaluate_photos(photos, model, options=options, progress=progress)
    finally:
        progress.close()
    _say(scores, model.label, as_json=values["as_json"])


def _photos(paths: list[Path], limit: int | None) -> Iterator[Photo]:
    """Photographs in the order of their names, decoded as they are wanted."""
    from vidcolor.training.photos import decode_rgb, iter_named

    taken = 0
    for path in paths:
        for name, blob in iter_named(path):
            photo = decode_rgb(blob)
            if photo is None:
                logger.warning("%s: %s can't be decoded and doesn't count", path, name)
                continue
            yield photo
            taken += 1
            if taken == limit:
                return
    if not taken:
        raise InputError(f"{paths[0]}: no photographs in it")


def _say(scores: AbScores, model: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"model": model, **dataclasses.asdict(scores)}))
        return
    for name, value in (
        ("model", model),
        ("photographs", scores.pictures),
        ("ab RMSE / that of grey", f"{scores.rmse_ratio:.4f}"),
        (
            "  at the best saturation",
            f"{scores.rmse_ratio_best:.4f} ({scores.best_saturation:.2f})",
        ),
        ("ab correlation", f"{scores.correlation:.4f}"),
        ("colourfulness / the truth's", f"{scores.colourfulness_ratio:.3f}"),
    ):
        click.echo(f"{name:28} {value}")
