"""Metadata of a weights file, checked as it is read: files may come from anywhere."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from vidcolor.errors import OptionError

UNUSABLE: tuple[type[Exception], ...] = (
    ArithmeticError, AttributeError, LookupError, MemoryError, OptionError, RuntimeError, TypeError,
    ValueError,
)  # fmt: skip
"""What building a network from invalid settings, or loading other tensors into it, raises."""

_LONG = 160
"""Characters to show of torch's list of tensors that don't fit."""

_MOST = 4096
"""Largest number in a configuration (channels, blocks, layers), so that no file can ask for
much memory."""


def settings(metadata: Mapping[str, str]) -> dict[str, object]:
    """The network's configuration, {} where there is none.

    Raises:
        ValueError: it is no table, or a number in it is too large.
        RecursionError: it is nested too deep.
    """
    values = json.loads(metadata.get("config", "{}"))
    if not isinstance(values, dict):
        raise ValueError("its configuration is no table")
    for name, value in values.items():
        numbers = value if isinstance(value, list) else [value]
        if len(numbers) > _MOST or any(_is_too_large(number) for number in numbers):
            raise ValueError(f"its configuration has a {name} that is too large")
    return values


def factor(metadata: Mapping[str, str], name: str, default: float) -> float:
    """A number above 0.

    Raises:
        ValueError: it is none.
    """
    value = float(metadata.get(name, default))
    if not 0.0 < value < math.inf:
        raise ValueError(f"its {name} is {value}")
    return value


def share(metadata: Mapping[str, str], name: str) -> float:
    """A number from 0 to 1; 0 where it is missing.

    Raises:
        ValueError: it is none, or beyond.
    """
    value = float(metadata.get(name, 0.0))
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"its {name} is {value}")
    return value


def is_set(metadata: Mapping[str, str], name: str) -> bool:
    """Whether a switch is "1"; off where it is missing.

    Raises:
        ValueError: it is neither "0" nor "1".
    """
    value = metadata.get(name, "0")
    if value not in ("0", "1"):
        raise ValueError(f"its {name} is {value}")
    return value == "1"


def reason(error: Exception) -> str:
    """An exception in one line; where its first only announces what follows, with the second."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    first = lines[0] if lines else type(error).__name__
    if not first.endswith(":") or len(lines) < 2:
        return first
    second = lines[1]
    return f"{first} {second if len(second) <= _LONG else second[:_LONG] + '...'}"


def _is_too_large(value: object) -> bool:
    return isinstance(value, (int, float)) and not -_MOST <= value <= _MOST
