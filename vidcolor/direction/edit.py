"""Changing a direction file that people wrote: their comments, order and spelling stay.

A file is taken as blocks: the lines before the first ``[[table]]``, then one block for each. The
comment lines directly above a table belong to it. Blocks of what stays are kept as they are, those
of what went are left out, and what is new comes behind. (tomlkit was tried: it counts a comment
above a table to the table before, so that it went with the wrong one, and it moves tables that
stand in mixed order.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vidcolor.direction.file import (
    direction_text,
    load_direction,
    parse_direction,
    save_direction,
    write_direction_text,
)
from vidcolor.direction.model import Direction, Part
from vidcolor.errors import InputError

_HEAD: Final = re.compile(r"\s*\[\[\s*([\w-]+)\s*\]\]")
_STRING: Final = re.compile(r'"(\\.|[^"\\])*"|\'[^\']*\'')
_FIELDS: Final = {
    "part": "parts", "hint": "hints", "painting": "paintings", "reference": "references",
    "protect": "protected",
}  # fmt: skip
"""Tables of the file, and where ``Direction`` has what stands in them."""


@dataclass(slots=True)
class _Block:
    """Lines of one table: comments above it, then its own; the first block has no name."""

    name: str
    above: list[str]
    lines: list[str]


def update_direction(path: Path, direction: Direction, *, comments: Iterable[str] = ()) -> None:
    """Write a direction into its file, keeping what people wrote there beside the values.

    What is to be said of the whole film (``model``, ``saturation``, ``smoothing``) has to be as it
    is in the file, else the file is written anew with its comments on top.

    Args:
        path: of the file; a missing one is made.
        direction: what is to be said.
        comments: lines for the top of a new file.

    Raises:
        InputError: the file is damaged.
        OutputError: it can't be written.
    """
    if not path.is_file():
        save_direction(path, direction, comments=comments)
        return
    old = load_direction(path)
    write_direction_text(path, edited_text(path.read_text("utf-8"), path, old, direction))


def edited_text(text: str, path: Path, old: Direction, new: Direction) -> str:
    """The text of a direction file with other values.

    Args:
        text: of the file.
        path: of the file: names of pictures are relative to its folder.
        old: what the text says.
        new: what it shall say.
    """
    edited = _edited(_blocks(text), path, old, new)
    try:
        if edited is not None and parse_direction(path, edited) == new:
            return edited
    except InputError:
        pass  # written in a way that blocks don't do justice, such as hint = [{...}]
    comments = [line.strip()[1:].strip() for line in text.splitlines() if _is_comment(line)]
    return direction_text(new, path.parent, comments)


def has_own_comments(path: Path, comments: Iterable[str]) -> bool:
    """Whether people wrote comments into a file, beside those given, which programs wrote."""
    known = {f"# {line}" for line in comments}
    lines = path.read_text("utf-8").splitlines()
    return any("#" in _STRING.sub("", line) and line.strip() not in known for line in lines)


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _blocks(text: str) -> list[_Block]:
    blocks = [_Block("", [], [])]
    for line in text.splitlines():
        head = _HEAD.match(line)
        if head is not None:
            before = blocks[-1].lines
            above: list[str] = []
            while before and _is_comment(before[-1]):
                above.insert(0, before.pop())
            blocks.append(_Block(head[1], above, []))
        blocks[-1].lines.append(line)
    return blocks


def _edited(blocks: list[_Block], path: Path, old: Direction, new: Direction) -> str | None:
    """The text with kept, changed and new blocks; None where the old ones can't be told apart."""
    kept: dict[int, list[str]] = {}
    added: list[str] = []
    for table, field in _FIELDS.items():
        places = [at for at, block in enumerate(blocks) if block.name == table]
        said: Sequence[object] = getattr(old, field)
        if len(places) != len(said):
            return None
        wanted = list(getattr(new, field))
        for at, item in zip(places, said, strict=True):
            block = blocks[at]
            if item in wanted:
                wanted.remove(item)
                kept[at] = [*block.above, *block.lines]
            elif (changed := _same_scope(item, wanted)) is not None:
                wanted.remove(changed)
                own = _lines_of(field, changed, path.parent)[1:]
                kept[at] = [*block.above, *own, *_tail(block.lines)]
        for item in wanted:
            added += _lines_of(field, item, path.parent)
    lines = list(blocks[0].lines)
    for at in range(1, len(blocks)):
        lines += kept.get(at, [])
    while added and lines and not lines[-1].strip():
        lines.pop()
    return "\n".join([*lines, *added]).rstrip() + "\n"


def _same_scope(item: object, wanted: Sequence[object]) -> Part | None:
    """Other settings of the same frames: a change of that part, not a new one."""
    if not isinstance(item, Part):
        return None
    return next((p for p in wanted if isinstance(p, Part) and p.scope == item.scope), None)


def _tail(lines: Sequence[str]) -> Sequence[str]:
    """Blank lines and comments behind the last value."""
    end = len(lines)
    while end and (not lines[end - 1].strip() or _is_comment(lines[end - 1])):
        end -= 1
    return lines[end:]


def _lines_of(field: str, item: object, folder: Path) -> list[str]:
    """A blank line, then one table."""
    text = direction_text(Direction(**{field: (item,)}), folder)  # type: ignore[arg-type]
    return text.splitlines()[1:]
