"""What a source of frames offers to the engine and to the writer.

These classes keep this contract: ``reader.VideoReader`` (files and pipes through PyAV),
``sequence.SequenceReader`` (numbered scans), ``animation.AnimationReader`` (animated WebP and PNG
through Pillow), ``ffmpeg_source.FfmpegReader`` (a system ffmpeg decodes) and
``ffmpeg_source.MatroskaReader`` (it makes Matroska of what PyAV can't open). The writer is built
from an open source before any frame is taken from it: each source decodes its first frame while it
is opened, so what is said here is what the frames are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

    from vidcolor.types import LumaFrame, VideoInfo


@dataclass(frozen=True, slots=True)
class SideDatum:
    """One item of a decoded frame's side data; ``LumaFrame.side_data`` is a tuple of these.

    Attributes:
        kind: PyAV's name: "A53_CC", "MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL",
            "S12M_TIMECODE", "GOP_TIMECODE", "AFD", "DYNAMIC_HDR_PLUS", "DOVI_RPU_BUFFER".
            Display matrices and encoder chatter (SEI_UNREGISTERED) are left out.
        data: a copy of the payload, as libavutil lays it out.
        carrier: a 16x16 frame that holds all of the source frame's side data. PyAV can't attach
            side data to a frame, but ``carrier.reformat(width, height, pix_fmt)`` returns a frame
            of the wanted shape that has it (its pixels are to be overwritten). None for kinds
            that are constant over a stream (mastering display, light level): those are better
            written into the stream's header.
    """

    kind: str
    data: bytes
    carrier: av.VideoFrame | None = None


@runtime_checkable
class FrameSource(Protocol):
    """An open input. Iterate once; close it (or use ``with``), or libav's contexts leak.

    Attributes:
        info: the colorized stream and its file. Where the header was silent, the first decoded
            frame has spoken: size, pix_fmt, depth, tags are those of the frames. With
            ``deinterlace``, ``field_order`` is "progressive".
        template: the open container, whose streams, chapters and metadata the writer copies; None
            for sequences. Chapters have to be moved by ``time_offset_s`` (and cut).
        video_stream: the stream that is colorized; None where ``template`` is.
        copied_streams: every other stream of the container, in file order: audio, subtitle, data,
            attachment, other video, cover art. Attachments have no packets.
        time_offset_s: what was taken from every stamp, frames and packets alike, because of
            ``start_s``; 0 normally. It is a multiple of all time bases where these have a usable
            common multiple, so that audio and video move by exactly the same time.
        span_s: the length asked for by ``start_s``/``end_s`` in seconds, None where unbounded:
            chapters end there.
        expected_frames: how many frames headers promise in the span; None where they say nothing;
            for the progress bar only.
        display_matrix: libav's nine integers (16.16, last column 2.30), None where there is no
            rotation or mirroring; row-major as in AV_PKT_DATA_DISPLAYMATRIX.
        warnings: one line each, for the user; grows while reading.
        damaged: packets that the decoder refused; grows while reading.
        corrupt: frames that were decoded with errors and kept; grows while reading.
        is_interlaced: header, frames or measurement say that frames hold two fields; may turn
            true while reading the first frames. With ``deinterlace`` they don't.
        top_field_first: the order of fields where interlaced.
        has_color: the source is visibly coloured (its colours get replaced).
        side_data_kinds: kinds of side data seen so far ("A53_CC" means captions in the video).
    """

    @property
    def info(self) -> VideoInfo:
        """The colorized stream and its file."""
        ...

    @property
    def template(self) -> InputContainer | None:
        """The open container, None for sequences."""
        ...

    @property
    def video_stream(self) -> VideoStream | None:
        """The stream that is colorized."""
        ...

    @property
    def copied_streams(self) -> list[Stream]:
        """Every other stream."""
        ...

    @property
    def time_offset_s(self) -> Fraction:
        """Seconds taken from every stamp."""
        ...

    @property
    def span_s(self) -> Fraction | None:
        """Length asked for."""
        ...

    @property
    def expected_frames(self) -> int | None:
        """What headers promise."""
        ...

    @property
    def display_matrix(self) -> tuple[int, ...] | None:
        """Rotation and mirroring."""
        ...

    @property
    def warnings(self) -> list[str]:
        """Lines for the user."""
        ...

    @property
    def damaged(self) -> int:
        """Packets refused by the decoder."""
        ...

    @property
    def corrupt(self) -> int:
        """Frames decoded with errors."""
        ...

    @property
    def is_interlaced(self) -> bool:
        """Frames hold two fields."""
        ...

    @property
    def top_field_first(self) -> bool:
        """Order of the fields."""
        ...

    @property
    def has_color(self) -> bool | None:
        """The source is coloured."""
        ...

    @property
    def side_data_kinds(self) -> set[str]:
        """Kinds of side data seen."""
        ...

    def __iter__(self) -> Iterator[LumaFrame | av.Packet[Any]]:
        """Yield frames in presentation order and copied streams' packets in file order.

        Packets are of ``copied_streams`` only, none empty, stamps already cut and shifted.
        """
        ...

    def close(self) -> None:
        """Free decoder and file; safe to call twice. Join the thread that iterates first."""
        ...

    def __enter__(self) -> Self:
        """Return itself."""
        ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        ...
