"""What the options ask for over time: key frames, and smoothing, within the look-ahead there is."""

from __future__ import annotations

from dataclasses import dataclass, field

from vidcolor.engine.options import ColorizeOptions
from vidcolor.temporal import LONGEST_GAP, AbSmoother, PerFrame, Smoother
from vidcolor.temporal.cuts import LOOK_AHEAD_FRAMES
from vidcolor.temporal.motion import MotionSmoother


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
        smoother: a fresh one.
        looks_ahead_for_shots: see a few frames ahead to tell where shots begin.
        evens_exposure: make exposure even for the network.
        deflicker: make exposure even in the output.
        notes: one line each, for the user.
    """

    keys: KeyFrames | None = None
    smoother: Smoother = field(default_factory=PerFrame)
    looks_ahead_for_shots: bool = False
    evens_exposure: bool = False
    deflicker: bool = False
    notes: tuple[str, ...] = ()


def plan_over_time(
    options: ColorizeOptions, look_ahead: int, *, saturation: float = 1.0
) -> TimePlan:
    """Decide for one film.

    Args:
        options: ``every``, ``stabilize``, ``smoothing`` and ``deflicker`` count.
        look_ahead: frames that may wait for later ones; 0 where even one is too large.
        saturation: of the model's ``Finishing``.
    """
    for_shots = look_ahead >= 2 * LOOK_AHEAD_FRAMES
    left = look_ahead - (LOOK_AHEAD_FRAMES if for_shots else 0)
    keys, notes = _key_frames(options, left // 2)
    left -= keys.longest if keys else 0
    return TimePlan(
        keys=keys,
        smoother=_smoother(options, left, saturation),
        looks_ahead_for_shots=for_shots,
        evens_exposure=options.smoothing_s > 0.0,  # else each frame is on its own, exactly
        deflicker=options.deflicker,
        notes=notes,
    )


def _key_frames(
    options: ColorizeOptions, look_ahead: int
) -> tuple[KeyFrames | None, tuple[str, ...]]:
    if options.every == 1:
        return None, ()
    wanted = LONGEST_GAP if options.every == "auto" else options.every
    longest = min(wanted, look_ahead)
    notes: tuple[str, ...] = ()
    if longest < 2 or (options.every != "auto" and longest < wanted):
        notes = (
            "frames are so large that few can wait:"
            f" --every {max(longest, 1)}, not {options.every}",
        )
    if longest < 2:
        return None, notes
    return KeyFrames(None if options.every == "auto" else longest, longest), notes


def _smoother(options: ColorizeOptions, look_ahead: int, saturation: float) -> Smoother:
    if options.smoothing_s <= 0.0:
        return PerFrame()
    if options.stabilize == "motion":
        return MotionSmoother(
            options.smoothing_s, look_ahead_frames=look_ahead, saturation=saturation
        )
    return AbSmoother(options.smoothing_s)
