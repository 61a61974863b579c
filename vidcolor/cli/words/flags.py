"""From arguments in messages (``start_s``) to the flags of the command line (``--start``).

The flags come from click's own parameters, so they can't differ from what the program takes.
"""

from __future__ import annotations

import functools

import click

from vidcolor.cli.words.params import ARGUMENTS
from vidcolor.errors import Message, Option, VidcolorError


def in_flags(message: str | VidcolorError) -> str:
    """The text of a message or an error, with options named as on the command line."""
    if isinstance(message, VidcolorError):
        message = message.message
    return message.worded(flag) if isinstance(message, Message) else message


def flag(option: Option) -> str:
    """An option as it is given on the command line: ``--crf``, ``--no-resume``, ``--every auto``.

    An option that the command line doesn't have keeps its name in Python.
    """
    param = parameters().get(option.name)
    if param is None:
        return str(option)
    name, value = max(param.opts, key=len), option.value
    if value is None:
        return name
    if param.is_flag:
        return name if value else max(param.secondary_opts, key=len, default=f"no {name}")
    if isinstance(value, bool):
        value = "on" if value else "off"
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"


@functools.cache
def parameters() -> dict[str, click.Option]:
    """Options of all commands that errors may name, by the name of the argument in Python."""
    from vidcolor.cli.words import options

    @click.command()
    @options.model_options
    @options.look_options
    @options.input_options
    @options.encode_options
    @options.overwrite_options
    @options.resume_option
    @options.date_option
    @options.jobs_options
    @options.accept_option
    @options.perceptual_option
    @options.photo_options
    def everything() -> None:
        """Never called."""

    found = (param for param in everything.params if isinstance(param, click.Option))
    return {ARGUMENTS.get(param.name or "", param.name or ""): param for param in found}
