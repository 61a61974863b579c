"""The shots of a film for the page; the plan is kept, so that a film is searched once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.plan_film import plan_input
from vidcolor.engine.progress import NullProgress
from vidcolor.engine.run.sources import read_settings
from vidcolor.media.open import open_input

_REPORT_S: Final = 0.5


class _Reporting(NullProgress):
    """Tells how many frames have been read, twice a second."""

    def __init__(self, report: Callable[[object], None]) -> None:
        self._report, self._done, self._total = report, 0, None
        self._next = 0.0

    def start(self, total: int | None, unit: str, title: str) -> None:
        self._total = total  # type: ignore[assignment]

    def advance(self, count: int) -> None:
        self._done += count
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _REPORT_S
            self._report({"done": self._done, "total": self._total})


def film_shots(path: str, cache: Path, report: Callable[[object], None]) -> list[dict[str, Any]]:
    """Shots in order: index, times and frame numbers from the film's start, how each begins.

    ``key_s`` is a time within the middle frame.

    Raises:
        InputError: the film can't be read.
    """
    settings = read_settings(ColorizeOptions(), copy_streams=False)
    with open_input(path) as film:
        with film.read(settings) as source:
            late = source.info.start_s - float(source.time_offset_s)
        plan = plan_input(film, settings, cache=cache, progress=_Reporting(report))
    return [
        {
            "index": shot.index, "start_s": shot.start_s - late, "end_s": shot.end_s - late,
            "first": shot.first, "last": shot.last, "begins": shot.begins,
            "key_s": (shot.start_s + shot.end_s) / 2 - late,
        }
        for shot in plan.shots
    ]  # fmt: skip
