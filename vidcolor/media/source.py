"""What a source of frames offers to the engine and to the writers.

Each source decodes its first frame while it is opened, so what it says of its frames holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

    from vidcolor.types import LumaFrame, VideoInfo


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """How an input is read.

    Attributes:
        start_s: seconds from the file's start; frames with ``start <= t < end`` are read, and
            begin at zero. None reads from the beginning.
        end_s: seconds from the file's start, None reads to the end.
        deinterlace: run bwdif, one frame out per frame in.
        decoder: "pyav" decodes with PyAV's own libraries, "ffmpeg" with the program ffmpeg.
        fps: frames per second of numbered images, None counts as 24; an error for other inputs.
        threads: decoder threads, 0 for as many as there are cores.
        copy_streams: offer the packets of the other streams (sound, subtitles ...).
    """

    start_s: float | None = None
    end_s: float | None = None
    deinterlace: bool = False
    decoder: Literal["pyav", "ffmpeg"] = "pyav"
    fps: Fraction | None = None
    threads: int = 0
    copy_streams: bool = True


@dataclass(slots=True)
class SourceStatus:
    """What a source has found so far; grows while it is read.

    Attributes:
        warnings: one line each, for the user.
        damaged: packets that the decoder refused.
        corrupt: frames that were decoded with errors and kept.
        is_interlaced: header, frames or measurement say that frames hold two fields; may turn true
            while the first frames are read. False where the source deinterlaces.
        top_field_first: the order of fields where interlaced.
        has_color: the source is visibly coloured (its colours get replaced); None before the first
            frame.
        side_data_kinds: kinds of side data seen ("A53_CC" means captions in the video).
        is_transparent: a frame had pixels that aren't opaque. GIF's don't count: nearly every one
            leaves out what didn't change.
    """

    warnings: list[str] = field(default_factory=list)
    damaged: int = 0
    corrupt: int = 0
    is_interlaced: bool = False
    top_field_first: bool = False
    has_color: bool | None = None
    side_data_kinds: set[str] = field(default_factory=set)
    is_transparent: bool = False

    def say(self, text: str) -> None:
        """Add a warning, once."""
        if text not in self.warnings:
            self.warnings.append(text)


@dataclass(frozen=True, slots=True)
class SideDatum:
    """One item of a decoded frame's side data; ``LumaFrame.side_data`` is a tuple of these.

    Attributes:
        kind: PyAV's name: "A53_CC", "MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL",
            "S12M_TIMECODE", "GOP_TIMECODE", "AFD", "DYNAMIC_HDR_PLUS", "DOVI_RPU_BUFFER".
            Display matrices and encoder messages (SEI_UNREGISTERED) are left out.
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
    """An input that is being read. Iterate once; close it (or use ``with``)."""

    @property
    def info(self) -> VideoInfo:
        """The colorized stream and its file.

        Size, pixel format, depth and tags are those of the first decoded frame. With
        ``deinterlace``, ``field_order`` is "progressive".
        """
        ...

    @property
    def status(self) -> SourceStatus:
        """What was found so far; always the same object."""
        ...

    @property
    def template(self) -> InputContainer | None:
        """The open container, whose streams, chapters and metadata the writer copies.

        None for animations and numbered images. Chapters have to be moved by ``time_offset_s``.
        """
        ...

    @property
    def video_stream(self) -> VideoStream | None:
        """The stream that is colorized; None where ``template`` is."""
        ...

    @property
    def copied_streams(self) -> list[Stream]:
        """Every other stream of the container, in file order, cover art among them."""
        ...

    @property
    def time_offset_s(self) -> Fraction:
        """Seconds taken from every stamp of frames and packets because of ``start_s``, else 0.

        A multiple of all time bases where these have a usable common multiple, so that picture and
        sound move by exactly the same time.
        """
        ...

    @property
    def span_s(self) -> Fraction | None:
        """Length in seconds that ``start_s`` and ``end_s`` ask for; None where unbounded."""
        ...

    @property
    def expected_frames(self) -> int | None:
        """How many frames the header announces, None if unknown; for the progress bar only."""
        ...

    @property
    def display_matrix(self) -> tuple[int, ...] | None:
        """Rotation and mirroring: nine integers, row-major (AV_PKT_DATA_DISPLAYMATRIX), or None."""
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

    def __exit__(self, *exc: object) -> None:
        """Close."""
        ...
