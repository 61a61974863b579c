"""From the reader's frames to marked and filtered ones, which can be coloured."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from vidcolor.engine.shots.plan import SpanStart
from vidcolor.engine.shots.planner import Mark, Marker
from vidcolor.temporal import FilterChain, MarkedFrame
from vidcolor.types import LumaFrame


class LumaLine:
    """Asks for the mark of each frame, and sends it through the filters.

    Attributes:
        spans: that have begun and weren't taken yet, in order.
    """

    def __init__(self, marker: Marker, filters: FilterChain, *, rotation: int) -> None:
        """Begin where the marks do.

        Args:
            marker: a fresh one.
            filters: fresh ones.
            rotation: degrees clockwise by which stored frames are turned for display.
        """
        self._marker, self._filters, self._rotation = marker, filters, rotation
        self._frames: deque[LumaFrame] = deque()
        self.spans: deque[SpanStart] = deque()

    def push(self, frames: Sequence[LumaFrame]) -> list[MarkedFrame]:
        """Take the next frames; return those that are ready, in order."""
        marks: list[Mark] = []
        for frame in frames:
            self._frames.append(frame)
            marks += self._marker.take(frame, self._rotation)
        return self._filters.push(self._marked(marks))

    def flush(self) -> list[MarkedFrame]:
        """The frames that are still inside: the film is at its end."""
        ready = self._filters.push(self._marked(self._marker.flush()))
        return ready + self._filters.flush()

    def _marked(self, marks: Sequence[Mark]) -> list[MarkedFrame]:
        self.spans.extend(mark.span for mark in marks if mark.span is not None)
        return [
            MarkedFrame(
                self._frames.popleft(), m.number, m.begins_shot, m.correction, m.is_dissolve
            )
            for m in marks
        ]
