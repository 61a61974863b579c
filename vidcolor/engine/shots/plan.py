"""The shot plan of a film: its shots, and the spans in which it is coloured.

A shot is what lies between two boundaries of the picture (cut, dissolve, fade). A span is a run of
frames that is coloured and kept as one piece. A span begins where a shot begins, or in the middle
of a long shot. Its colours depend on its own frames, on a fixed number of frames around it in the
same shot, and on what stands here; on nothing else. So any span can be coloured alone.

The plan follows from the frames' lightness and from ``SpanRules``: no network takes part.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from vidcolor.errors import InputError, OptionError
from vidcolor.temporal.exposure import MeterState

Begin = Literal["start", "cut", "dissolve", "fade"]
"""How a shot begins: the film starts, or the picture changes; "fade": out of black, white or fog.
A shot before a fade fades out, the one behind it fades in."""

PLAN_VERSION: Final = 3
"""Of the JSON. Another number is another plan: it is made again."""


@dataclass(frozen=True, slots=True)
class SpanRules:
    """How long spans are, in frames.

    Attributes:
        min_frames: shortest span that a boundary may end; encoders begin anew at each span, which
            costs a little.
        max_frames: length at which a span ends in mid-shot.
        warm_up: frames before a span that begins in mid-shot which are coloured once more, and
            thrown away, so that smoothing knows the past; docs/shots.md has the figures.
        run_out: frames behind a span that ends in mid-shot, likewise for the future.
        settle: frames before the warm-up that filters on luma may need.

    Raises:
        OptionError: a number is negative, or spans are shorter than what surrounds them.
    """

    min_frames: int = 96
    max_frames: int = 2000
    warm_up: int = 64
    run_out: int = 32
    settle: int = 8

    def __post_init__(self) -> None:
        """Check."""
        if min(asdict(self).values()) < 0 or not 1 <= self.min_frames <= self.max_frames:
            raise OptionError(f"span rules must have 1 <= min_frames <= max_frames: {self}")
        if max(self.overlap, self.run_out) >= self.max_frames:
            raise OptionError(f"max_frames must exceed warm_up + settle, and run_out: {self}")

    @property
    def overlap(self) -> int:
        """Frames that are read before a span that begins in mid-shot."""
        return self.warm_up + self.settle


@dataclass(frozen=True, slots=True)
class Shot:
    """One shot.

    Attributes:
        index: in the film, from 0.
        first: number of its first frame, from 0.
        last: number of its last frame.
        start_s: presentation time of the first frame, seconds.
        end_s: presentation time of the last frame, seconds.
        begins: how.
        flicker: of the exposure before it, standard deviation in logits of lightness.
        key_frame: number of a frame that stands for it: the middle one.
    """

    index: int
    first: int
    last: int
    start_s: float
    end_s: float
    begins: Begin
    flicker: float

    @property
    def key_frame(self) -> int:
        """Number of the middle frame."""
        return (self.first + self.last) // 2


@dataclass(frozen=True, slots=True)
class SpanStart:
    """Where a span begins, and all that has to be known of what lies before it.

    Attributes:
        frame: number of its first frame.
        read_from: number of the first frame that has to be read for it; ``frame`` at a boundary.
        shot: the shot that it begins in; ``last`` and ``end_s`` are those of the first frame.
        exposure: state of the exposure meter before frame ``read_from``, None at the film's start.
    """

    frame: int
    read_from: int
    shot: Shot
    exposure: MeterState | None = None

    @property
    def is_boundary(self) -> bool:
        """Whether a shot begins here too."""
        return self.frame == self.shot.first


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The plan of a film up to where a span begins: all that is needed to go on from there.

    Attributes:
        shots: that are over, in order.
        spans: in order; the last one is the one to go on with.
    """

    shots: tuple[Shot, ...]
    spans: tuple[SpanStart, ...]

    @property
    def next(self) -> SpanStart:
        """The span to go on with."""
        return self.spans[-1]

    def since(self, earlier: Checkpoint) -> Checkpoint:
        """What this has beyond an earlier checkpoint of the same film."""
        return Checkpoint(self.shots[len(earlier.shots) :], self.spans[len(earlier.spans) :])

    def extended(self, more: Checkpoint) -> Checkpoint:
        """This with what another one has beyond it."""
        return Checkpoint(self.shots + more.shots, self.spans + more.spans)

    def to_json(self) -> str:
        """As text; floats keep all their bits."""
        return json.dumps({"version": PLAN_VERSION, **asdict(self)})

    @classmethod
    def from_json(cls, text: str | bytes) -> Checkpoint:
        """A checkpoint that ``to_json`` wrote.

        Raises:
            ValueError: it is none, or of another version.
        """
        with _as_value_error("checkpoint"):
            found = _versioned(text)
            return cls(_shots_from(found), _spans_from(found))


@dataclass(frozen=True, slots=True)
class ShotPlan:
    """The shots and spans of a film.

    Attributes:
        key: what it is a plan of: the input's identity, how it is read.
        rules: how long spans are.
        frames: of the film.
        shots: in order; they cover all frames.
        spans: in order; they cover all frames.
    """

    key: Mapping[str, Any]
    rules: SpanRules
    frames: int
    shots: tuple[Shot, ...]
    spans: tuple[SpanStart, ...]

    def is_of(self, key: Mapping[str, Any]) -> bool:
        """Whether it was made for this key, as ``sources.plan_key`` has it."""
        return bool(_plain(self.key) == _plain(key))

    def span_end(self, index: int) -> int:
        """Number of the frame behind the last one of a span."""
        later = self.spans[index + 1 : index + 2]
        return later[0].frame if later else self.frames

    def to_json(self) -> str:
        """The plan as text; floats keep all their bits."""
        return json.dumps({"version": PLAN_VERSION, **asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> ShotPlan:
        """A plan that ``to_json`` wrote.

        Raises:
            ValueError: it is no plan, or of another version.
        """
        with _as_value_error("shot plan"):
            found = _versioned(text)
            return cls(
                dict(found["key"]),
                SpanRules(**found["rules"]),
                int(found["frames"]),
                _shots_from(found),
                _spans_from(found),
            )


def _plain(key: Mapping[str, Any]) -> Any:  # noqa: ANN401 - it is JSON
    """As it comes back from JSON."""
    return json.loads(json.dumps(dict(key)))


@contextmanager
def _as_value_error(what: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, AttributeError, IndexError, OptionError) as error:
        raise ValueError(f"no {what}: {error!r}") from error


def _versioned(text: str | bytes) -> dict[str, Any]:
    found = json.loads(text)
    if found["version"] != PLAN_VERSION:
        raise ValueError(f"of version {found['version']}, not {PLAN_VERSION}")
    return dict(found)


def _shots_from(found: Mapping[str, Any]) -> tuple[Shot, ...]:
    return tuple(Shot(**shot) for shot in found["shots"])


def _spans_from(found: Mapping[str, Any]) -> tuple[SpanStart, ...]:
    return tuple(SpanStart(**{**span, "shot": Shot(**span["shot"])}) for span in found["spans"])


def ended(shot: Shot, last: int, end_s: float) -> Shot:
    """A shot of which the last frame is known."""
    return replace(shot, last=last, end_s=end_s)


def save_plan(path: Path, plan: ShotPlan) -> None:
    """Write a plan to a file, whole or not at all.

    Raises:
        OSError: it can't be written.
    """
    half = path.with_name(f"{path.name}.half")
    half.write_text(plan.to_json(), encoding="utf-8")
    os.replace(half, path)


def load_plan(path: Path, key: Mapping[str, Any], rules: SpanRules) -> ShotPlan | None:
    """A plan from a file; None where there is none, or it is of another film or other rules.

    Raises:
        InputError: the file is there but can't be read.
    """
    try:
        plan = ShotPlan.from_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    return plan if plan.is_of(key) and plan.rules == rules else None
