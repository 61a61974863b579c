"""Makes a film's shot plan while its frames go by, or in a pass of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import torch
from torch import Tensor

from vidcolor.engine.shots.plan import (
    Begin,
    Checkpoint,
    Shot,
    ShotPlan,
    SpanRules,
    SpanStart,
    ended,
)
from vidcolor.temporal import (
    Boundary,
    Correction,
    CutDetector,
    FlickerMeter,
    ShotDetector,
    small_picture,
)
from vidcolor.temporal.cuts import LOOK_AHEAD_FRAMES
from vidcolor.temporal.dissolving import REACH_FRAMES
from vidcolor.temporal.exposure import MeterState
from vidcolor.temporal.fades import AHEAD_FRAMES
from vidcolor.types import LumaFrame

MOST_AHEAD_FRAMES: Final = LOOK_AHEAD_FRAMES + 40
"""Frames that may wait for their marks: fades in mostly take up to two seconds."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What the plan says of one frame.

    Attributes:
        number: of the frame.
        begins_shot: it is the first of a shot.
        correction: of its exposure.
        span: the span that begins here, if one does; the one that a run begins with is known.
        is_dissolve: the shot begins by a dissolve, of which this is the middle.
    """

    number: int
    begins_shot: bool
    correction: Correction
    span: SpanStart | None = None
    is_dissolve: bool = False


class Marker(Protocol):
    """Says of each frame, now or later, what the shot plan says of it."""

    def take(self, frame: LumaFrame, rotation: int) -> list[Mark]:
        """Take the next frame; return the marks of those that have one now.

        Args:
            frame: as the source has it.
            rotation: degrees clockwise by which stored frames are turned for display.
        """
        ...

    def flush(self) -> list[Mark]:
        """The marks of the frames that have none yet: the film is at its end."""
        ...


class KnownMarks:
    """Marks that a planner has made elsewhere.

    Args:
        marks: of the frames that come, in order.
    """

    def __init__(self, marks: Sequence[Mark]) -> None:
        self._marks = iter(marks)

    def take(self, frame: LumaFrame, rotation: int) -> list[Mark]:  # noqa: ARG002
        """The frame's mark.

        Raises:
            ValueError: there are more frames than marks.
        """
        mark = next(self._marks, None)
        if mark is None:
            raise ValueError("a frame has no mark")
        return [mark]

    def flush(self) -> list[Mark]:
        """Every frame has had its mark."""
        return []


class Detector(Protocol):
    """Finds the boundaries of shots; see ``ShotDetector``."""

    def push(self, lightness: Tensor) -> list[Boundary | None]:
        """Take frames; answer for the next ones in order, perhaps later."""
        ...

    def flush(self) -> list[Boundary | None]:
        """Answer for the rest."""
        ...


class KnownShots:
    """A detector that knows the boundaries from a plan, or from a person.

    Args:
        shots: in order.
        first: number of the frame that comes first.
    """

    def __init__(self, shots: Sequence[Shot], first: int = 0) -> None:
        self._begins: dict[int, Begin] = {shot.first: shot.begins for shot in shots}
        self._number = first

    def push(self, lightness: Tensor) -> list[Boundary | None]:
        """Answer at once."""
        first, self._number = self._number, self._number + len(lightness)
        found = (self._begins.get(number) for number in range(first, self._number))
        return [None if begin == "start" else begin for begin in found]

    def flush(self) -> list[Boundary | None]:
        """No answer is ever held back."""
        return []


@dataclass(frozen=True, slots=True)
class _Frame:
    picture: Tensor
    seconds: float


class Planner:
    """Says of each frame, a few frames later, what the shot plan says of it.

    At each span the search for boundaries begins anew, with the frames from ``read_from`` on. So
    what is found in a span doesn't depend on where the film was begun to be read.

    Attributes:
        shots: that are over, in order.
        spans: that have begun, in order.
    """

    def __init__(
        self,
        rules: SpanRules,
        *,
        look_ahead: int = MOST_AHEAD_FRAMES,
        begin: Checkpoint | None = None,
        known: Sequence[Shot] | None = None,
    ) -> None:
        """Begin a film, or one of its spans.

        Args:
            rules: how long spans are.
            look_ahead: frames that may wait for their marks, at least ``LOOK_AHEAD_FRAMES``. So
                many do in a fade in, 8 else. With 0 none do, and boundaries are found at once.
            begin: what is planned already; frames come from ``begin.next.read_from`` on.
            known: take the boundaries from here instead of finding them.
        """
        self._rules, self._look_ahead, self._known = rules, look_ahead, known
        self._begin = None if begin is None else begin.next
        self._number = 0 if self._begin is None else self._begin.read_from
        self._meter = FlickerMeter()
        if self._begin is not None and self._begin.exposure is not None:
            self._meter.restore(self._begin.exposure)
        self._shot: Shot | None = None if self._begin is None else self._begin.shot
        self._last_s = 0.0
        self._waiting: deque[_Frame] = deque()
        self._recent: deque[Tensor] = deque(maxlen=rules.overlap + 1)
        self._kept: tuple[int, MeterState | None] = (self._number, None)
        self._detector = self._new_detector(self._number)
        self._answers: deque[Boundary | None] = deque()
        self.shots: list[Shot] = [] if begin is None else list(begin.shots)
        self.spans: list[SpanStart] = [] if begin is None else list(begin.spans)

    @property
    def frames(self) -> int:
        """Number of the next frame that gets a mark."""
        return self._number

    def checkpoint(self, span: SpanStart) -> Checkpoint:
        """What is planned up to where a span begins."""
        spans = tuple(each for each in self.spans if each.frame <= span.frame)
        return Checkpoint(tuple(self.shots[: span.shot.index]), spans)

    def plan(self, key: Mapping[str, Any]) -> ShotPlan:
        """The plan as far as frames have marks; the last shot may go on.

        Args:
            key: what it is a plan of, see ``ShotPlan``.
        """
        shots = list(self.shots)
        if self._shot is not None and len(shots) == self._shot.index:
            shots.append(ended(self._shot, self._number - 1, self._last_s))
        return ShotPlan(key, self._rules, self._number, tuple(shots), tuple(self.spans))

    def take(self, frame: LumaFrame, rotation: int) -> list[Mark]:
        """See ``Marker``."""
        return self.push(small_picture(frame, rotation), frame.seconds)

    def push(self, picture: Tensor, seconds: float) -> list[Mark]:
        """Take the next frame; return the marks of those that have one now.

        Args:
            picture: ``(1, 1, 48, 48)``, see ``small_picture``.
            seconds: its presentation time.
        """
        self._waiting.append(_Frame(picture, seconds))
        self._meter.look(picture)
        self._answers += self._detector.push(picture)
        return self._mark_all(at_end=False)

    def flush(self) -> list[Mark]:
        """The marks of the frames that have none yet: the film is at its end."""
        self._answers += self._detector.flush()
        marks = self._mark_all(at_end=True)
        if self._shot is not None:
            self.shots.append(ended(self._shot, self._number - 1, self._last_s))
        return marks

    def _mark_all(self, *, at_end: bool) -> list[Mark]:
        marks = []
        while self._answers and (at_end or self._is_known()):
            marks.append(self._mark(self._answers.popleft()))
            span = marks[-1].span
            if span is not None and span.frame > 0:
                self._answers = deque(self._search_anew(span, at_end=at_end))
        return marks

    def _is_known(self) -> bool:
        """Whether enough later frames are there for the next frame's mark.

        What a mark says depends on no more frames than this asks for, so it is the same where more
        are there already.
        """
        ahead = len(self._waiting) - 1
        if ahead >= self._look_ahead:
            return True
        return ahead >= AHEAD_FRAMES and not self._meter.needs_more

    def _mark(self, answer: Boundary | None) -> Mark:
        frame, number = self._waiting.popleft(), self._number
        begins = self._begin_of(number, answer)
        state = self._state_before(number, is_first=begins is not None)
        if begins is not None:
            self._begin_shot(number, frame.seconds, begins)
        span = self._span_at(number, begins, state)
        if begins is not None:
            self._recent.clear()
        self._recent.append(frame.picture)
        correction = self._meter.correct(frame.seconds, is_cut=begins is not None)
        self._number, self._last_s = number + 1, frame.seconds
        return Mark(number, begins is not None, correction, span, begins == "dissolve")

    def _begin_of(self, number: int, answer: Boundary | None) -> Begin | None:
        """How a shot begins here; up to the first frame of ``begin`` that is known."""
        if self._begin is not None and number <= self._begin.frame:
            shot = self._begin.shot
            return shot.begins if number == shot.first else None
        return "start" if number == 0 else answer

    def _begin_shot(self, number: int, seconds: float, begins: Begin) -> None:
        if self._begin is not None and number == self._begin.shot.first:
            return
        index = 0
        if self._shot is not None:
            self.shots.append(ended(self._shot, number - 1, self._last_s))
            index = self._shot.index + 1
        self._shot = Shot(index, number, number, seconds, seconds, begins, self._meter.level)

    def _state_before(self, number: int, *, is_first: bool) -> MeterState | None:
        """The meter's state, kept where a span that begins in mid-shot would be read from."""
        if number == 0:
            return None
        if is_first:
            self._kept = (number, self._meter.state_at_cut())
        elif number == self._next_end - self._rules.overlap:
            self._kept = (number, self._meter.state())
        return self._kept[1]

    @property
    def _next_end(self) -> int:
        """Where the span ends if no boundary ends it."""
        return self.spans[-1].frame + self._rules.max_frames

    def _span_at(
        self, number: int, begins: Begin | None, state: MeterState | None
    ) -> SpanStart | None:
        if self._begin is not None and number <= self._begin.frame:
            return None
        if self._shot is None:
            raise ValueError("a film's first frame begins a shot")
        if not self.spans or (begins is not None and self._may_begin(number, begins)):
            span = SpanStart(number, number, self._shot, state)
        elif number == self._next_end:
            first = max(self._shot.first, number - self._rules.overlap)
            span = SpanStart(number, first, self._shot, state)
        else:
            return None
        self.spans.append(span)
        return span

    def _may_begin(self, number: int, begins: Begin) -> bool:
        """Whether a span may begin with a shot.

        Not within a dissolve, whose colours are mixed of those of both shots; but where a span
        would end in its second half anyway, it does so in its middle.
        """
        if begins == "dissolve" and self._next_end - number > REACH_FRAMES:
            return False
        return number - self.spans[-1].frame >= self._rules.min_frames

    def _search_anew(self, span: SpanStart, *, at_end: bool) -> list[Boundary | None]:
        """Begin a new search at a span; return its answers for frames without a mark."""
        self._detector = self._new_detector(span.read_from)
        seen = span.frame - span.read_from + 1  # of frames with a mark, the span's first included
        pictures = [*list(self._recent)[-seen:], *(frame.picture for frame in self._waiting)]
        answers = self._detector.push(torch.cat(pictures))
        if at_end:
            answers += self._detector.flush()
        return answers[seen:]

    def _new_detector(self, first: int) -> Detector:
        if self._known is not None:
            return KnownShots(self._known, first)
        return ShotDetector() if self._look_ahead else CutDetector()
