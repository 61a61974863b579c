"""``vidcolor compare IN [OUT] -m A -m B``: several models side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from vidcolor.cli.terminal.progress import StoppableProgress, make_progress
from vidcolor.cli.words.help import GroupedCommand, option
from vidcolor.cli.words.options import (
    MODEL,
    PART,
    colorize_options,
    compute_options,
    input_options,
    log_options,
    look_options,
    overwrite_options,
)
from vidcolor.cli.words.params import TIME
from vidcolor.cli.work.jobs import Job, check_names
from vidcolor.cli.work.overwrite import settle
from vidcolor.cli.work.session import Session
from vidcolor.errors import OptionError

_DEFAULT_COUNT: int = 4


@click.command(
    cls=GroupedCommand,
    context_settings={"max_content_width": 100},
    help="Colour IN with several models and show the results side by side, with names and times "
    "per frame.\n\nOUT.png shows single frames; OUT.mp4 or .mkv is a clip of all frames between "
    "--start and --end, without sound. Default: IN's name with _compare.png.",
)
@click.argument("source", metavar="IN")
@click.argument("output", required=False, metavar="[OUT]")
@option(
    MODEL, "-m", "--model", "models", multiple=True, metavar="NAME|PATH",
    help="A model, as elsewhere; given several times. Default: all that are installed.",
)  # fmt: skip
@option(
    PART, "--at", "times", type=TIME, multiple=True, metavar="TIME",
    help="Show the frame that is on the screen at this time; may be given several times.",
)  # fmt: skip
@option(
    PART, "--count", type=click.IntRange(1, 64), metavar="N",
    help="How many frames, spread between --start and --end. Default: 4.",
)  # fmt: skip
@overwrite_options
@compute_options
@look_options
@input_options
@log_options
@click.help_option("-h", "--help", help="Show this help.")
@click.pass_obj
def compare(session: Session, /, **values: Any) -> int:  # noqa: ANN401 - click's parameters by name
    """Make one picture or clip."""
    if values["times"] and (values["count"] is not None or values["start"] or values["end"]):
        raise OptionError("--at contradicts --count, --start and --end")
    source: str = values["source"]
    path = Path(source)
    output: str = values["output"] or str(path.with_name(f"{path.stem}_compare.png"))
    options = colorize_options(values)
    session.set_up_talk(
        verbose=values["verbose"],
        quiet=values["quiet"],
        log_file=values["log_file"],
        media=(source, output),
    )
    job = Job(source, output, "video")
    check_names([job])
    jobs, replaceable = settle(
        [job], session.console, overwrite=values["overwrite"], no_clobber=values["no_clobber"]
    )
    if not jobs:
        return 0
    from vidcolor.engine.compare import compare as compare_models
    from vidcolor.engine.compare import installed_models

    models = list(values["models"]) or installed_models(options.weights_dir)
    progress = StoppableProgress(make_progress("auto", session.console), session.stop)
    try:
        compare_models(
            path, output, models,
            options=replace(options, overwrite=output in replaceable),
            times=list(values["times"]) or None, count=values["count"] or _DEFAULT_COUNT,
            progress=progress,
        )  # fmt: skip
    finally:
        progress.close()
    session.console.say(f"wrote {output}: {', '.join(models)}")
    return 0
