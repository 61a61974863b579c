"""What all frame sources have in common."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

from av.packet import Packet

from vidcolor.errors import InputError, Option, OptionError
from vidcolor.media.source import ReadSettings, SourceStatus
from vidcolor.types import LumaFrame, VideoInfo

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

    from vidcolor.media.read.frames.stage import FrameStage

logger = logging.getLogger(__name__)

Item: TypeAlias = "LumaFrame | Packet[Any]"

MAX_EARLY_BYTES: Final = 64 << 20
"""Packets kept in memory while the first frame is looked for; five minutes of 24-bit sound."""


class BaseSource:
    """Keeps ``source.FrameSource`` for subclasses, which set ``_stage``.

    A subclass's constructor calls ``_prime`` last, with the generator of its items.
    """

    _stage: FrameStage

    def __init__(self) -> None:
        self.template: InputContainer | None = None
        self.video_stream: VideoStream | None = None
        self.copied_streams: list[Stream] = []
        self._items: Generator[Item, None, None] | None = None
        self._ready: deque[Item] = deque()
        self._closing: list[Callable[[], None]] = []
        self._skip = 0

    @property
    def info(self) -> VideoInfo:
        """The colorized stream and its file."""
        return self._stage.info

    @property
    def status(self) -> SourceStatus:
        """What was found so far."""
        return self._stage.status

    @property
    def display_matrix(self) -> tuple[int, ...] | None:
        """Rotation and mirroring."""
        return self._stage.display_matrix

    @property
    def time_offset_s(self) -> Fraction:
        """Seconds taken from all stamps."""
        return self._stage.span.offset

    @property
    def span_s(self) -> Fraction | None:
        """Length asked for, None where unbounded."""
        return self._stage.span.length

    @property
    def expected_frames(self) -> int | None:
        """How many frames the header announces for the span."""
        info, span = self.info, self._stage.span
        whole = span.start is None and span.end is None
        if whole or info.frames is None or not info.rate or not info.duration_s:
            return info.frames
        last = span.origin + Fraction(info.duration_s)
        length = min(span.end or last, last) - max(span.start or span.origin, span.origin)
        return max(1, round(length * info.rate))

    def __iter__(self) -> Iterator[Item]:
        """Yield frames in presentation order and admitted packets in file order, once."""
        for item in self._all():
            if not self._skip:
                yield item
            elif isinstance(item, LumaFrame):
                self._skip -= 1

    def _all(self) -> Iterator[Item]:
        while self._ready:
            yield self._ready.popleft()
        if self._items is not None:
            yield from self._items

    def skip_frames(self, count: int) -> None:
        """Begin with the frame of this number; call it before iterating."""
        self._skip = count

    def on_close(self, action: Callable[[], None]) -> None:
        """Call ``action`` when this is closed, after all else."""
        self._closing.append(action)

    def close(self) -> None:
        """Free everything; safe to call twice. Join the thread that iterates first."""
        if self._items is not None:
            try:
                self._items.close()
            except ValueError:
                # Another thread is inside libav right now: a leak is better than a crash.
                logger.warning("closed while another thread reads: left to the garbage collector")
                return
        self._items = None
        self._ready.clear()
        self._release()
        while self._closing:
            self._closing.pop()()

    def _release(self) -> None:
        """Free what the subclass holds; called once or more, also after a failed constructor."""

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close."""
        self.close()

    def _prime(self, items: Generator[Item, None, None]) -> None:
        """Read up to the first frame, which completes ``info``.

        Raises:
            InputError: there is no frame.
        """
        self._items = items
        size = 0
        for item in items:
            self._ready.append(item)
            if isinstance(item, LumaFrame):
                return
            size += item.size
            if size > MAX_EARLY_BYTES:
                self._prime_without_packets()
                return
        raise InputError(self._why_nothing())

    def _prime_without_packets(self) -> None:
        """Find the first frame, keep no packets on the way, and begin again.

        Raises:
            InputError: there is no frame, or the input can't be read again.
        """
        raise NotImplementedError

    def _why_nothing(self) -> str:
        """Say why no frame came."""
        raise NotImplementedError


def check_span(settings: ReadSettings) -> None:
    """Refuse a span that is empty or begins before the file.

    Raises:
        OptionError: it is.
    """
    start, end = settings.start_s, settings.end_s
    if start is not None and start < 0:
        raise OptionError("can't be negative", option="start_s")
    if end is not None and end <= (start or 0):
        raise OptionError("must be later than ", Option("start_s"), option="end_s")
