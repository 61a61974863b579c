"""Numbered scans in: DPX, TIFF, PNG, EXR and JPEG files named by one pattern."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import replace
from fractions import Fraction
from itertools import islice, takewhile
from pathlib import Path
from typing import Final, cast

import av
from av.codec.context import CodecContext
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext

from vidcolor.errors import InputError, Message, Option
from vidcolor.media.files.inputs import reason, shown
from vidcolor.media.files.patterns import is_pattern, numbered
from vidcolor.media.kinds import find_signature
from vidcolor.media.pixels.orientation import turn_upright
from vidcolor.media.read.base import BaseSource, Item, check_span
from vidcolor.media.read.frames.access import FIELD_LEAD
from vidcolor.media.read.frames.index import FrameIndex
from vidcolor.media.read.frames.stage import FrameStage
from vidcolor.media.read.packets.stamps import Span, exact_seconds
from vidcolor.media.scans.header_rate import header_rate
from vidcolor.media.source import ReadSettings
from vidcolor.media.still.metadata.exif import from_full_page, read_orientation
from vidcolor.media.still.pillow import decode_deep_jpeg, jpeg_depth
from vidcolor.types import ColorTags, LumaFrame, VideoInfo

_DEFAULT_FPS: Final = Fraction(24)
_NAMED: Final = 20
"""As many files that can't be decoded are named, and the rest counted."""
HEADER_CODECS: Final = ("tiff", "png", "mjpeg")
"""Codecs of scans whose metadata is copied to images."""


class SequenceReader(BaseSource):
    """Reads numbered files, one frame each; keeps ``source.FrameSource``.

    Numbers may begin anywhere. A missing number leaves a gap in time, as a damaged packet does in
    a film; a file that can't be decoded counts as a damaged packet. Frames are upright: all are
    turned by the first scan's EXIF or TIFF tag.

    Args:
        path: pattern with one ``%d`` or ``%06d`` in the file's name.
        settings: how they are read; ``start_s`` and ``end_s`` count from the first file.
        files: number and path of each, where they were found before.
        index: see ``VideoReader``.

    Raises:
        InputError: no file fits, or none can be decoded.
        OptionError: ``end_s`` isn't after ``start_s``.
    """

    def __init__(
        self,
        path: str | Path,
        settings: ReadSettings,
        *,
        files: list[tuple[int, Path]] | None = None,
        index: FrameIndex | None = None,
    ) -> None:
        super().__init__()
        check_span(settings)
        start, end = exact_seconds(settings.start_s), exact_seconds(settings.end_s)
        self._label = shown(path)
        self._files = find_files(path) if files is None else files
        if not self._files:
            raise InputError(f"{self._label}: no file has a name of this pattern")
        self._file_of = dict(self._files)
        said = None if settings.fps else header_rate(file for _, file in self._files)
        rate = settings.fps or said or _DEFAULT_FPS
        span = Span(origin=Fraction(0), start=start, end=end, time_bases=[1 / rate])
        self._stage = FrameStage(
            _describe(str(path), rate, self._files),
            span,
            deinterlace=settings.deinterlace,
            label=self._label,
        )
        self._index = index
        if index is not None and not len(index):
            self._stage.index = index
        self._failures: list[str] = []
        self._orientation = 0
        missing = self._files[-1][0] - self._files[0][0] + 1 - len(self._files)
        if missing:
            self._stage.status.say(
                f"{missing} numbers are missing between the first file and the last"
            )
        if settings.fps is None:
            assumed = f" was given: {_DEFAULT_FPS} frames per second are assumed"
            self._stage.status.say(
                f"{float(said):.5g} frames per second, as the scans' headers say"
                if said
                else Message("no ", Option("fps"), assumed)
            )
        self._prime(self._process(self._files))
        self._describe_upright()

    @property
    def first_file(self) -> Path:
        """The file with the lowest number."""
        return self._files[0][1]

    def scan_of(self, frame: LumaFrame) -> tuple[int, Path]:
        """The number and the file that one of this source's frames was read from."""
        number = self._files[0][0] + frame.pts + int(self.time_offset_s / frame.time_base)
        return number, self._file_of[number]

    def skip_frames(self, count: int) -> None:
        """Begin with the frame of this number; an index says in which file that is."""
        index = self._index
        if not count or index is None or count >= len(index):
            super().skip_frames(count)
            return
        begin = max(0, count - (FIELD_LEAD if self._stage.deinterlaces else 0))
        offset = int(self.time_offset_s / self.info.time_base)
        self._restart(self._files[0][0] + index.pts(begin) + offset)
        super().skip_frames(count - begin)

    def frame_at(self, seconds: Fraction) -> tuple[LumaFrame, bool]:
        """The last frame that begins at or before a time, or the first; see ``VideoReader``.

        Nothing can be iterated afterwards.

        Args:
            seconds: from the first file.
        """
        first, last = self._files[0][0], self._files[-1][0]
        number = first + math.floor(seconds / self.info.time_base)
        back = FIELD_LEAD if self._stage.deinterlaces else 0
        while True:
            begin = max(first, number - back)
            self._restart(begin)
            frames = (item for item in self._all() if isinstance(item, LumaFrame))
            begun = list(takewhile(lambda frame: first + frame.pts <= number, frames))
            # the first one deinterlaced lacks the one before it
            if len(begun) > self._stage.deinterlaces:
                return begun[-1], number >= last
            if begin == first:
                self._restart(first)
                every = (item for item in self._all() if isinstance(item, LumaFrame))
                return (begun or list(islice(every, 1)))[-1], False
            back = 10 * back + 1

    def _restart(self, number: int) -> None:
        """Read on from the file of a number."""
        if self._items is not None:
            self._items.close()
        self._ready.clear()
        status = self.status
        self._stage = self._stage.fork()
        self._stage.status = status
        self._items = self._process([each for each in self._files if each[0] >= number])

    def _process(self, files: list[tuple[int, Path]]) -> Generator[Item, None, None]:
        first = self._files[0][0]
        for number, file in files:
            pts = number - first
            if self._stage.span.before(pts * self.info.time_base):
                continue
            frame = self._decode(file)
            if frame is None:
                if len(self._failures) <= _NAMED:
                    self._stage.status.say(f"left out: {self._failures[-1]}")
                self.status.damaged += 1
                continue
            frame.pts, frame.duration = pts, 1
            frame.time_base = self.info.time_base
            yield from map(self._turn, self._stage.push(frame))
            if self._stage.ended:
                break
        yield from map(self._turn, self._stage.flush())
        if len(self._failures) > _NAMED:
            self._stage.status.say(f"left out: {len(self._failures) - _NAMED} more files")
        self._stage.conclude()
        if self._stage.index is not None:
            self._stage.index.is_complete = True

    def _decode(self, file: Path) -> av.VideoFrame | None:
        """Decode one file; None where that fails."""
        try:
            data = file.read_bytes()
            codec = _codec(data)
            frame = _decode(data, codec)
        except (FFmpegError, OSError, ValueError, RuntimeError) as error:
            self._failures.append(f"{shown(file)}: {reason(error)}")
            return None
        orientation = read_orientation(data)
        if not self._orientation:
            self._stage.info = replace(self.info, codec=codec)
            self._orientation = orientation
        elif orientation != self._orientation:
            self._stage.status.say("the scans' orientation changes: all are turned as the first is")
        return frame

    def _turn(self, frame: LumaFrame) -> LumaFrame:
        frame.luma = turn_upright(frame.luma, self._orientation)
        return frame

    def _describe_upright(self) -> None:
        """Correct what is known from the first stored frame to the upright ones."""
        # libav gives the orientation of some formats as a display matrix too
        info = replace(self.info, rotation=0, is_mirrored=False)
        if self._orientation >= 5:
            info = replace(info, width=info.height, height=info.width)
        self._stage.info, self._stage.display_matrix = info, None

    def _why_nothing(self) -> str:
        if self._failures:
            return f"{self._label}: no file can be decoded: {self._failures[0]}"
        return f"{self._label}: no frame lies in the part that was asked for"


def find_files(path: str | Path) -> list[tuple[int, Path]]:
    """Return (number, file) of all files whose names fit the pattern, by number.

    ``%06d`` fits numbers written with at least six digits, ``%d`` those without leading zeros.
    """
    pattern = Path(path)
    if not is_pattern(pattern) or not pattern.parent.is_dir():
        return []
    name = numbered(pattern.name)
    found = []
    for entry in pattern.parent.iterdir():
        fits = name.fullmatch(entry.name)
        if fits and entry.is_file():
            found.append((int(fits.group(1)), entry))
    return sorted(found)


def _decode(data: bytes, codec: str) -> av.VideoFrame:
    """One scan's picture, as stored.

    Raises:
        FFmpegError, ValueError, RuntimeError: it is damaged, or of no kind that is read.
    """
    if codec == "mjpeg" and jpeg_depth(data) > 8:  # libav reads 8 bits only
        pixels = decode_deep_jpeg(data)
        return av.VideoFrame.from_ndarray(pixels, "gray16le" if pixels.ndim == 2 else "rgb48le")
    context = cast(VideoCodecContext, CodecContext.create(codec, "r"))
    context.thread_count = 1
    if codec == "tiff":
        data = from_full_page(data)
    frames = [*context.decode(Packet(data)), *context.decode(None)]
    if not frames:
        raise ValueError("holds no picture")
    return frames[0]


def _codec(data: bytes) -> str:
    found = find_signature(data[:64])
    if found is None or not found.codec:
        raise ValueError("not a DPX, TIFF, PNG, EXR, JPEG, BMP or PNM file")
    return found.codec


def _describe(path: str, rate: Fraction, files: list[tuple[int, Path]]) -> VideoInfo:
    count = files[-1][0] - files[0][0] + 1
    return VideoInfo(
        path=path,
        container="image2",
        codec="",
        width=0,
        height=0,
        pix_fmt="",
        depth=8,
        chroma_shift=(0, 0),
        is_gray=False,
        is_rgb=False,
        has_alpha=False,
        time_base=1 / rate,
        rate=rate,
        is_vfr=False,
        sar=Fraction(1),
        rotation=0,
        field_order="progressive",
        tags=ColorTags(),
        duration_s=float(count / rate),
        frames=len(files),
        start_s=0.0,
    )
