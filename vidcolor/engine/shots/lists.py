"""Lists of shots that a person has edited, in place of detection."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any, cast, get_args

from vidcolor.engine.shots.plan import Begin, Shot
from vidcolor.errors import InputError


def read_shots(path: str | Path) -> tuple[Shot, ...]:
    """Boundaries from a list that ``vidcolor shots`` wrote, JSON or CSV, perhaps edited since.

    Only the columns ``first_frame`` and ``begins`` count; ``begins`` may be missing or empty, which
    is a cut. Frames count from 0. A first shot that begins later gets one before it.

    Returns:
        Shots of which ``first`` and ``begins`` hold; the rest is made when the film is read.

    Raises:
        InputError: it can't be read, or a row makes no sense.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise InputError(f"{path}: {reason}") from None
    rows = _json_rows(path, text) if text.lstrip()[:1] in ("{", "[") else _csv_rows(text)
    begins: dict[int, Begin] = {0: "start"}
    last = -1
    for place, row in enumerate(rows, start=1):
        first = _frame(path, place, row)
        if first <= last:
            raise InputError(f"{path}: shot {place}: begins before the one above it")
        last = first
        if first:
            begins[first] = _begin(path, place, row)
    return tuple(
        Shot(at, first, first, 0.0, 0.0, how, 0.0) for at, (first, how) in enumerate(begins.items())
    )


def _json_rows(path: Path, text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InputError(f"{path}: no JSON: {error}") from None
    rows = found.get("shots") if isinstance(found, dict) else found
    if not isinstance(rows, list):
        raise InputError(f"{path}: has no list of shots")
    return rows


def _csv_rows(text: str) -> list[dict[str, str]]:
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))


def _frame(path: Path, place: int, row: Any) -> int:  # noqa: ANN401 - anything may stand in a file
    value = row.get("first_frame") if isinstance(row, dict) else None
    try:
        first = int(str(value).strip())
    except ValueError:
        raise InputError(f"{path}: shot {place}: first_frame is {value!r}: no number") from None
    if first < 0:
        raise InputError(f"{path}: shot {place}: first_frame is {first}: frames count from 0")
    return first


def _begin(path: Path, place: int, row: dict[str, Any]) -> Begin:
    how = str(row.get("begins") or "cut").strip()
    if how not in get_args(Begin) or how == "start":
        raise InputError(f"{path}: shot {place}: begins is {how!r}: use cut, dissolve or fade")
    return cast(Begin, how)
