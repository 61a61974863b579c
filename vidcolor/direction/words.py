"""Hints and references as they are written on the command line."""

from __future__ import annotations

import re
from pathlib import Path

from vidcolor.direction.color import check_color
from vidcolor.direction.model import Hint, Painting, Reference, wrong

_NUMBER = r"(\d+\.?\d*|\.\d+)"
_TIME = re.compile(rf"(?:(?:(\d+):)?(\d{{1,2}}):)?{_NUMBER}", re.ASCII)
_PLACE = re.compile(rf"{_NUMBER},{_NUMBER}(?:,{_NUMBER})?", re.ASCII)


def parse_hint(text: str) -> Hint | Painting:
    """A hint: ``T@X,Y=COLOUR``, with a radius ``T@X,Y,R=COLOUR``, or ``T=PAINTED.png``.

    For photographs without the time: ``X,Y=COLOUR``, ``PAINTED.png``. Behind a colour ``/film``
    lets it reach all shots.

    Raises:
        OptionError: it is none of these.
    """
    where, is_pair, what = text.partition("=")
    if not is_pair:
        where, what = "", text
    time_text, is_timed, place = where.rpartition("@")
    try:
        if _PLACE.fullmatch(place):
            return _hint(_time(time_text) if is_timed else None, place, what)
        if what and not is_timed and (not where or _TIME.fullmatch(where)):
            _check_is_file(what)
            return Painting(Path(what), _time(where) if where else None)
    except ValueError as error:
        raise wrong("hint", str(error)) from None
    raise wrong(
        "hint",
        f"{text!r}: use TIME@X,Y=COLOUR or TIME=PAINTED.png, for photographs X,Y=COLOUR or "
        "PAINTED.png",
    )


def parse_reference(text: str) -> Reference:
    """A reference: ``FILE@T``, the frame at T coloured elsewhere; ``FILE``; ``FILE@palette``.

    Raises:
        OptionError: it names no file.
    """
    file, is_marked, mark = text.rpartition("@")
    if is_marked and file and mark == "palette":
        return Reference(Path(file), kind="palette")
    if is_marked and file and mark == "frame":
        return Reference(Path(file), kind="frame")
    if is_marked and file and _TIME.fullmatch(mark):
        return Reference(Path(file), _time(mark))
    if not text:
        raise wrong("reference", "names no file")
    return Reference(Path(text))


def hint_text(hint: Hint) -> str:
    """A hint as ``parse_hint`` reads it."""
    time = "" if hint.time_s is None else f"{hint.time_s:g}@"
    radius = "" if hint.radius is None else f",{hint.radius:g}"
    reach = "" if hint.reach == "shot" else f"/{hint.reach}"
    return f"{time}{hint.x:g},{hint.y:g}{radius}={hint.color}{reach}"


def _hint(time_s: float | None, place: str, color: str) -> Hint:
    color, _, reach = color.partition("/")
    if reach not in ("", "film", "shot"):
        raise ValueError(f"/{reach} is unknown: use /film")
    x, y, *radius = (float(number) for number in place.split(","))
    return Hint(
        x, y, check_color(color), time_s, radius[0] if radius else None,
        "film" if reach == "film" else "shot",
    )  # fmt: skip


def _check_is_file(name: str) -> None:
    if not Path(name).suffix:
        raise ValueError(f"{name!r} is neither X,Y=COLOUR nor a painted picture's file")


def _time(text: str) -> float:
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time: use seconds or [HH:]MM:SS[.mmm]")
    hours, minutes, seconds = match.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)
