"""What a direction says of one frame, or photograph, that is looked at alone.

Hints and references of the frame itself show at once; those of other frames of the shot are carried
along the motion when the shot is coloured, so a clip shows them.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from vidcolor.direction.model import Direction, Part, Reference, Scope
from vidcolor.engine.steering.still import steer_still


def steered(ab: Tensor, lightness: Tensor, direction: Direction) -> Tensor:
    """A frame's colours with what is said of it.

    Args:
        ab: ``(1, 2, h, w)``, upright.
        lightness: ``(1, 1, H, W)``, L*/100, upright.
        direction: of the frame alone, see ``said_of_frame``.
    """
    return steer_still(ab, lightness, direction).to(ab.device)


def said_of_frame(
    direction: Direction, at_s: float, *, near_s: float, shot: int | None
) -> Direction:
    """Hints, paintings and references of a frame, as if it were a photograph.

    Args:
        direction: of the film.
        at_s: the frame's time.
        near_s: how far times may be off.
        shot: number of its shot from 1, None where it isn't known.
    """

    def here(time_s: float | None) -> bool:
        return time_s is not None and abs(time_s - at_s) <= near_s

    def counts(reference: Reference) -> bool:
        if reference.used_as == "frame":
            return here(reference.time_s)
        return covers(reference.scope, at_s, shot)

    return Direction(
        hints=tuple(replace(each, time_s=None) for each in direction.hints if here(each.time_s)),
        paintings=tuple(
            replace(each, time_s=None) for each in direction.paintings if here(each.time_s)
        ),
        references=tuple(
            replace(each, kind=each.used_as, time_s=None)
            for each in direction.references
            if counts(each)
        ),
        protected=tuple(each for each in direction.protected if covers(each.scope, at_s, shot)),
    )


def part_of(direction: Direction, at_s: float, shot: int | None) -> Part:
    """What parts say of a frame: of each setting the last that says it; None where none does."""
    found = Part(Scope())
    for part in direction.parts:
        if covers(part.scope, at_s, shot):
            said = {name: getattr(part, name) for name in ("saturation", "model")}
            found = replace(found, **{n: value for n, value in said.items() if value is not None})
    return found


def covers(scope: Scope, at_s: float, shot: int | None) -> bool:
    """Whether a frame is meant."""
    if scope.shot is not None:
        return scope.shot == shot
    start, end = scope.start_s or 0.0, scope.end_s
    return start <= at_s and (end is None or at_s < end)
