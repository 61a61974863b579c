"""A pass over a film that makes its shot plan: it is decoded, and no network runs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from vidcolor.engine.coloring.over_time import plan_look_ahead
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.progress import NullProgress, Progress
from vidcolor.engine.run.sources import plan_key, read_settings
from vidcolor.engine.shots.plan import Shot, ShotPlan, SpanRules, load_plan, save_plan
from vidcolor.engine.shots.planner import Planner
from vidcolor.errors import InputError, Interrupted
from vidcolor.media.files.atomic import short_name
from vidcolor.media.files.pipes import ended_by
from vidcolor.media.open import Input, open_input
from vidcolor.media.source import FrameSource, ReadSettings
from vidcolor.types import LumaFrame


def plan_film(
    input: str | Path,  # noqa: A002 - as in colorize_video
    *,
    options: ColorizeOptions | None = None,
    rules: SpanRules | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> ShotPlan:
    """The shot plan of a film: the one that ``colorize_video`` would make on its way.

    Args:
        input: path, pattern such as ``scan_%06d.tif``, or "-" for standard input.
        options: those of reading count (``start_s``, ``end_s``, ``deinterlace``, ``decoder``,
            ``fps``).
        rules: how long spans are.
        cache: a file: a plan in it that is of this input and these rules is taken, else it is
            written; see ``plan_beside``. Not used for pipes.
        progress: told of every frame.
        stop: set it to stop.

    Raises:
        InputError: the film, or the cache, can't be read.
        OptionError: options contradict each other.
        OSError: the cache can't be written.
        Interrupted: ``stop`` was set.
    """
    reading = read_settings(options or ColorizeOptions(), copy_streams=False)
    halt = threading.Event()
    with ended_by(stop, halt), open_input(input) as film:
        return plan_input(film, reading, rules=rules, cache=cache, progress=progress, stop=stop)


def plan_input(
    film: Input,
    reading: ReadSettings,
    *,
    rules: SpanRules | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    known: Sequence[Shot] | None = None,
) -> ShotPlan:
    """The shot plan of an open film; see ``plan_film``.

    With ``known`` boundaries are taken from there, and no cache is used.
    """
    cache = cache if known is None else None
    rules, progress = rules or SpanRules(), progress or NullProgress()
    key = plan_key(film, reading)
    found = None if cache is None or film.is_pipe else load_plan(cache, key, rules)
    if found is not None:
        return found
    with film.read(reading) as source:
        planner = Planner(rules, look_ahead=plan_look_ahead(source.info), known=known)
        _watch(source, planner, progress, stop)
    if not planner.frames:
        raise InputError(f"{film.label}: no frame of this video could be decoded")
    plan = ShotPlan(key, rules, planner.frames, tuple(planner.shots), tuple(planner.spans))
    if cache is not None and not film.is_pipe:
        save_plan(cache, plan)
    return plan


def plan_beside(output: Path) -> Path:
    """The hidden file beside an output in which its plan is cached."""
    return output.with_name(f".vidcolor-plan-{short_name(output.name)}.json")


def _watch(
    source: FrameSource, planner: Planner, progress: Progress, stop: threading.Event | None
) -> None:
    progress.start(source.expected_frames, "frames", Path(source.info.path).name)
    try:
        for item in source:
            if stop is not None and stop.is_set():
                raise Interrupted
            if isinstance(item, LumaFrame):
                planner.take(item, source.info.rotation)
                progress.advance(1)
        planner.flush()
    finally:
        progress.close()
