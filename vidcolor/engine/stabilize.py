"""What the options ask for over time: key frames, and smoothing, within the look-ahead there is."""

from __future__ import annotations

from dataclasses import dataclass

from vidcolor.engine.options import ColorizeOptions
from vidcolor.temporal import LONGEST_GAP, AbSmoother, PerFrame, Smoother


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
    """How one film is treated over time.

    Attributes:
        keys: None runs the network on every frame.
        smoother: a fresh one.
        notes: one line each, for the user.
    """

    keys: KeyFrames | None
    smoother: Smoother
    notes: tuple[str, ...] = ()


def plan_over_time(options: ColorizeOptions, look_ahead: int) -> TimePlan:
    """Decide for one film.

    Args:
        options: ``every``, ``stabilize`` and ``smoothing`` count.
        look_ahead: frames that may wait for later ones; 0 where even one is too large.
    """
    keys, notes = _key_frames(options, look_ahead // 2)
    left = look_ahead - (keys.longest if keys else 0)
    return TimePlan(keys, _smoother(options, left), notes)


def _key_frames(
    options: ColorizeOptions, look_ahead: int
) -> tuple[KeyFrames | None, tuple[str, ...]]:
    if options.every == 1:
        return None, ()
    wanted = LONGEST_GAP if options.every == "auto" else options.every
    longest = min(wanted, look_ahead)
    notes: tuple[str, ...] = ()
    if options.every != "auto" and longest < wanted:
        notes = (f"frames of this size: every {max(longest, 1)} is coloured, not every {wanted}",)
    if longest < 2:
        return None, notes
    return KeyFrames(None if options.every == "auto" else longest, longest), notes


def _smoother(options: ColorizeOptions, look_ahead: int) -> Smoother:  # noqa: ARG001
    if options.smoothing_s <= 0.0:
        return PerFrame()
    return AbSmoother(options.smoothing_s)
