"""Films in: one pass over the file gives luma frames and the other streams' packets."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias

import av
from av.format import Flags as FormatFlags
from av.packet import Packet

from ..errors import InputError, OptionError
from ..types import LumaFrame, VideoInfo
from .chroma import has_color
from .decoder import Decoder
from .demux import Demuxer, check_size
from .fields import FieldOrder, frame_field_order
from .interlace import FieldStage
from .opening import shown
from .picture import PictureMaker
from .probe import describe_container, with_first_frame
from .side_data import collect_side_data, display_matrix
from .source import FrameSource
from .timing import StampFiller, exact_seconds

_Raw: TypeAlias = "av.VideoFrame | Packet[Any]"
_Item: TypeAlias = "LumaFrame | Packet[Any]"

_BACK_OFF: Final = (0, 2, 10, 60)  # seconds before --start, until a key frame is found
_COLOR_EVERY: Final = 10
_COLOR_FRAMES: Final = 250


class VideoReader:
    """Reads a film through PyAV's libraries; keeps ``source.FrameSource``.

    Args:
        path: the film, or "-" for standard input.
        start_s, end_s: seconds from the file's start; frames with ``start <= t < end`` are read.
        deinterlace: run bwdif, one frame per frame.
        threads: decoder threads, 0 for as many as there are cores.
        copy_streams: offer the other streams' packets.

    Raises:
        InputError: the file can't be read, or not one frame of it.
        OptionError: ``end_s`` isn't after ``start_s``.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        deinterlace: bool = False,
        threads: int = 0,
        copy_streams: bool = True,
    ) -> None:
        start, end = exact_seconds(start_s), exact_seconds(end_s)
        check_span(start, end)
        self.warnings: list[str] = []
        self.damaged = 0
        self.corrupt = 0
        self.is_interlaced = False
        self.top_field_first = False
        self.has_color: bool | None = None
        self.side_data_kinds: set[str] = set()
        self.display_matrix: tuple[int, ...] | None = None
        self._label = shown(path)
        self._deinterlace = deinterlace
        self._threads = threads
        self._seen = 0
        self._flag_order: FieldOrder | None = None
        self._picture: PictureMaker | None = None
        self._first_packet: Fraction | None = None
        self._said: set[str] = set()
        self._demuxer = Demuxer(path, start=start, end=end, copy_streams=copy_streams)
        self._raw: Iterator[_Raw] | None = None
        self._items: Generator[_Item, None, None] | None = None
        self._ready: deque[_Item] = deque()
        try:
            self._prepare(str(path))
            self._prime()
        except BaseException:
            self.close()
            raise
        self.template = self._demuxer.container
        self.video_stream = self._demuxer.video
        self.copied_streams = self._demuxer.copied
        self.time_offset_s = self._demuxer.span.offset
        self.span_s = self._demuxer.span.length
        self.expected_frames = self._expected_frames()

    def _expected_frames(self) -> int | None:
        """How many frames headers promise in the span."""
        if self.info.frames is None:
            return None
        start, end = self._demuxer.span.start, self._demuxer.span.end
        if (start is None and end is None) or not self.info.rate or not self.info.duration_s:
            return self.info.frames
        origin = self._demuxer.origin
        last = origin + Fraction(self.info.duration_s)
        length = min(end or last, last) - max(start or origin, origin)
        return max(1, round(length * self.info.rate))

    def __iter__(self) -> Iterator[_Item]:
        """Yield frames in presentation order and admitted packets in file order, once."""
        while self._ready:
            yield self._ready.popleft()
        if self._items is not None:
            yield from self._items

    def close(self) -> None:
        """Free decoder and file; safe to call twice."""
        for each in (self._items, self._raw):
            if isinstance(each, Generator):
                with contextlib.suppress(ValueError):  # it is running in another thread
                    each.close()
        self._items = self._raw = None
        self._ready.clear()
        self._demuxer.close()

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

    # ---- opening ------------------------------------------------------------------------------

    def _prepare(self, path: str) -> None:
        demuxer = self._demuxer
        self.info: VideoInfo = describe_container(
            demuxer.container, demuxer.video, path=path, size=demuxer.size
        )
        self._fields = FieldStage(header=self.info.field_order, deinterlace=self._deinterlace)
        self._restart()

    def _restart(self) -> None:
        """Begin to decode at the container's position."""
        stream = self._demuxer.video
        unstamped = self._demuxer.container.format.flags & FormatFlags.no_timestamps.value
        self._decoder = Decoder(stream, threads=self._threads, frame_threads=not unstamped)
        self._stamps = StampFiller(stream.time_base or Fraction(1, 1000), self.info.rate)
        self._raw = self._pump()

    def _prime(self) -> None:
        """Decode up to the first wanted frame, so that all that it tells is known."""
        if self._demuxer.span.start is not None and self._demuxer.can_seek:
            self._seek(self._demuxer.span.start)
        self._items = self._process()
        for item in self._items:
            self._ready.append(item)
            if isinstance(item, LumaFrame):
                return
        raise InputError(self._why_nothing())

    def _seek(self, start: Fraction) -> None:
        """Go to a place from where the first decoded frame isn't later than ``start``."""
        for back in _BACK_OFF:
            target = start - back
            if target <= self._demuxer.origin:
                break
            if not self._demuxer.seek(target):
                break
            self._decoder.reset()
            self._restart()
            if self._starts_early(start):
                return
        self._demuxer.rewind()
        self._restart()

    def _starts_early(self, start: Fraction) -> bool:
        """Look at the first frame after a seek; what was read is kept for processing."""
        assert self._raw is not None
        pulled: list[_Raw] = []
        for item in self._raw:
            pulled.append(item)
            if isinstance(item, av.VideoFrame):
                rest = self._raw
                self._raw = _chained(pulled, rest)
                return item.pts is not None and item.pts * self.info.time_base <= start
        return False

    def _why_nothing(self) -> str:
        if self._seen:
            start = self._demuxer.span.start
            place = float((start or self._demuxer.origin) - self._demuxer.origin)
            return f"{self._label}: no frame at or after {place:g} s in the part that was asked for"
        codec = self.info.codec
        if self.damaged:
            return (
                f"{self._label}: no frame can be decoded: {self.damaged} damaged or unsupported "
                f"packets ({codec}); --decoder ffmpeg may know more"
            )
        return f"{self._label}: no frame can be decoded ({codec}): the file is cut off or empty"

    # ---- the pipeline -------------------------------------------------------------------------

    def _pump(self) -> Iterator[_Raw]:
        """Yield decoded frames and copied packets."""
        video = self._demuxer.video.index
        decoder = self._decoder
        for packet in self._demuxer.packets():
            if packet.stream_index != video:
                yield packet
                continue
            stamp = packet.pts if packet.pts is not None else packet.dts
            if self._first_packet is None and stamp is not None:
                self._first_packet = stamp * packet.time_base
            yield from decoder.feed(packet)
            self.damaged = decoder.damaged
        if not self._demuxer.video_done:
            yield from decoder.flush()
        self.damaged = decoder.damaged

    def _process(self) -> Generator[_Item, None, None]:
        """Turn decoded frames into luma frames, cut, stamped and, if asked, deinterlaced."""
        assert self._raw is not None
        for item in self._raw:
            if isinstance(item, Packet):
                yield item
                continue
            frame = self._take(item)
            if frame is None:
                continue
            yield from self._fields.push(frame)
            self._watch_fields()
        yield from self._fields.flush()
        self._conclude()

    def _take(self, frame: av.VideoFrame) -> LumaFrame | None:
        """Make a luma frame; None outside of the span."""
        self._seen += 1
        time_base = self.info.time_base
        pts = self._stamps.place(frame.pts, frame.dts, frame.duration)
        span = self._demuxer.span
        if self._demuxer.video_done or span.before(pts * time_base):
            return None
        if span.after(pts * time_base):
            self._demuxer.video_done = True
            return None
        if self._picture is None:
            self._meet(frame, pts)
        assert self._picture is not None
        interlaced = frame.interlaced_frame
        if interlaced and self._flag_order is None:
            self._flag_order = frame_field_order(frame)
        self.corrupt += frame.is_corrupt
        self._watch_color(frame)
        side_data = collect_side_data(frame)
        self.side_data_kinds.update(item.kind for item in side_data)
        luma = self._picture.make(frame)
        if self._picture.changed:
            self._say("the picture's size or format changes: scaled and converted to the first's")
        return LumaFrame(
            luma=luma,
            depth=self._picture.depth,
            full_range=self._picture.full_range,
            pts=span.shift(pts, time_base),
            time_base=time_base,
            duration=frame.duration,
            interlaced=interlaced,
            top_field_first=interlaced and self._flag_order == "tff",
            side_data=side_data,
        )

    def _meet(self, frame: av.VideoFrame, pts: int) -> None:
        """Learn from the first wanted frame."""
        check_size(frame.width, frame.height, self._label)
        self.display_matrix = display_matrix(frame)
        order = self.info.field_order
        if frame.interlaced_frame:
            order = self._flag_order = frame_field_order(frame)
        self.info = with_first_frame(
            self.info,
            frame,
            field_order="progressive" if self._deinterlace else order,
            matrix=self.display_matrix,
        )
        self._picture = PictureMaker(frame, self.info.tags)
        if self._demuxer.span.start is None and self._first_packet is not None:
            late = float(pts * self.info.time_base - self._first_packet)
            if late > 0.5:
                self._say(f"the first {late:.1f} s have no key frame and can't be decoded")

    # ---- what is worth saying -----------------------------------------------------------------

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self.warnings.append(text)

    def _watch_color(self, frame: av.VideoFrame) -> None:
        if self.has_color or (self.has_color is not None and self._seen % _COLOR_EVERY != 1):
            return
        if self._seen > _COLOR_FRAMES and self.has_color is not None:
            return
        self.has_color = has_color(frame)
        if self.has_color:
            self._say("the source has colour; its colours are replaced")

    def _watch_fields(self) -> None:
        fields = self._fields
        if fields.is_interlaced and not self.is_interlaced:
            self.is_interlaced = True
            self.top_field_first = fields.order == "tff"
            first = "top" if self.top_field_first else "bottom"
            what = f"the source is interlaced ({first} field first"
            what += ", by measurement)" if fields.measured else ")"
            self._say(
                f"{what}: it is deinterlaced"
                if self._deinterlace
                else f"{what}: its fields are kept; --deinterlace on makes it progressive"
            )
        if fields.found_nothing:
            self._say("the source looks progressive; it is deinterlaced all the same")

    def _conclude(self) -> None:
        """Say at the end what went wrong on the way."""
        if self.damaged:
            self._say(f"{self.damaged} damaged packets were skipped")
        if self.corrupt:
            self._say(f"{self.corrupt} frames were decoded with errors")
        if self._stamps.nudged:
            self._say(f"{self._stamps.nudged} frames had repeated or backward time stamps: moved")
        if self._demuxer.jumps:
            self._say(f"the time line is broken in {self._demuxer.jumps} places: joined")
        if self._demuxer.read_error:
            self._say(f"reading ended early: {self._demuxer.read_error}")


def _chained(first: list[_Raw], rest: Iterator[_Raw]) -> Iterator[_Raw]:
    yield from first
    yield from rest


def check_span(start: Fraction | None, end: Fraction | None) -> None:
    """Raise OptionError where a span is empty or begins before the file."""
    if start is not None and start < 0:
        raise OptionError("--start can't be negative")
    if end is not None and end <= (start or 0):
        raise OptionError("--end must be later than --start")


def open_reader(
    path: str | Path,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    deinterlace: bool = False,
    decoder: Literal["pyav", "ffmpeg"] = "pyav",
    fps: Fraction | None = None,
    threads: int = 0,
    copy_streams: bool = True,
) -> FrameSource:
    """Open any input that moves.

    Args:
        path: a film, a numbered sequence ("scan_%06d.dpx"), or "-" for standard input.
        start_s: seconds from the start, None for all.
        end_s: seconds from the start, None for all.
        deinterlace: run bwdif.
        decoder: "ffmpeg" has a system ffmpeg decode.
        fps: frames per second of a sequence; None counts as 24.
        threads: decoder threads, 0 for as many as there are cores.
        copy_streams: offer the other streams' packets.

    Raises:
        InputError: nothing can be read.
        OptionError: options contradict each other.
        DependencyError: ffmpeg was asked for and isn't there.
    """
    from .ffmpeg_source import FfmpegReader
    from .sequence import SequenceReader, is_sequence

    if is_sequence(path):
        return SequenceReader(path, fps=fps, start_s=start_s, end_s=end_s, deinterlace=deinterlace)
    if decoder == "ffmpeg":
        return FfmpegReader(
            path,
            start_s=start_s,
            end_s=end_s,
            deinterlace=deinterlace,
            threads=threads,
            copy_streams=copy_streams,
        )
    return VideoReader(
        path,
        start_s=start_s,
        end_s=end_s,
        deinterlace=deinterlace,
        threads=threads,
        copy_streams=copy_streams,
    )
