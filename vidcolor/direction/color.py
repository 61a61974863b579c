"""Colours as people write them: ``#23406b``, ``navy``, ``lab(30, 5, -30)``, ``keep``, ``grey``."""

from __future__ import annotations

import re
from typing import Final

KEEP: Final = "keep"
"""This place is right as it is."""

GREY: Final = "grey"
"""No colour here."""

_HEX = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})", re.ASCII)
_NUMBER = r"\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*"
_LAB = re.compile(rf"lab\((?:{_NUMBER},)?{_NUMBER},{_NUMBER}\)", re.ASCII)
_MOST = 150.0
"""Largest a* or b* that is believed: sRGB ends at 108."""

Rgb8 = tuple[int, int, int]


def check_color(text: str) -> str:
    """The colour as it is kept: without spaces around it, in small letters.

    Raises:
        ValueError: it is none.
    """
    word = text.strip().lower()
    if word in (KEEP, GREY, "gray"):
        return GREY if word == "gray" else word
    if not _HEX.fullmatch(word) and lab_of_text(word) is None and named_rgb(word) is None:
        raise ValueError(
            f"{text!r} is no colour: use #rrggbb, a CSS name, lab(L, a, b), keep or grey"
        )
    return word


def lab_of_text(text: str) -> tuple[float, float] | None:
    """A* and b* of ``lab(L, a, b)`` or ``lab(a, b)``; None for other texts, or absurd numbers."""
    match = _LAB.fullmatch(text)
    if match is None:
        return None
    a, b = float(match[2]), float(match[3])
    return (a, b) if max(abs(a), abs(b)) <= _MOST else None


def named_rgb(text: str) -> Rgb8 | None:
    """8-bit sRGB of a CSS name; None for other texts."""
    from vidcolor.media.still.names import css_color

    return css_color(text)


def rgb_of_text(text: str) -> Rgb8 | None:
    """8-bit sRGB of ``#rgb``, ``#rrggbb`` or a CSS name; None for other texts."""
    if not _HEX.fullmatch(text):
        return named_rgb(text)
    digits = text[1:] if len(text) == 7 else "".join(2 * digit for digit in text[1:])
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def ab_of(text: str) -> tuple[float, float]:
    """Lab a* and b* of a colour that ``check_color`` accepts; ``grey`` is (0, 0).

    Raises:
        ValueError: it is none, or ``keep``, which has no value of its own.
    """
    import torch

    from vidcolor.color import rgb_to_lab

    if text == GREY:
        return 0.0, 0.0
    found = lab_of_text(text)
    if found is not None:
        return found
    rgb = rgb_of_text(text)
    if rgb is None:
        raise ValueError(f"{text!r} has no colour of its own")
    lab = rgb_to_lab(torch.tensor(rgb, dtype=torch.float32).view(1, 3, 1, 1) / 255.0)
    return float(lab[0, 1]), float(lab[0, 2])
