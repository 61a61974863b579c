"""``vidcolor info FILE...``: what is in files, and what would be done with them."""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from vidcolor.cli.terminal.description import description_lines
from vidcolor.cli.terminal.errors import report
from vidcolor.cli.terminal.text import printable
from vidcolor.cli.words.help import GroupedCommand, option
from vidcolor.cli.words.options import (
    OUTPUT,
    colorize_options,
    encode_options,
    input_options,
    log_options,
    look_options,
    model_options,
)
from vidcolor.cli.work.directions import directed_options
from vidcolor.cli.work.session import Session
from vidcolor.engine.options import ColorizeOptions
from vidcolor.errors import VidcolorError


@click.command(
    cls=GroupedCommand,
    context_settings={"max_content_width": 100},
    help="Show what is in files, and what vidcolor would do with them, given the same options. "
    "Written to standard output.",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@option(
    OUTPUT, "--json", "as_json", is_flag=True, help="One JSON object per file, each on one line."
)
@model_options
@look_options
@input_options
@encode_options
@log_options
@click.help_option("-h", "--help", help="Show this help.")
@click.pass_obj
def info(session: Session, /, **values: Any) -> int:  # noqa: ANN401 - click's parameters by name
    """Describe each file; after one that can't be read, go on with the others."""
    options = colorize_options(values)
    session.set_up_talk(
        verbose=values["verbose"],
        quiet=values["quiet"],
        log_file=values["log_file"],
        media=values["files"],
    )
    exit_code = 0
    for place, name in enumerate(values["files"]):
        try:
            said = directed_options(name, options, finds=values["direction"] is None)
            text = _as_json(name, said) if values["as_json"] else _as_text(name, said)
        except (VidcolorError, OSError) as error:
            exit_code = report(error, session.console, source=name)
            continue
        if place and not values["as_json"]:
            click.echo()
        click.echo(text)
    return exit_code if len(values["files"]) == 1 else min(exit_code, 1)


def _as_text(name: str, options: ColorizeOptions) -> str:
    from vidcolor.engine.describe import describe

    lines = description_lines(describe(_path(name), options), options)
    return "\n".join(printable(line) for line in lines)


def _as_json(name: str, options: ColorizeOptions) -> str:
    """``file``, ``kind``, ``lines`` (as the text has them), ``plan``, ``photo`` or ``video``."""
    from vidcolor.engine.describe import describe

    found = describe(_path(name), options)
    facts = {"photo": found.photo, "video": found.video, "plan": found.plan}
    fields: dict[str, object] = {
        "file": name, "kind": found.kind, "lines": description_lines(found, options),
    }  # fmt: skip
    fields |= {name: dataclasses.asdict(each) for name, each in facts.items() if each is not None}
    return json.dumps(fields, default=_plain_value)


def _plain_value(value: object) -> str:
    """Values that JSON lacks, as text: a rate of 30000/1001 stays exact."""
    if isinstance(value, (Fraction, Path)):
        return str(value)
    raise TypeError(f"{value!r} can't be written as JSON")


def _path(name: str) -> str | Path:
    return name if name == "-" else Path(name)
