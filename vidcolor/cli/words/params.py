"""Types of option values that click lacks (times, frame rates), and names that differ in Python."""

from __future__ import annotations

import re
from fractions import Fraction

import click

_TIME = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d*)?|\.\d+)", re.ASCII)
_RATE = re.compile(r"\d+/\d+|\d+(?:\.\d*)?|\.\d+", re.ASCII)
_NTSC: dict[str, Fraction] = {
    "23.976": Fraction(24000, 1001),
    "23.98": Fraction(24000, 1001),
    "29.97": Fraction(30000, 1001),
    "47.952": Fraction(48000, 1001),
    "59.94": Fraction(60000, 1001),
    "119.88": Fraction(120000, 1001),
}
"""Rounded rates and what they stand for."""

ARGUMENTS: dict[str, str] = {"start": "start_s", "end": "end_s", "wear": "strength"}
"""Parameters of the command line whose argument in Python has another name."""


def parse_time(text: str) -> float:
    """Seconds from ``90``, ``90.5``, ``1:30`` or ``0:01:30.500``.

    Raises:
        ValueError: when it is none of these, or minutes or seconds after a colon exceed 59.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time: use seconds or [HH:]MM:SS[.mmm]")
    hours, minutes, seconds = match.groups()
    if minutes is not None and Fraction(seconds) >= 60 or hours is not None and int(minutes) >= 60:
        raise ValueError(f"{text!r} is not a time: minutes and seconds go up to 59")
    return float(int(hours or 0) * 3600 + int(minutes or 0) * 60 + Fraction(seconds))


def parse_rate(text: str) -> Fraction:
    """Frames per second from ``18``, ``16.67``, ``24000/1001``; ``29.97`` means 30000/1001.

    Raises:
        ValueError: when it is none of these, or is 0.
    """
    if not _RATE.fullmatch(text) or re.search(r"/0+$", text):
        raise ValueError(f"{text!r} is not a frame rate: use 18, 23.976 or 24000/1001")
    rate = _NTSC.get(text, Fraction(text))
    if rate <= 0:
        raise ValueError("a frame rate must be above 0")
    return rate


class TimeParam(click.ParamType[float]):
    """A point in time, in seconds."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Parse; ``click.BadParameter`` when it is no time."""
        try:
            return parse_time(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class RateParam(click.ParamType[Fraction]):
    """A frame rate."""

    name = "rate"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Fraction:
        """Parse; ``click.BadParameter`` when it is no rate."""
        try:
            return parse_rate(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class AutoIntParam(click.ParamType[int]):
    """A whole number of at least 1, or ``auto``, which is 0."""

    name = "n|auto"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Parse; ``click.BadParameter`` when it is neither."""
        text = str(value)
        if text == "auto":
            return 0
        if re.fullmatch(r"[1-9]\d*", text, re.ASCII):
            return int(text)
        self.fail(f"{text!r} is neither a whole number above 0 nor 'auto'", param, ctx)


class NumbersParam(click.ParamType[tuple[int, ...]]):
    """Whole numbers of at least 1, and ranges of them: ``7,12-14``."""

    name = "n,n-n"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Parse; ``click.BadParameter`` when it is neither."""
        found: set[int] = set()
        for part in str(value).split(","):
            match = re.fullmatch(r"\s*([1-9]\d{0,6})(?:-([1-9]\d{0,6}))?\s*", part, re.ASCII)
            first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
            if last < first:
                self.fail(f"{part.strip()!r} is no number of a shot, and no range: 7,12-14")
            found.update(range(first, last + 1))
        return tuple(sorted(found))


TIME = TimeParam()
RATE = RateParam()
AUTO_INT = AutoIntParam()
NUMBERS = NumbersParam()
