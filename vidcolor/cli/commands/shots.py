"""``vidcolor shots FILM``: the shots of a film, as a list, a contact sheet, a direction file."""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidcolor.cli.words.help import GroupedCommand, option
from vidcolor.cli.words.options import (
    OUTPUT,
    colorize_options,
    input_options,
    log_options,
    look_options,
    model_options,
    overwrite_options,
)
from vidcolor.cli.work.session import Session
from vidcolor.engine.options import ColorizeOptions
from vidcolor.errors import OptionError, OutputError, OutputExistsError

if TYPE_CHECKING:
    from vidcolor.shotlist.formats import ShotList

_FORMATS = ("table", "json", "csv", "edl", "otio")


@click.command(
    cls=GroupedCommand,
    context_settings={"max_content_width": 100},
    help="List the shots of FILM: frames, times, how each begins, its key frame.\n\n"
    "A list in JSON or CSV may be edited, and given to --shots in place of detection.",
)
@click.argument("film", metavar="FILM")
@option(
    OUTPUT, "--format", "form", type=click.Choice(_FORMATS),
    help="Default: by --output's ending, else table. edl is CMX 3600; otio needs "
    "pip install 'vidcolor[otio]'.",
)  # fmt: skip
@option(
    OUTPUT, "-o", "--output", metavar="FILE",
    help="Where the list goes. Default: standard output.",
)  # fmt: skip
@option(
    OUTPUT, "--sheet", metavar="FILE.html",
    help="Write a contact sheet too: key frames, grey and coloured.",
)  # fmt: skip
@option(
    OUTPUT, "--write-direction", is_flag=True,
    help="Write FILM's direction file, with a line for each shot to fill in.",
)  # fmt: skip
@overwrite_options
@model_options
@look_options
@input_options
@log_options
@click.help_option("-h", "--help", help="Show this help.")
@click.pass_obj
def shots(session: Session, /, **values: Any) -> int:  # noqa: ANN401 - click's parameters by name
    """Find the shots; write what is asked for."""
    options = colorize_options(values)
    session.set_up_talk(
        verbose=values["verbose"], quiet=values["quiet"], log_file=values["log_file"],
        media=(values["film"],),
    )  # fmt: skip
    form = values["form"] or _by_name(values["output"])
    targets = [values["output"], values["sheet"]]
    if values["write_direction"]:
        from vidcolor.direction.file import beside

        targets.append(str(beside(values["film"])))
    for target in filter(None, targets):
        if os.path.exists(target) and not values["overwrite"]:
            raise OutputExistsError(f"{target} exists: -y replaces it")
    from vidcolor.shotlist.formats import FORMATS

    found = _shots_of(values["film"], options)
    text = FORMATS[form](found)
    if values["output"]:
        _write(values["output"], text)
    else:
        click.echo(text, nl=False)
    if values["sheet"]:
        _write(values["sheet"], _sheet(values["film"], found, options))
    if values["write_direction"]:
        _write_direction(values["film"], found)
    return 0


def _by_name(output: str | None) -> str:
    ending = Path(output or "").suffix.lower().lstrip(".")
    if not ending:
        return "table"
    form = "table" if ending == "txt" else ending
    if form not in _FORMATS:
        raise OptionError(f"{output}: lists end in .json, .csv, .edl, .otio or .txt; or --format")
    return form


def _shots_of(film: str, options: ColorizeOptions) -> ShotList:
    from vidcolor.engine.plan_film import plan_input
    from vidcolor.engine.run.sources import read_settings
    from vidcolor.engine.shots.lists import read_shots
    from vidcolor.media.open import open_input
    from vidcolor.shotlist.formats import ShotList, rows_of

    reading = read_settings(options, copy_streams=False)
    known = read_shots(options.shots) if options.shots else None
    with open_input(film) as opened:
        with opened.read(reading) as source:
            late = source.info.start_s - float(source.time_offset_s)
            rate = source.info.rate or Fraction(24)
        plan = plan_input(opened, reading, known=known)
    shots = [replace(s, start_s=s.start_s - late, end_s=s.end_s - late) for s in plan.shots]
    return ShotList(Path(film).name, rate, rows_of(shots))


def _sheet(film: str, found: ShotList, options: ColorizeOptions) -> str:
    """Key frames, each coloured on its own."""
    import numpy as np

    from vidcolor.engine.model_choice import load_for
    from vidcolor.engine.progress import NullProgress
    from vidcolor.library.arrays import colorize_array
    from vidcolor.library.film import open as open_film
    from vidcolor.shotlist.sheet import sheet

    model = load_for("video", options, NullProgress(), None)
    pictures, plain = [], replace(options, direction=None)
    with open_film(film, start_s=options.start_s, end_s=options.end_s, fps=options.fps) as opened:
        rows = {row.key_frame: row for row in found.rows}
        for frame in opened:
            if frame.number not in rows:
                continue
            grey = frame.grey if frame.grey.dtype == np.uint8 else (frame.grey >> 8).astype("uint8")
            color = np.asarray(colorize_array(grey, model=model, options=plain))
            pictures.append((rows[frame.number], np.repeat(grey[..., None], 3, axis=2), color))
    return sheet(found, pictures)


def _write_direction(film: str, found: ShotList) -> None:
    from vidcolor.direction.file import beside, save_direction
    from vidcolor.direction.model import Direction

    lines = ["Colours of this film; docs/direction.md says what may stand here.", "", "Shots:"]
    lines += [f"{r.shot}: {r.start_s:.3f} to {r.end_s:.3f} s, {r.begins}" for r in found.rows]
    lines += [
        "", "[[hint]]", "time = 4.2", "at = [412, 230]", 'color = "#23406b"',
        "", "[[part]]", "shot = 1", "saturation = 0.8",
    ]  # fmt: skip
    save_direction(beside(film), Direction(), comments=lines)


def _write(path: str, text: str) -> None:
    half = Path(f"{path}.half")
    try:
        half.write_text(text, encoding="utf-8")
        os.replace(half, path)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise OutputError(f"{path}: {error.strerror}") from error
