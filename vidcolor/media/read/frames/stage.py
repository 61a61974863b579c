"""From decoded frames to luma frames: cut to the span, stamped, checked, deinterlaced if asked."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace
from fractions import Fraction
from typing import Final, cast

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from vidcolor.errors import Message, Option
from vidcolor.media.pixels.alpha import is_transparent
from vidcolor.media.pixels.chroma import has_color
from vidcolor.media.pixels.deinterlace import FieldStage
from vidcolor.media.pixels.fields import FieldOrder, frame_field_order
from vidcolor.media.pixels.limits import check_film_size
from vidcolor.media.pixels.uniform import PictureMaker
from vidcolor.media.read.frames.index import FrameIndex
from vidcolor.media.read.frames.side_data import collect_side_data, display_matrix
from vidcolor.media.read.packets.probe import with_first_frame
from vidcolor.media.read.packets.stamps import Span, StampFiller
from vidcolor.media.source import SourceStatus
from vidcolor.types import LumaFrame, VideoInfo

_ROUNDING_S: Final = Fraction(1, 100)
"""QuickTime gives a film's length in units of its own, often of 1/600 s."""
_COLOR_EVERY: Final = 10
_COLOR_FRAMES: Final = 250
_LATE_SECONDS: Final = 0.5


class FrameStage:
    """The step from decoded to luma frames that all sources share.

    Args:
        info: from the header; the first wanted frame corrects it.
        span: the wanted part.
        deinterlace: run bwdif.
        label: the input's name for messages.
        end: where the stream ends, in its time base, where the header says so.

    Attributes:
        info, display_matrix: as in ``source.FrameSource``.
        status: what was found so far.
        seen: frames taken, those outside of the span included.
        ended: a frame behind the span's end was taken: no more are needed.
        first_packet: time of the first packet fed to the decoder, in seconds, where known.
        index: where frames are noted; None for nowhere.
        finished: frames that went on to deinterlacing.
    """

    def __init__(
        self,
        info: VideoInfo,
        span: Span,
        *,
        deinterlace: bool,
        label: str,
        end: int | None = None,
    ) -> None:
        self.info = self._header = info
        self.span = span
        self.seen = 0
        self.ended = False
        self.first_packet: Fraction | None = None
        self.index: FrameIndex | None = None
        self.status = SourceStatus()
        self.display_matrix: tuple[int, ...] | None = None
        self._label = label
        self._deinterlace = deinterlace
        self._end = end
        self._stamps = self._new_stamps()
        self._durations: ShownDurations | None = None
        if in_decoding_order(info.container):
            shifted = None if end is None else span.shift(end, info.time_base)
            self._durations = ShownDurations(shifted)
        header = cast(FieldOrder, info.field_order)
        self._fields = FieldStage(header=header, deinterlace=deinterlace)
        self._flag_order: FieldOrder | None = None
        self._met_flags = False
        self._longest = 0
        self._raw_stamps: deque[int | None] = deque()
        self.finished = 0
        self._picture: PictureMaker | None = None

    def again(self) -> FrameStage:
        """A stage for reading the same once more; keeps what the first frame has shown."""
        stage = FrameStage(
            self._header,
            self.span,
            deinterlace=self._deinterlace,
            label=self._label,
            end=self._end,
        )
        stage.info, stage.display_matrix = self.info, self.display_matrix
        stage.status = self.status
        stage.status.damaged = stage.status.corrupt = 0
        return stage

    def fork(self) -> FrameStage:
        """A stage for another place of the stream: with this one's picture, for few frames."""
        stage = self.again()
        stage.status = replace(self.status)
        stage._picture, stage._flag_order = self._picture, self._flag_order
        stage._fields = self._fields.fork()
        if stage._durations is not None and self._durations is not None:
            stage._durations.longest = max(self._durations.longest, self._longest)
        return stage

    def note_length(self, duration: int) -> None:
        """Say how long some frame is, for the last frame of a fork."""
        self._longest = max(self._longest, duration)

    @property
    def deinterlaces(self) -> bool:
        """Whether bwdif is asked for."""
        return self._deinterlace

    @property
    def took_stamps_as_they_are(self) -> bool:
        """Whether all stamps and the order of fields are what the frames themselves say."""
        return not self._stamps.nudged and not self._met_flags

    def restart(self) -> None:
        """Forget stamps, after a seek."""
        self.seen = 0
        self.first_packet = None
        self._stamps = self._new_stamps()

    def _new_stamps(self) -> StampFiller:
        info = self._header
        return StampFiller(info.time_base, info.rate, by_decoding=info.container == "avi")

    def push(self, frame: av.VideoFrame) -> list[LumaFrame]:
        """Take a decoded frame, in presentation order; return the frames that are ready."""
        luma = self._take(frame)
        if luma is None:
            return []
        self._raw_stamps.append(frame.pts)
        timed = [luma] if self._durations is None else self._durations.push(luma)
        return self._noted(timed)

    def flush(self) -> list[LumaFrame]:
        """Return what is left inside."""
        timed = [] if self._durations is None else self._durations.flush()
        return self._noted(timed) + self.finish_all()

    def conclude(self) -> None:
        """Say at the end what went wrong on the way."""
        status = self.status
        if status.damaged:
            status.say(f"{_count(status.damaged, 'damaged packet')} skipped")
        if status.corrupt:
            status.say(f"{_count(status.corrupt, 'frame')} decoded with errors")
        if self._stamps.nudged:
            status.say(f"{_count(self._stamps.nudged, 'frame')} moved: repeated or backward stamps")

    def _take(self, frame: av.VideoFrame) -> LumaFrame | None:
        """Make a luma frame; None outside of the span."""
        self.seen += 1
        time_base = self.info.time_base
        pts = self._stamps.place(frame.pts, frame.dts, frame.duration)
        span = self.span
        if self.ended or span.before(pts * time_base):
            return None
        if span.after(pts * time_base):
            self._end_at(pts)
            return None
        if self._picture is None:
            self._meet(frame, pts)
        self.status.corrupt += frame.is_corrupt
        self._watch_color(frame)
        luma = self.convert(frame)
        luma.pts, luma.duration = span.shift(pts, time_base), frame.duration
        if self.info.container == "avi":  # frames of one length; libav counts B-frames' wrongly
            luma.duration = self._stamps.step
        return luma

    def convert(self, frame: av.VideoFrame) -> LumaFrame:
        """A luma frame without stamps, of a film whose first frame was seen."""
        if self._picture is None:
            raise RuntimeError("no frame was seen before")
        interlaced = frame.interlaced_frame
        if interlaced and self._flag_order is None:
            self._flag_order = frame_field_order(frame)
            self._met_flags = True
        if not self.status.is_transparent and self.info.codec != "gif":
            self.status.is_transparent = is_transparent(frame)
        side_data = collect_side_data(frame, self.info.codec)
        self.status.side_data_kinds.update(item.kind for item in side_data)
        luma = self._picture.make(frame)
        if self._picture.changed:
            self.status.say(
                "the picture's size or format changes: scaled and converted to the first's"
            )
        return LumaFrame(
            luma=luma,
            depth=self._picture.depth,
            full_range=self._picture.full_range,
            pts=0,
            time_base=self.info.time_base,
            interlaced=interlaced,
            top_field_first=interlaced and self._flag_order == "tff",
            side_data=side_data,
        )

    def _end_at(self, pts: int) -> None:
        """Note that the frame at ``pts`` isn't wanted any more: the one before it ends there."""
        self.ended = True
        if self._durations is not None:
            self._durations.stop(self.span.shift(pts, self.info.time_base))

    def _noted(self, frames: list[LumaFrame]) -> list[LumaFrame]:
        """Note frames with their final stamps in the index, and pass them on."""
        for frame in frames:
            self._in_span(frame)
            raw = self._raw_stamps.popleft()
            if self.index is not None:
                self.index.add_frame(raw, frame)
        return self.finish(frames)

    def finish(self, frames: list[LumaFrame]) -> list[LumaFrame]:
        """Deinterlace, if asked for; return the frames that are ready."""
        self.finished += len(frames)
        ready = [each for frame in frames for each in self._fields.push(frame)]
        self._watch_fields()
        return ready

    def finish_all(self) -> list[LumaFrame]:
        """Return what is left of it."""
        return self._fields.flush()

    def _in_span(self, frame: LumaFrame) -> LumaFrame:
        """Let it end with the span, where frames are of any length."""
        if self.info.is_vfr and self.span.end is not None:
            unit = self.info.time_base
            end = self.span.shift(math.ceil(self.span.end / unit), unit)
            frame.duration = min(frame.duration, max(1, end - frame.pts))
        return frame

    def _meet(self, frame: av.VideoFrame, pts: int) -> None:
        """Learn from the first wanted frame."""
        check_film_size(self._label, frame.width, frame.height)
        self.display_matrix = display_matrix(frame, self.info.codec)
        order = cast(FieldOrder, self.info.field_order)
        if frame.interlaced_frame:
            order = self._flag_order = frame_field_order(frame)
        self.info = with_first_frame(
            self.info,
            frame,
            field_order="progressive" if self._deinterlace else order,
            matrix=self.display_matrix,
        )
        self._picture = PictureMaker(frame, self.info.tags)
        if self.span.start is None and self.first_packet is not None:
            late = float(pts * self.info.time_base - self.first_packet)
            if late > _LATE_SECONDS:
                self.status.say(f"the first {late:.1f} s have no key frame and can't be decoded")

    def _watch_color(self, frame: av.VideoFrame) -> None:
        status = self.status
        if status.has_color or (status.has_color is not None and self.seen % _COLOR_EVERY != 1):
            return
        if self.seen > _COLOR_FRAMES and status.has_color is not None:
            return
        status.has_color = has_color(frame)
        if status.has_color:
            status.say("the source has colour; its colours are replaced")

    def _watch_fields(self) -> None:
        fields, status = self._fields, self.status
        if fields.is_interlaced and not status.is_interlaced:
            status.is_interlaced = not self._deinterlace  # then what goes out holds none
            status.top_field_first = fields.order == "tff"
            first = "top" if status.top_field_first else "bottom"
            what = f"the source is interlaced ({first} field first"
            what += ", by measurement)" if fields.measured else ")"
            advice = Option("deinterlace", True)
            status.say(
                f"{what}: it is deinterlaced"
                if self._deinterlace
                else Message(f"{what}: its fields are kept; ", advice, " makes it progressive")
            )
        if fields.found_nothing:
            self.status.say("the source looks progressive; it is deinterlaced all the same")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun} was" if number == 1 else f"{number} {noun}s were"


def in_decoding_order(container: str) -> bool:
    """Whether a frame's duration reaches to the next one in the file, not to the next shown.

    Args:
        container: libav's name; that of MP4 and QuickTime is one.
    """
    return "mov" in container.split(",")


def stream_end(container: InputContainer, stream: VideoStream) -> int | None:
    """Where a stream ends by the header, in its time base; None if unknown."""
    if not in_decoding_order(container.format.name) or not stream.duration:
        return None
    return (stream.start_time or 0) + stream.duration


class ShownDurations:
    """Makes each frame last until the next one; for that it holds one frame back.

    Args:
        end: where the stream ends, in units of the frames' stamps, None where unknown.
    """

    def __init__(self, end: int | None) -> None:
        self._end = end
        self._exact = False
        self.longest = 0
        self._held: LumaFrame | None = None

    def push(self, frame: LumaFrame) -> list[LumaFrame]:
        """Take a frame in presentation order; return the one before it."""
        held, self._held = self._held, frame
        self.longest = max(self.longest, frame.duration)
        if held is None:
            return []
        held.duration = frame.pts - held.pts
        return [held]

    def stop(self, end: int) -> None:
        """Say where the last frame ends: better than the header does."""
        self._end, self._exact = end, True

    def flush(self) -> list[LumaFrame]:
        """Return the last frame."""
        last, self._held = self._held, None
        if last is None:
            return []
        if self._end is not None and self._end > last.pts:
            last.duration = self._until(self._end, last)
        return [last]

    def _until(self, end: int, last: LumaFrame) -> int:
        """The last frame's duration; a film that was cut off ends long before its header says."""
        shown = end - last.pts
        if self._exact:
            return shown
        if abs(shown - last.duration) * last.time_base <= _ROUNDING_S:
            return last.duration
        return min(shown, self.longest)
