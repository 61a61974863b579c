"""Kinds of settings, which pydantic checks, and what is wrong with a value in one line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationError

Count = Annotated[int, Field(ge=1)]
CountOrNone = Annotated[int, Field(ge=0)]
"""A count whose 0 means that there is none."""
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
"""Text is no number, true is no number, and unknown settings are refused; whole numbers are
numbers."""

_UNKNOWN = {"extra_forbidden", "unexpected_keyword_argument"}


def place_of(error: ValidationError) -> tuple[str, ...]:
    """The names that lead to the first wrong value: tables, then the key."""
    return tuple(part for part in error.errors()[0]["loc"] if isinstance(part, str))


def describe(error: ValidationError, known: Iterable[str]) -> str:
    """The first wrong value and what it should be.

    Args:
        error: of pydantic.
        known: names of all settings, for those that are unknown.
    """
    first = error.errors()[0]
    name = ".".join(place_of(error))
    if first["type"] in _UNKNOWN:
        return f"no setting {name!r}; known are {', '.join(known)}"
    if first["type"] == "missing":
        return f"{name} has too few values, got {_shown(first['input'])}"
    said = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    for python, toml in (("dictionary", "table"), ("tuple", "list"), ("string", "text")):
        said = said.replace(f"valid {python}", toml)
    return f"{name} {said}, got {_shown(first['input'])}"


def line_of(text: str, place: Sequence[str]) -> int | None:
    """The line of a key in a TOML file, as such files are mostly written; None elsewhere.

    Args:
        text: of the file.
        place: tables, then the key.
    """
    *tables, key = place or ("",)
    wanted, table = f"[{'.'.join(tables)}]", "[]"
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*(\[[\w.-]+\])\s*(#.*)?$", line):
            table = header[1]
        elif table == wanted and re.match(rf"\s*{re.escape(key)}\s*=", line):
            return number
    return None


def _shown(value: Any) -> str:  # noqa: ANN401 - whatever was given
    return repr(list(value)) if isinstance(value, tuple) else repr(value)
