"""Whether the value of a setting has the type of its annotation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from vidcolor.errors import OptionError

_WORDS: Mapping[object, str] = {
    bool: "true or false", int: "whole number", float: "number", str: "text", Mapping: "table",
}  # fmt: skip


def check_kind(name: str, value: object, kind: Any) -> None:  # noqa: ANN401 - any annotation
    """Refuse a value of another type. Whole numbers are numbers, too; infinite ones are not.

    Args:
        name: of the setting, for the message.
        value: given.
        kind: bool, int, float, str, ``Mapping[...]``, or a tuple of these.

    Raises:
        OptionError: it has another type.
    """
    if not _fits(value, kind):
        article = "" if kind is bool else "a "
        shown = list(value) if isinstance(value, tuple) else value
        raise OptionError(f"{name} must be {article}{_words(kind)}, got {shown!r}")


def check_least(name: str, value: object, *, zero: bool) -> None:
    """Refuse negative numbers, and 0 unless it means something; also in lists.

    Raises:
        OptionError: for the first of them.
    """
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, int | float) and (number < 0 or (number == 0 and not zero)):
            least = "at least 0" if zero else "positive"
            raise OptionError(f"{name} must be {least}, got {number}")


def _fits(value: object, kind: Any) -> bool:  # noqa: ANN401
    origin, parts = get_origin(kind) or kind, get_args(kind)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        wanted = parts[:1] * len(value) if parts[-1] is Ellipsis else parts
        return len(value) == len(wanted) and all(map(_fits, value, wanted))
    if isinstance(value, bool) or origin is bool:
        return isinstance(value, bool) and origin is bool
    if origin is float:
        return isinstance(value, int | float) and math.isfinite(value)
    return isinstance(value, origin)


def _words(kind: Any) -> str:  # noqa: ANN401
    if get_origin(kind) is not tuple:
        return _WORDS[get_origin(kind) or kind]
    parts = get_args(kind)
    if parts[-1] is Ellipsis:
        words = _words(parts[0])
        return f"list of {words}" + ("" if words.startswith("[") else "s")
    each = [_words(part) for part in parts]
    if len(set(each)) == 1:
        return f"list of {len(each)} {each[0]}s"
    return f"[{', '.join(each)}]"
