"""What a direction says of a part of a film.

The program counts shots in the part that it colours, and refuses hints that lie outside of it; the
page counts them in the whole film. So a clip gets a direction of its own, in times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from vidcolor.direction.model import Direction, Part, Protected, Reference, Scope

Scoped = Part | Protected | Reference


def needs_shots(direction: Direction) -> bool:
    """Whether a direction names shots by number."""
    scoped: list[Scoped] = [*direction.parts, *direction.protected, *direction.references]
    return any(each.scope.shot is not None for each in scoped)


def of_part(
    direction: Direction, start_s: float, end_s: float | None, shots: Sequence[dict[str, Any]],
    *, frame_s: float,
) -> Direction:  # fmt: skip
    """The direction without what is said of other parts, and with times in place of shots.

    Args:
        direction: of the film.
        start_s: of the part, seconds from the film's start.
        end_s: of the part; None is the film's end.
        shots: of the film, as ``look.shots`` gives them; empty where ``needs_shots`` is false.
        frame_s: how long a frame lasts.
    """
    end = math.inf if end_s is None else end_s

    def inside(time_s: float | None) -> bool:
        return time_s is None or start_s - frame_s / 2 <= time_s < end

    def scope_of(scope: Scope) -> Scope | None:
        if scope.shot is not None:
            if scope.shot > len(shots):
                return None
            shot = shots[scope.shot - 1]  # its end is the time of its last frame
            begin = max(0.0, shot["start_s"] - frame_s / 4)
            scope = Scope(start_s=begin, end_s=shot["end_s"] + frame_s / 2)
        meets = (scope.start_s or 0.0) < end - frame_s / 2 and (
            scope.end_s is None or scope.end_s > start_s
        )
        return scope if meets else None

    def kept(each: Scoped) -> bool:
        return scope_of(each.scope) is not None

    references = [
        replace(each, scope=scope_of(each.scope) or Scope())
        for each in direction.references
        if kept(each) and inside(each.time_s)
    ]
    return replace(
        direction,
        hints=tuple(each for each in direction.hints if inside(each.time_s)),
        paintings=tuple(each for each in direction.paintings if inside(each.time_s)),
        references=tuple(references),
        protected=tuple(
            replace(each, scope=scope_of(each.scope) or Scope())
            for each in direction.protected
            if kept(each)
        ),
        parts=tuple(
            replace(each, scope=scope_of(each.scope) or Scope())
            for each in direction.parts
            if kept(each)
        ),
    )
