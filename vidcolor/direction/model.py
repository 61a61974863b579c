"""What is said of a film's or photograph's colours: plain values, checked when made.

Coordinates are pixels of the picture as it is shown (upright), from the left and from the top, at
its stored size. Times are seconds from the film's start; in a photograph there are none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from vidcolor.direction.color import check_color
from vidcolor.errors import OptionError

Reach = Literal["shot", "film"]
"""How far a colour goes: to its own shot, or to the same things in all shots."""

Kind = Literal["auto", "frame", "similar", "palette"]
"""How a reference is used: the very frame, coloured elsewhere; another picture, by what
corresponds; its palette alone. "auto" takes the first where it has a time, else the second."""

MAX_RADIUS: float = 4096.0
"""Pixels."""


def wrong(argument: str, text: str) -> OptionError:
    """The error for a wrong value of one of the arguments below, or of a hint or reference."""
    return OptionError(text, option=argument)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which frames are meant; by default all.

    Attributes:
        shot: number of a shot, counted from 1 as ``vidcolor shots`` does.
        start_s: first time, in place of a shot; None is the beginning.
        end_s: time at which it ends (no longer part of it); None is the end.
    """

    shot: int | None = None
    start_s: float | None = None
    end_s: float | None = None

    def __post_init__(self) -> None:
        """Check."""
        _check_time("start_s", self.start_s)
        _check_time("end_s", self.end_s)
        if self.shot is not None and (not _is_whole(self.shot) or self.shot < 1):
            raise wrong("shot", f"shots are counted from 1, not {self.shot!r}")
        if self.shot is not None and (self.start_s is not None or self.end_s is not None):
            raise wrong("shot", "a shot or a time range can be meant, not both")
        if self.end_s is not None and self.end_s <= (self.start_s or 0.0):
            raise wrong("end_s", "a time range must end after its start")


@dataclass(frozen=True, slots=True)
class Hint:
    """A colour at a place.

    Attributes:
        x: pixels from the left.
        y: pixels from the top.
        color: "#23406b", a CSS name, "lab(30, 5, -30)"; "keep": right as it is; "grey": no colour.
        time_s: of the frame; None for photographs.
        radius: of the disc that has this colour, in pixels; None chooses by the picture's size.
        reach: how far it goes.
    """

    x: float
    y: float
    color: str
    time_s: float | None = None
    radius: float | None = None
    reach: Reach = "shot"

    def __post_init__(self) -> None:
        """Check."""
        _check_number("x", self.x, 0.0)
        _check_number("y", self.y, 0.0)
        _check_time("time", self.time_s)
        _check_number("radius", self.radius, 0.0, MAX_RADIUS)
        _check_choice("reach", self.reach, get_args(Reach))
        try:
            object.__setattr__(self, "color", check_color(self.color))
        except (ValueError, AttributeError) as error:
            raise wrong("color", str(error)) from None


@dataclass(frozen=True, slots=True)
class Painting:
    """A transparent picture that was painted over a frame: what is opaque is known.

    Attributes:
        file: an image with alpha, of the frame's shape.
        time_s: of the frame; None for photographs.
        reach: how far it goes.
    """

    file: Path
    time_s: float | None = None
    reach: Reach = "shot"

    def __post_init__(self) -> None:
        """Check."""
        object.__setattr__(self, "file", Path(self.file))
        _check_time("time", self.time_s)
        _check_choice("reach", self.reach, get_args(Reach))


@dataclass(frozen=True, slots=True)
class Reference:
    """A picture in colour.

    Attributes:
        file: of any kind that photographs may have.
        time_s: of the frame that it shows; None where it shows another.
        kind: how it is used.
        scope: the frames that it counts for.
    """

    file: Path
    time_s: float | None = None
    kind: Kind = "auto"
    scope: Scope = field(default_factory=Scope)

    def __post_init__(self) -> None:
        """Check."""
        object.__setattr__(self, "file", Path(self.file))
        _check_time("time", self.time_s)
        _check_choice("kind", self.kind, get_args(Kind))

    @property
    def used_as(self) -> Kind:
        """The kind, with "auto" decided."""
        if self.kind != "auto":
            return self.kind
        return "similar" if self.time_s is None else "frame"


@dataclass(frozen=True, slots=True)
class Protected:
    """A rectangle in which hints and references change nothing.

    Attributes:
        left: pixels from the left.
        top: pixels from the top.
        right: first column behind it.
        bottom: first row behind it.
        scope: the frames that it counts for.
    """

    left: float
    top: float
    right: float
    bottom: float
    scope: Scope = field(default_factory=Scope)

    def __post_init__(self) -> None:
        """Check."""
        for name in ("left", "top", "right", "bottom"):
            _check_number(name, getattr(self, name), 0.0)
        if self.right <= self.left or self.bottom <= self.top:
            raise wrong("box", "must be [left, top, right, bottom]")


@dataclass(frozen=True, slots=True)
class Part:
    """Settings of a shot or a time range; None leaves what holds for the film.

    Attributes:
        scope: the frames.
        saturation: factor on ab, 0 to 10; in place of the film's.
        smoothing: time constant in seconds, 0 or more; in place of the film's.
        model: name of a model, or the path of a weights file; in place of the film's.
    """

    scope: Scope
    saturation: float | None = None
    smoothing: float | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        """Check."""
        _check_number("saturation", self.saturation, 0.0, 10.0)
        _check_number("smoothing", self.smoothing, 0.0)
        _check_text("model", self.model)


@dataclass(frozen=True, slots=True)
class Direction:
    """All that is said of one film or photograph. By default nothing.

    Attributes:
        model: name of a model, or the path of a weights file; None is what the options say.
        saturation: factor on ab; None is what the options say.
        smoothing: time constant in seconds; None is what the options say.
        hints: colours at places.
        paintings: painted pictures.
        references: pictures in colour.
        protected: where nothing changes.
        parts: settings of shots and time ranges; of two that say the same setting of one frame the
            later counts.
        file: that all this was read from; None where a program said it.
    """

    model: str | None = None
    saturation: float | None = None
    smoothing: float | None = None
    hints: tuple[Hint, ...] = ()
    paintings: tuple[Painting, ...] = ()
    references: tuple[Reference, ...] = ()
    protected: tuple[Protected, ...] = ()
    parts: tuple[Part, ...] = ()
    file: Path | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Check."""
        _check_number("saturation", self.saturation, 0.0, 10.0)
        _check_number("smoothing", self.smoothing, 0.0)
        _check_text("model", self.model)
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, Sequence) and not isinstance(value, str):
                object.__setattr__(self, each.name, tuple(value))

    @property
    def steers(self) -> bool:
        """Whether any colour is known beforehand."""
        return bool(self.hints or self.paintings or self.references)

    @property
    def changes_frames(self) -> bool:
        """Whether some frames are treated otherwise than the options say of all."""
        return self.steers or bool(self.parts)

    def with_more(
        self,
        *,
        hints: Sequence[Hint] = (),
        paintings: Sequence[Painting] = (),
        references: Sequence[Reference] = (),
    ) -> Direction:
        """A copy with more colours behind those that it has."""
        return replace(
            self,
            hints=(*self.hints, *hints),
            paintings=(*self.paintings, *paintings),
            references=(*self.references, *references),
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_number(name: str, value: Any, low: float, high: float = math.inf) -> None:  # noqa: ANN401
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise wrong(name, f"{value!r} is not a number")
    if not low <= value <= high:
        span = f"at least {low:g}" if high == math.inf else f"{low:g} to {high:g}"
        raise wrong(name, f"is {value:g}: it must be {span}")


def _check_time(name: str, value: object) -> None:
    _check_number(name, value, 0.0)


def _check_text(name: str, value: object) -> None:
    if value is not None and (not isinstance(value, str) or not value):
        raise wrong(name, f"{value!r} is not a name")


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise wrong(name, f"{value!r} is unknown: use {', '.join(choices)}")
