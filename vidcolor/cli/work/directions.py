"""The direction file beside an input, and which models it makes a run use."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vidcolor.direction.model import Direction
    from vidcolor.engine.options import ColorizeOptions


def with_beside(source: str, said: Direction | None) -> Direction | None:
    """The direction file beside an input, and what is said on the command line behind it.

    Raises:
        InputError: the file is damaged.
    """
    from vidcolor.direction.file import beside, load_direction

    if source == "-" or not beside(source).is_file():
        return said
    found = load_direction(beside(source))
    if said is None:
        return found
    return found.with_more(hints=said.hints, paintings=said.paintings, references=said.references)


def directed_options(source: str, options: ColorizeOptions, *, finds: bool) -> ColorizeOptions:
    """The options of one input, with what its direction file says; ``finds`` looks beside it."""
    if not finds:
        return options
    return replace(options, direction=with_beside(source, options.direction))
