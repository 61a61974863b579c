"""Two halves of a set of photographs: one to choose settings on, one to report on."""

from __future__ import annotations

import re
import zlib
from pathlib import PurePath
from typing import Literal

Half = Literal["choose", "report"]
"""What is chosen after looking at results (saturation, calm, early stopping) is chosen on one half;
figures that are quoted are the other's."""


def half_of(name: str) -> Half:
    """Which half a photograph is in, by its name alone.

    Even numbers are to choose on, odd ones to report on: the last digits in the file's name without
    its suffix, or where there are none its CRC-32.
    """
    stem = PurePath(name).stem
    numbers = re.findall(r"\d+", stem)
    number = int(numbers[-1]) if numbers else zlib.crc32(stem.encode("utf-8", "surrogateescape"))
    return "report" if number % 2 else "choose"
