"""Where a long film is divided into spans, each finished and kept for itself.

A span ends where a shot begins, or where none begins for long, in mid-shot with the smoother's
state kept. Colours of a span hang on nothing before it but that state, so work can go on from there
after a crash, and what comes out is the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from vidcolor.engine.shots import ShotFrames
from vidcolor.temporal.smoother import State


@dataclass(frozen=True, slots=True)
class SpanRules:
    """How long spans are, in frames.

    Attributes:
        least: a cut ends a span of so many; encoders begin anew at each, which costs a little.
        most: frames that come in until a span without a cut ends; a look-ahead fewer have left.
    """

    least: int = 240
    most: int = 2000


@dataclass(frozen=True, slots=True)
class SpanEnd:
    """The end of a span, between two frames.

    Attributes:
        frames: frames of the film before it.
        taken: frames that the network has coloured by then; more than ``frames`` where some wait.
        state: what the smoother knows; empty at a cut.
    """

    frames: int
    taken: int
    state: State = field(default_factory=dict)


class SpanClock:
    """Counts frames on their way to the network, and says where spans end.

    Attributes:
        taken: frames that have come by, those of earlier runs included.
    """

    def __init__(self, rules: SpanRules | None = None, begin: SpanEnd | None = None) -> None:
        """Begin a film.

        Args:
            rules: None makes all of it one span.
            begin: the end of the last span that an earlier run has finished.
        """
        self._rules = rules
        self._done = begin or SpanEnd(0, 0)
        self._start = self._done.frames
        self.taken = 0

    def is_done(self, ahead: int = 0) -> bool:
        """Whether the frame that comes next, or so many after it, left in an earlier run."""
        return self.taken + ahead < self._done.frames

    def parts(self, frames: ShotFrames) -> Iterator[tuple[ShotFrames, bool]]:
        """Count frames; yield those that have no colours yet, divided where a cut ends a span.

        Yields:
            Consecutive frames, at least one, and whether a span ends before them.
        """
        begin = max(0, min(self._done.taken - self.taken, len(frames.cuts)))
        base, ends = self.taken, False
        self.taken += begin
        for at in range(begin, len(frames.cuts)):
            if not (frames.cuts[at] and self._is_enough(base + at)):
                continue
            if at > begin:
                self.taken = base + at
                yield _part(frames, begin, at), ends
            begin, ends, self._start = at, True, base + at
        if begin < len(frames.cuts):
            self.taken = base + len(frames.cuts)
            yield _part(frames, begin, None), ends

    def _is_enough(self, at: int) -> bool:
        return self._rules is not None and at - self._start >= self._rules.least

    def is_long(self, released: int) -> bool:
        """Whether a span has to end now, cut or no cut.

        Args:
            released: frames of the film that have left with their colours.
        """
        if self._rules is None or released <= self._start:
            return False
        return self.taken - self._start >= self._rules.most

    def end_in_shot(self, released: int, state: State) -> SpanEnd:
        """End a span in mid-shot, behind the frame that left last."""
        self._start = released
        return SpanEnd(released, self.taken, state)


def _part(frames: ShotFrames, begin: int, end: int | None) -> ShotFrames:
    return ShotFrames(
        frames.lightness[begin:end],
        frames.seconds[begin:end],
        frames.cuts[begin:end],
        frames.offsets[begin:end],
    )
