"""Settings of parts of a film: which frames they are of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from vidcolor.direction.model import Part, Scope
from vidcolor.engine.shots.plan import Shot

TOLERANCE_S: Final = 1e-5
"""Times are written to the microsecond; a frame may begin that little later."""


def covers(scope: Scope, shot: Shot, seconds: float) -> bool:
    """Whether a frame of a shot is meant; ``seconds`` counts from the film's start."""
    if scope.shot is not None:
        return scope.shot == shot.index + 1
    begin, end = scope.start_s or 0.0, scope.end_s
    return seconds >= begin - TOLERANCE_S and (end is None or seconds < end - TOLERANCE_S)


def setting_of(
    parts: Sequence[Part],
    name: Literal["model", "saturation", "smoothing"],
    shot: Shot,
    seconds: float,
) -> Any:  # noqa: ANN401 - of the field's type
    """What the last part that says it says of a frame; None where none does."""
    said = (p for p in reversed(parts) if getattr(p, name) is not None)
    return next((getattr(p, name) for p in said if covers(p.scope, shot, seconds)), None)
