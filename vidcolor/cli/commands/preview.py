"""``vidcolor preview IN [OUT.png]``: a picture of a few frames, grey beside the result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from vidcolor.cli.terminal.progress import StoppableProgress, make_progress
from vidcolor.cli.terminal.text import count
from vidcolor.cli.words.help import GroupedCommand, option
from vidcolor.cli.words.options import (
    PART,
    colorize_options,
    input_options,
    log_options,
    look_options,
    model_options,
    overwrite_options,
)
from vidcolor.cli.words.params import TIME
from vidcolor.cli.work.jobs import Job, check_names
from vidcolor.cli.work.overwrite import settle
from vidcolor.cli.work.session import Session
from vidcolor.engine.options import ColorizeOptions
from vidcolor.errors import OptionError

_DEFAULT_COUNT: int = 4
_MAX_COUNT: int = 64


@click.command(
    cls=GroupedCommand,
    context_settings={"max_content_width": 100},
    help="Write a PNG that shows frames of IN, grey and colorized side by side.\n\n"
    "OUT.png is by default IN's name with _preview.",
)
@click.argument("source", metavar="IN")
@click.argument("output", required=False, metavar="[OUT.png]")
@option(
    PART, "--at", "times", type=TIME, multiple=True, metavar="TIME",
    help="Show the frame that is on the screen at this time; may be given several times.",
)  # fmt: skip
@option(
    PART, "--count", type=click.IntRange(1, _MAX_COUNT), metavar="N",
    help="How many frames, spread between --start and --end. Default: 4.",
)  # fmt: skip
@overwrite_options
@model_options
@look_options
@input_options
@log_options
@click.help_option("-h", "--help", help="Show this help.")
@click.pass_obj
def preview(session: Session, /, **values: Any) -> int:  # noqa: ANN401 - click's parameters by name
    """Make one picture."""
    if values["times"] and values["count"] is not None:
        raise OptionError("--at and --count contradict each other")
    if values["times"] and not (values["start"] is values["end"] is None):
        raise OptionError("--at and --start or --end contradict each other")
    source: str = values["source"]
    output = values["output"] or default_preview(source)
    options = colorize_options(values)
    session.set_up_talk(
        verbose=values["verbose"],
        quiet=values["quiet"],
        log_file=values["log_file"],
        media=(source, output),
    )
    if not output.lower().endswith(".png"):
        raise OptionError(f"{output}: a preview is a PNG; give it a name that ends in .png")
    job = Job(source, output, "video")
    check_names([job])
    jobs, replaceable = settle(
        [job],
        session.console,
        overwrite=values["overwrite"],
        no_clobber=values["no_clobber"],
    )
    if jobs:
        options = replace(options, overwrite=output in replaceable)
        _write(session, source, output, options, list(values["times"]), values["count"])
    return 0


def _write(
    session: Session,
    source: str,
    output: str,
    options: ColorizeOptions,
    times: list[float],
    number: int | None,
) -> None:
    from vidcolor.engine.preview import preview as write_preview

    progress = StoppableProgress(make_progress("auto", session.console), session.stop)
    try:
        shown, missing = write_preview(
            Path(source),
            Path(output),
            options=options,
            times=times or None,
            count=number or _DEFAULT_COUNT,
            progress=progress,
        )
    finally:
        progress.close()
    for time in missing:
        session.console.warn(f"{source}: has no frame at {time:g} s")
    session.console.say(f"wrote {output}: {_frames(shown)}")


def _frames(shown: list[float]) -> str:
    return f"{count(len(shown), 'frame')}, at {', '.join(f'{time:.2f}' for time in shown)} s"


def default_preview(source: str) -> str:
    """``film_preview.png`` beside ``film.mp4``."""
    path = Path(source)
    return str(path.with_name(f"{path.stem}_preview.png"))
