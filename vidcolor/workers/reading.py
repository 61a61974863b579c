"""The pass over a film that gives its plan, and keeps what waits for its spans."""

from __future__ import annotations

import copy
import os
from collections import deque
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from vidcolor.engine.coloring.over_time import plan_look_ahead
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.run.sources import plan_key, read_settings
from vidcolor.engine.shots.plan import Checkpoint, ShotPlan, SpanRules
from vidcolor.engine.shots.planner import Mark, Planner
from vidcolor.engine.span_job import TELLING_FRAMES
from vidcolor.media.open import Input
from vidcolor.media.source import FrameSource, SourceStatus
from vidcolor.types import LumaFrame

if TYPE_CHECKING:
    from vidcolor.engine.coloring.waiting import Packet

_CHUNK: Final = 16
"""Items that are read before anything else is looked at."""

_NO_LUMA: Final = np.zeros((0, 0), np.uint8)


@dataclass(frozen=True, slots=True)
class FilmRequest:
    """One film.

    Attributes:
        source: path or pattern; no pipe.
        output: path or pattern.
        options: how.
        rules: how long spans are.
        plan: of the film, if its boundaries are known.
    """

    source: str | Path
    output: str | Path
    options: ColorizeOptions
    rules: SpanRules
    plan: ShotPlan | None = None


class FilmReader:
    """Reads a film: its plan, and what waits for its spans.

    Attributes:
        read: frames that were read.
        is_at_end: all were.
        waiting: frames without pictures, and packets, in file order.
        waiting_frames: how many of them are frames.
        waiting_bytes: of packets among them.
        status: what the first ``TELLING_FRAMES`` frames have shown; None until they were read.
    """

    def __init__(
        self, film: Input, source: FrameSource, request: FilmRequest,
        begin: Checkpoint | None = None,
    ) -> None:  # fmt: skip
        self._film, self._source = film, source
        self._settings = read_settings(request.options)
        self._key = plan_key(film, self._settings)
        self._items = iter(source)
        self._planner = Planner(
            request.rules, look_ahead=plan_look_ahead(source.info), begin=begin,
            known=request.plan.shots if request.plan else None,
        )  # fmt: skip
        self._marks: deque[Mark] = deque()
        self.status: SourceStatus | None = None
        self._first = begin.next.read_from if begin else 0
        self._saved = -1
        self.read = self.waiting_frames = self.waiting_bytes = 0
        self.is_at_end = False
        self.waiting: deque[LumaFrame | Packet] = deque()

    def step(self) -> None:
        """Read some more."""
        items = list(islice(self._items, _CHUNK))
        rotation = self._source.info.rotation
        for item in items:
            if isinstance(item, LumaFrame):
                if self.read >= self._first:
                    self._marks += self._planner.take(item, rotation)
                self.read += 1
                self.waiting_frames += 1
                item = replace(item, luma=_NO_LUMA)
            else:
                self.waiting_bytes += item.size
            self.waiting.append(item)
        if self.status is None and self.read >= TELLING_FRAMES:
            self.status = copy.deepcopy(self._source.status)
        if len(items) < _CHUNK:
            self._marks += self._planner.flush()
            self.is_at_end = True

    def has(self, index: int, behind: int) -> bool:
        """Whether everything that a span needs was read."""
        spans = self._planner.spans
        if self.is_at_end:
            return index < len(spans)
        return index + 1 < len(spans) and self._planner.frames > spans[index + 1].frame + behind

    def plan(self, index: int | None = None) -> ShotPlan:
        """The plan so far; for one span without the spans behind the one that follows it."""
        plan = self._planner.plan(self._key)
        return plan if index is None else replace(plan, spans=plan.spans[: index + 2])

    def marks(self, index: int, behind: int) -> tuple[Mark, ...]:
        """Marks of the frames that are read for a span; those before them are forgotten."""
        span, end = self._planner.spans[index], self.span_end(index) + behind
        while self._marks and self._marks[0].number < span.read_from:
            self._marks.popleft()
        found = takewhile(lambda mark: mark.number < end, self._marks)
        # that the span itself begins is known
        return tuple(replace(m, span=None) if m.number <= span.frame else m for m in found)

    def checkpoint(self, frame: int) -> Checkpoint | None:
        """What is planned up to the span that begins at a frame; None where none does."""
        for span in self._planner.spans:
            if span.frame == frame:
                return self._planner.checkpoint(span)
        return None

    def span_end(self, index: int) -> int:
        """Number of the frame behind a span."""
        return self.plan().span_end(index)

    def saved_index(self, folder: Path) -> str:
        """A file with what the reading has shown so far; "" for films without."""
        index = self._film.index(self._settings)
        if index is None or not len(index):
            return ""
        path = folder / "frames.index"
        if self._saved != self.read:
            half = path.with_name("frames.index.half")
            half.write_bytes(index.to_bytes())
            os.replace(half, path)
            self._saved = self.read
        return str(path)
