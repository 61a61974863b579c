"""Direction files, ``FILM.colors.toml``: reading, writing, and where they are."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from vidcolor.direction.model import (
    Direction,
    Hint,
    Painting,
    Part,
    Protected,
    Reference,
    Scope,
    wrong,
)
from vidcolor.errors import InputError, OptionError, OutputError

VERSION: Final = 1
"""Of the schema."""

_FILM: Final = ("model", "saturation", "smoothing")
_SCOPE: Final = ("shot", "from", "to")
_TABLES: Final[dict[str, tuple[str, ...]]] = {
    "hint": ("at", "color", "time", "radius", "reach"),
    "painting": ("file", "time", "reach"),
    "reference": ("file", "time", "kind", *_SCOPE),
    "protect": ("box", *_SCOPE),
    "part": ("saturation", "smoothing", "model", *_SCOPE),
}
_NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "hint": ("at", "color"),
    "painting": ("file",),
    "reference": ("file",),
    "protect": ("box",),
    "part": (),
}
_KEY_OF: Final = {
    "start_s": "from", "end_s": "to", "time_s": "time", "x": "at", "y": "at",
    "left": "box", "top": "box", "right": "box", "bottom": "box",
}  # fmt: skip
"""Keys of the file whose argument has another name."""

T = TypeVar("T")


def beside(film: str | Path) -> Path:
    """The direction file of a film or photograph: ``reel.mp4`` has ``reel.colors.toml``."""
    path = Path(film)
    return path.with_name(f"{path.stem}.colors.toml")


def load_direction(path: str | Path) -> Direction:
    """Read a direction file. Files named in it are looked for beside it.

    Raises:
        InputError: it can't be read, or something in it is wrong; the message names the line and
            the key.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise InputError(f"{path}: {reason}") from None
    return parse_direction(path, text)


def parse_direction(path: Path, text: str) -> Direction:
    """The direction in the text of a file, which need not be written yet.

    Raises:
        InputError: something in it is wrong; the message names the line and the key.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: no TOML: {error}") from None
    return _Reader(path, text).direction(found)


def save_direction(path: str | Path, direction: Direction, *, comments: Iterable[str] = ()) -> None:
    """Write a direction file, whole or not at all; an existing one is replaced.

    Args:
        path: where; files named in the direction are written relative to its folder if they lie
            below it.
        direction: what is to be said.
        comments: lines for the top of the file.

    Raises:
        OutputError: it can't be written.
    """
    path = Path(path)
    write_direction_text(path, direction_text(direction, path.parent, comments))


def write_direction_text(path: Path, text: str) -> None:
    """Write a direction file, whole or not at all.

    Raises:
        OutputError: it can't be written.
    """
    half = path.with_name(f".{path.name}.half")
    try:
        half.write_text(text, encoding="utf-8")
        os.replace(half, path)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise OutputError(f"{path}: {error.strerror}") from error


def direction_text(direction: Direction, folder: Path, comments: Iterable[str] = ()) -> str:
    """A direction as TOML; ``load_direction`` reads the same values from it."""
    lines = [f"# {line}".rstrip() for line in comments]
    lines += _pairs({"version": VERSION, **{name: getattr(direction, name) for name in _FILM}})
    for part in direction.parts:
        own = {name: getattr(part, name) for name in _FILM}
        lines += _table("part", {**_scope_values(part.scope), **own})
    for hint in direction.hints:
        lines += _table("hint", {
            "time": hint.time_s, "at": [hint.x, hint.y], "color": hint.color,
            "radius": hint.radius, "reach": None if hint.reach == "shot" else hint.reach,
        })  # fmt: skip
    for painting in direction.paintings:
        reach = None if painting.reach == "shot" else painting.reach
        file = _relative(painting.file, folder)
        lines += _table("painting", {"time": painting.time_s, "file": file, "reach": reach})
    for reference in direction.references:
        lines += _table("reference", {
            "file": _relative(reference.file, folder), "time": reference.time_s,
            "kind": None if reference.kind == "auto" else reference.kind,
            **_scope_values(reference.scope),
        })  # fmt: skip
    for area in direction.protected:
        box = [area.left, area.top, area.right, area.bottom]
        lines += _table("protect", {"box": box, **_scope_values(area.scope)})
    return "\n".join(lines) + "\n"


def fingerprint(direction: Direction) -> str:
    """Differs between directions that give different colours: all values, and what files hold.

    Raises:
        InputError: a file can't be read.
    """
    digest = hashlib.sha256(repr(direction).encode())
    files = [painting.file for painting in direction.paintings]
    for file in [*files, *(reference.file for reference in direction.references)]:
        try:
            digest.update(file.read_bytes())
        except OSError as error:
            raise InputError(f"{file}: {error.strerror}") from None
    return digest.hexdigest()


def wrong_in(
    direction: Direction, table: str, at: int, key: str, text: str
) -> InputError | OptionError:
    """The error for something that is only wrong for a certain film, with its line if it has one.

    Args:
        direction: what is said.
        table: such as "part".
        at: which of these tables, from 0.
        key: in it.
        text: what is wrong.
    """
    if direction.file is None:
        return wrong(key, text)
    try:
        lines = direction.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        lines = ""  # it was there a moment ago
    line = line_of(lines, key, table, at)
    return InputError(f"{direction.file}: line {line}: [[{table}]] {key} {text}")


def _scope_values(scope: Scope) -> dict[str, Any]:
    return {"shot": scope.shot, "from": scope.start_s, "to": scope.end_s}


def _table(name: str, values: Mapping[str, Any]) -> list[str]:
    return ["", f"[[{name}]]", *_pairs(values)]


def _pairs(values: Mapping[str, Any]) -> list[str]:
    # JSON's strings, numbers and lists are TOML's too
    return [
        f"{key} = {json.dumps(value, ensure_ascii=False)}"
        for key, value in values.items()
        if value is not None
    ]


def _relative(file: Path, folder: Path) -> str:
    whole = Path(os.path.abspath(file))
    try:
        return whole.relative_to(os.path.abspath(folder)).as_posix()
    except ValueError:
        return str(whole)


class _Reader:
    """Makes a direction of a file's values; knows the lines that they stand on."""

    def __init__(self, path: Path, text: str) -> None:
        self._path, self._text = path, text

    def direction(self, found: Mapping[str, Any]) -> Direction:
        """The whole file."""
        for key in found:
            if key not in ("version", *_FILM, *_TABLES):
                raise self._error("is unknown", key)
        if found.get("version", VERSION) != VERSION:
            raise self._error(f"is not {VERSION}, the only one that is known", "version")
        film = {name: found.get(name) for name in _FILM}
        return self._made(lambda: Direction(
            **film,
            hints=self._each(found, "hint", self._hint),
            paintings=self._each(found, "painting", self._painting),
            references=self._each(found, "reference", self._reference),
            protected=self._each(found, "protect", self._protected),
            parts=self._each(found, "part", self._part),
            file=self._path,
        ))  # fmt: skip

    def _each(
        self, found: Mapping[str, Any], table: str, make: Callable[[Mapping[str, Any]], T]
    ) -> tuple[T, ...]:
        items = found.get(table, [])
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise self._error(f"must be written as [[{table}]]", table)
        made = []
        for at, item in enumerate(items):
            for key in item:
                if key not in _TABLES[table]:
                    raise self._error("is unknown", key, table, at)
            for key in _NEEDED[table]:
                if key not in item:
                    raise self._error(f"lacks {key}", None, table, at)
            made.append(self._made(lambda item=item: make(item), table, at))  # type: ignore[misc]
        return tuple(made)

    def _made(self, make: Callable[[], T], table: str | None = None, at: int = 0) -> T:
        try:
            return make()
        except OptionError as error:
            key = _KEY_OF.get(error.option or "", error.option or "")
            text = str(error).removeprefix(error.option or "").strip()
            raise self._error(text, key or None, table, at) from None

    def _hint(self, item: Mapping[str, Any]) -> Hint:
        x, y = _numbers("at", item["at"], 2)
        return Hint(
            x, y, item["color"], item.get("time"), item.get("radius"), item.get("reach", "shot")
        )

    def _painting(self, item: Mapping[str, Any]) -> Painting:
        return Painting(self._file(item), item.get("time"), item.get("reach", "shot"))

    def _reference(self, item: Mapping[str, Any]) -> Reference:
        kind = item.get("kind", "auto")
        return Reference(self._file(item), item.get("time"), kind, _scope(item))

    def _protected(self, item: Mapping[str, Any]) -> Protected:
        left, top, right, bottom = _numbers("box", item["box"], 4)
        return Protected(left, top, right, bottom, _scope(item))

    def _part(self, item: Mapping[str, Any]) -> Part:
        return Part(_scope(item), *(item.get(k) for k in ("saturation", "smoothing", "model")))

    def _file(self, item: Mapping[str, Any]) -> Path:
        if not isinstance(item["file"], str) or not item["file"]:
            raise wrong("file", "must be the name of a file")
        return self._path.parent / item["file"]

    def _error(
        self, text: str, key: str | None, table: str | None = None, at: int = 0
    ) -> InputError:
        line = line_of(self._text, key, table, at)
        where = f"[[{table}]]" if table else ""
        named = " ".join(word for word in (where, key) if word)
        return InputError(f"{self._path}: line {line}: {named} {text}")


def _scope(item: Mapping[str, Any]) -> Scope:
    return Scope(item.get("shot"), item.get("from"), item.get("to"))


def _numbers(key: str, value: object, count: int) -> list[float]:
    right = isinstance(value, list) and len(value) == count
    if not right or any(isinstance(v, bool) or not isinstance(v, (int, float)) for v in value):  # type: ignore[attr-defined]
        raise wrong(key, f"must be a list of {count} numbers")
    return list(value)  # type: ignore[call-overload,no-any-return]


def line_of(text: str, key: str | None, table: str | None, at: int) -> int:
    """The line on which a key stands, from 1; that of the table's head where it isn't found.

    Args:
        text: of the TOML file.
        key: to look for; None looks for the table alone.
        table: name of an array of tables that it stands in; None is the top of the file.
        at: which of them, from 0.
    """
    current, counts, head = None, dict[str, int](), 1
    for number, line in enumerate(text.splitlines(), start=1):
        opened = re.match(r"\s*\[\[?\s*([\w-]+)\s*\]\]?", line)
        if opened:
            current = opened[1]
            counts[current] = counts.get(current, -1) + 1
            if current == key and table is None:
                return number
        is_here = current == table and (table is None or counts[table] == at)
        if is_here and opened:
            head = number
        if is_here and key and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            return number
    return head
