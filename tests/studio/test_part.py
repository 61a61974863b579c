"""What a direction says of a part of a film: its own hints, shots as times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vidcolor.direction.model import Direction, Hint, Part, Reference, Scope
from vidcolor.studio.files.part import needs_shots, of_part

SHOTS: list[dict[str, Any]] = [
    {"start_s": 0.0, "end_s": 1.96}, {"start_s": 2.0, "end_s": 3.96}, {"start_s": 4.0, "end_s": 5.0}
]  # fmt: skip
"""At 25 frames per second; ends are times of last frames."""


def part(said: Direction, start_s: float, end_s: float | None) -> Direction:
    return of_part(said, start_s, end_s, SHOTS, frame_s=0.04)


def test_hints_of_other_parts_are_left_out() -> None:
    hints = [Hint(1, 1, "navy", time_s) for time_s in (1.0, 2.0, 3.0, 4.0)]
    assert part(Direction(hints=tuple(hints)), 2.0, 4.0).hints == tuple(hints[1:3])
    assert part(Direction(hints=tuple(hints)), 3.0, None).hints == tuple(hints[2:])


def test_shots_become_times_that_hold_their_frames_and_no_others() -> None:
    said = Direction(
        references=(Reference(Path("/a.png"), scope=Scope(shot=2)),),
        parts=(Part(Scope(shot=3), 0.5), Part(Scope(shot=2), 0.8), Part(Scope(), 1.1)),
    )
    assert needs_shots(said) and not needs_shots(Direction())
    found = part(said, 2.0, 4.0)
    assert [each.saturation for each in found.parts] == [0.8, 1.1]
    for scope in (found.parts[0].scope, found.references[0].scope):
        assert scope.shot is None and scope.start_s is not None and scope.end_s is not None
        assert 1.96 < scope.start_s <= 2.0 and 3.96 < scope.end_s < 4.0
