"""What all frame sources have in common."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Generator, Iterator
from fractions import Fraction
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from av.packet import Packet

from vidcolor.errors import InputError, Option, OptionError
from vidcolor.types import LumaFrame, VideoInfo

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

    from vidcolor.media.read.stage import FrameStage

logger = logging.getLogger(__name__)

Item: TypeAlias = "LumaFrame | Packet[Any]"


class BaseSource:
    """Keeps ``source.FrameSource`` for subclasses, which set ``_stage`` and fill ``_items``.

    A subclass's constructor calls ``_prime`` last, with the generator of its items.
    """

    _stage: FrameStage

    def __init__(self) -> None:
        self.template: InputContainer | None = None
        self.video_stream: VideoStream | None = None
        self.copied_streams: list[Stream] = []
        self.damaged = 0
        self._items: Generator[Item, None, None] | None = None
        self._ready: deque[Item] = deque()

    @property
    def info(self) -> VideoInfo:
        """The colorized stream and its file."""
        return self._stage.info

    @property
    def warnings(self) -> list[str]:
        """One line each."""
        return self._stage.warnings

    @property
    def corrupt(self) -> int:
        """Frames decoded with errors."""
        return self._stage.corrupt

    @property
    def is_interlaced(self) -> bool:
        """Frames hold two fields."""
        return self._stage.is_interlaced

    @property
    def top_field_first(self) -> bool:
        """Order of the fields."""
        return self._stage.top_field_first

    @property
    def has_color(self) -> bool | None:
        """The source is visibly coloured."""
        return self._stage.has_color

    @property
    def side_data_kinds(self) -> set[str]:
        """Kinds of side data seen."""
        return self._stage.side_data_kinds

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
        """Length asked for, None where open."""
        return self._stage.span.length

    @property
    def expected_frames(self) -> int | None:
        """How many frames headers promise in the span."""
        info, span = self.info, self._stage.span
        whole = span.start is None and span.end is None
        if whole or info.frames is None or not info.rate or not info.duration_s:
            return info.frames
        last = span.origin + Fraction(info.duration_s)
        length = min(span.end or last, last) - max(span.start or span.origin, span.origin)
        return max(1, round(length * info.rate))

    def __iter__(self) -> Iterator[Item]:
        """Yield frames in presentation order and admitted packets in file order, once."""
        while self._ready:
            yield self._ready.popleft()
        if self._items is not None:
            yield from self._items

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

    def _release(self) -> None:
        """Free what the subclass holds; called once or more, also after a failed constructor."""

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def _prime(self, items: Generator[Item, None, None]) -> None:
        """Read up to the first frame, so that all that it tells is known.

        Raises:
            InputError: there is no frame.
        """
        self._items = items
        for item in items:
            self._ready.append(item)
            if isinstance(item, LumaFrame):
                return
        raise InputError(self._why_nothing())

    def _why_nothing(self) -> str:
        """Say why no frame came."""
        raise NotImplementedError


def check_span(start: Fraction | None, end: Fraction | None) -> None:
    """Raise OptionError where a span is empty or begins before the file."""
    if start is not None and start < 0:
        raise OptionError("can't be negative", option="start_s")
    if end is not None and end <= (start or 0):
        raise OptionError("must be later than ", Option("start_s"), option="end_s")
