"""What the options ask for over time: key frames, and smoothing, within the look-ahead there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from vidcolor.engine.coloring.waiting import (
    DISSOLVE_BYTES,
    DISSOLVE_WORKING_BYTES_PER_PIXEL,
    FADE_BYTES,
    frame_bytes,
    look_ahead_frames,
)
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.shots.plan import SpanRules
from vidcolor.engine.shots.planner import MOST_AHEAD_FRAMES
from vidcolor.errors import Message, Option
from vidcolor.temporal import LONGEST_GAP, AbSmoother, PerFrame, Smoother
from vidcolor.temporal.cuts import LOOK_AHEAD_FRAMES
from vidcolor.temporal.dissolving import LEAST_REACH_FRAMES, REACH_FRAMES
from vidcolor.temporal.motion import MotionSmoother
from vidcolor.types import VideoInfo


@dataclass(frozen=True, slots=True)
class KeyFrames:
    """On which frames the network runs.

    Attributes:
        every: on every N-th; None chooses by motion.
        longest: distance in frames that is never exceeded, at least 2.
    """

    every: int | None
    longest: int


@dataclass(frozen=True, slots=True)
class TimePlan:
    """How one film is treated over time; by default every frame is on its own.

    Attributes:
        keys: None runs the network on every frame.
        smoother: makes a new one, for each span.
        warm_up: frames before a span in mid-shot that are coloured too, so that smoothing knows
            the past.
        run_out: frames behind a span that ends in mid-shot, likewise for the future.
        dissolve_frames: before and behind the middle of a dissolve that may belong to it; in 0
            dissolves stay as the network colours them.
        evens_exposure: make exposure even for the network.
        grey_mounts: take the colour from what surrounds the picture.
        notes: one line each, for the user.
    """

    keys: KeyFrames | None = None
    smoother: Callable[[], Smoother] = PerFrame
    warm_up: int = 0
    run_out: int = 0
    dissolve_frames: int = 0
    evens_exposure: bool = False
    grey_mounts: bool = False
    notes: tuple[str, ...] = ()


def plan_look_ahead(film: VideoInfo) -> int:
    """How many frames may wait until their shot and fade are known; 0 where frames are too large.

    It depends on the film alone, so that any model gets the same shots. Usually
    ``LOOK_AHEAD_FRAMES`` wait, the others in fades in only.
    """
    usual = look_ahead_frames(film.width, film.height, film.depth, working_pixels=0)
    if usual < 2 * LOOK_AHEAD_FRAMES:
        return 0
    more = FADE_BYTES // frame_bytes(film.width, film.height, film.depth)
    return min(LOOK_AHEAD_FRAMES + more, MOST_AHEAD_FRAMES)


def dissolve_frames(film: VideoInfo, working_pixels: int) -> int:
    """How many frames before and behind a dissolve's middle may wait for its end; 0 for none.

    Args:
        film: what it is.
        working_pixels: of a frame as the network sees it.
    """
    known = working_pixels * DISSOLVE_WORKING_BYTES_PER_PIXEL
    size = frame_bytes(film.width, film.height, film.depth) + known
    fits = min(DISSOLVE_BYTES // (3 * size), REACH_FRAMES)
    return fits if fits >= LEAST_REACH_FRAMES else 0


def plan_over_time(
    options: ColorizeOptions,
    look_ahead: int,
    *,
    dissolves: int = 0,
    rules: SpanRules | None = None,
    saturation: float = 1.0,
) -> TimePlan:
    """Decide for one film.

    Args:
        options: ``every``, ``stabilize``, ``smoothing`` and ``mounts`` count.
        look_ahead: frames that may wait for later ones, beside those that wait for their shot; 0
            where even one is too large.
        dissolves: see ``dissolve_frames``.
        rules: how long spans are, and how many frames around them are used.
        saturation: of the model's ``Finishing``.
    """
    rules = rules or SpanRules()
    keys, notes = _key_frames(options, look_ahead // 2)
    left = look_ahead - (keys.longest if keys else 0)
    smooths = options.smoothing_s > 0.0
    return TimePlan(
        keys=keys,
        smoother=partial(_smoother, options, left, saturation),
        warm_up=min(rules.warm_up, look_ahead) if smooths else 0,
        run_out=min(rules.run_out, left) if smooths and options.stabilize == "motion" else 0,
        dissolve_frames=dissolves if smooths else 0,
        evens_exposure=smooths,  # else each frame is on its own, exactly
        grey_mounts=options.mounts == "grey",
        notes=notes,
    )


def _key_frames(
    options: ColorizeOptions, look_ahead: int
) -> tuple[KeyFrames | None, tuple[str, ...]]:
    distance = options.distance
    if distance == 1:
        return None, ()
    wanted = LONGEST_GAP if distance == "auto" else distance
    longest = min(wanted, look_ahead)
    notes: tuple[str, ...] = ()
    if longest < 2 or (distance != "auto" and longest < wanted):
        notes = (
            Message(
                "frames are so large that few can wait: ",
                Option("every", max(longest, 1)),
                f", not {distance}",
            ),
        )
    if longest < 2:
        return None, notes
    return KeyFrames(None if distance == "auto" else longest, longest), notes


def _smoother(options: ColorizeOptions, look_ahead: int, saturation: float) -> Smoother:
    if options.smoothing_s <= 0.0:
        return PerFrame()
    if options.stabilize == "motion":
        return MotionSmoother(
            options.smoothing_s, look_ahead_frames=look_ahead, saturation=saturation
        )
    return AbSmoother(options.smoothing_s)
