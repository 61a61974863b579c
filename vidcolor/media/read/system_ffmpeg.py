"""``decoder="ffmpeg"``: a system ffmpeg decodes what PyAV's own libraries can't.

Where PyAV can open the container (and only lacks the decoder), ffmpeg sends nothing but raw frames
with the source's own stamps, and all other streams are copied from the file as usual. Where even
the container is unknown, ffmpeg sends all of it as Matroska, whose stamps are milliseconds.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av
from av.packet import Packet

from vidcolor.errors import InputError
from vidcolor.media.files.inputs import InputFile, shown
from vidcolor.media.read.base import BaseSource, Item, check_span
from vidcolor.media.read.ffmpeg_process import (
    SHIFT_S,
    FfmpegProcess,
    matroska_all,
    nut_video,
    require_ffmpeg,
)
from vidcolor.media.read.film import VideoReader
from vidcolor.media.read.frames.decoder import Decoder
from vidcolor.media.read.frames.stage import FrameStage, stream_end
from vidcolor.media.read.packets.container import OpenContainer
from vidcolor.media.read.packets.demux import Demuxer
from vidcolor.media.read.packets.probe import codec_name, describe_container, describe_stream
from vidcolor.media.read.packets.stamps import decoding_stamp, exact_seconds
from vidcolor.media.source import ReadSettings

_AHEAD_S = Fraction(1, 2)  # packets go out this much before the frames that they belong to


def open_with_ffmpeg(
    file: InputFile, path: str, settings: ReadSettings, *, opened: OpenContainer | None
) -> BaseSource:
    """Open a film that a system ffmpeg decodes; it opens files itself, and is fed pipes.

    Args:
        file: the film; stays open.
        path: as the user wrote it.
        settings: how it is read.
        opened: the film's container, at its beginning, where it could be opened.

    Raises:
        DependencyError: ffmpeg or ffmpeg-python is missing.
        InputError: ffmpeg can't read the file either.
        OptionError: ``end_s`` isn't after ``start_s``.
    """
    require_ffmpeg()
    check_span(settings)
    if file.is_seekable and path != "-":
        try:
            original = Demuxer(
                file,
                start=exact_seconds(settings.start_s),
                end=exact_seconds(settings.end_s),
                copy_streams=settings.copy_streams,
                need_decoder=False,
                opened=opened,
            )
        except InputError as error:
            if "not a film that" not in str(error):
                raise  # above all playlists: ffmpeg would open what they name
        else:
            return FfmpegReader(original, path, settings)
        return _open_matroska(path, settings, None)
    return _open_matroska(path, settings, file)


def _open_matroska(path: str, settings: ReadSettings, feed: InputFile | None) -> VideoReader:
    """Read a film of which ffmpeg makes lossless Matroska; ``feed`` is a pipe that it gets."""
    ffmpeg = FfmpegProcess(matroska_all(path if feed is None else "-"), feed=feed)
    try:
        source = VideoReader(InputFile(path, ffmpeg.pipe), path, settings)
    except InputError as error:
        said = ffmpeg.error()
        ffmpeg.close()
        raise InputError(f"{shown(path)}: ffmpeg can't read it: {said or error}") from None
    except BaseException:
        ffmpeg.close()
        raise
    source.on_close(ffmpeg.close)
    return source


class FfmpegReader(BaseSource):
    """Frames from ffmpeg, all other packets from the file itself.

    Args:
        original: the open file; closed with this.
        path: as the user wrote it.
        settings: how it is read; the span is that of ``original``.

    Raises:
        InputError: ffmpeg decodes nothing.
    """

    def __init__(self, original: Demuxer, path: str, settings: ReadSettings) -> None:
        super().__init__()
        self._label = shown(path)
        self._original = original
        self._frames: Demuxer | None = None
        self._ffmpeg: FfmpegProcess | None = None
        base = original.video.time_base or Fraction(1, 1000)
        shift_s = SHIFT_S * base.numerator
        try:
            self._ffmpeg = FfmpegProcess(
                nut_video(path, index=original.video.index, shift_s=shift_s)
            )
            self._frames = self._open_pipe(self._ffmpeg, path)
            self._decoder = Decoder(self._frames.video)
            self._shift = Fraction(shift_s)
            info = describe_container(
                original.opened if original.video.codec_context else self._frames.opened,
                original.video if original.video.codec_context else self._frames.video,
                path=path,
                size=original.size,
            )
            info = replace(
                info,
                container=original.container.format.name,
                codec=codec_name(original.video) or "unknown",
                time_base=base,
                streams=tuple(describe_stream(each) for each in original.container.streams),
            )
            self._stage = FrameStage(
                info,
                original.span,
                deinterlace=settings.deinterlace,
                label=self._label,
                end=stream_end(original.container, original.video),
            )
            self._prime(self._process())
        except BaseException:
            self.close()
            raise
        self.template = original.container
        self.video_stream = original.video
        self.copied_streams = original.copied

    def _release(self) -> None:
        if self._frames is not None:
            self._frames.close()
        if self._ffmpeg is not None:
            self._ffmpeg.close()
        self._original.close()

    def _open_pipe(self, process: FfmpegProcess, path: str) -> Demuxer:
        try:
            return Demuxer(InputFile(path, process.pipe), copy_streams=False)
        except InputError as error:
            said = process.error()
            raise InputError(f"{self._label}: ffmpeg can't decode it: {said or error}") from None

    def _process(self) -> Generator[Item, None, None]:
        """Merge frames and packets by time."""
        stage, original = self._stage, self._original
        packets = self._packets()
        waiting = next(packets, None)
        for frame in self._decoded():
            ready = stage.push(frame)
            original.video_done = stage.ended
            now = (frame.pts or 0) * self.info.time_base + _AHEAD_S - stage.span.offset
            while waiting is not None and (stage.ended or _seconds(waiting) <= now):
                yield waiting
                waiting = next(packets, None)
            yield from ready
            if stage.ended:
                break
        while waiting is not None:
            yield waiting
            waiting = next(packets, None)
        yield from stage.flush()
        self._finish()

    def _finish(self) -> None:
        assert self._ffmpeg is not None
        self._stage.status.damaged = self._decoder.damaged
        if not self._stage.ended:
            said = self._ffmpeg.finish()
            if said:
                self._stage.status.say(f"ffmpeg ended early: {said}")
        self._stage.conclude()

    def _packets(self) -> Iterator[Packet[Any]]:
        """Yield the file's own packets, those of the film left out."""
        video = self._original.video.index
        for packet in self._original.packets():
            if packet.stream_index != video:
                yield packet

    def _decoded(self) -> Iterator[av.VideoFrame]:
        """Yield ffmpeg's frames with the source's stamps."""
        assert self._frames is not None
        base = self.info.time_base
        for packet in self._frames.packets():
            yield from self._restamped(self._decoder.feed(packet), base)
        yield from self._restamped(self._decoder.flush(), base)

    def _restamped(self, frames: list[av.VideoFrame], base: Fraction) -> Iterator[av.VideoFrame]:
        for frame in frames:
            own = frame.time_base or base
            if frame.pts is not None:
                frame.pts = round((frame.pts * own - self._shift) / base)
            frame.duration = round(frame.duration * own / base)
            frame.time_base = base
            yield frame

    def _why_nothing(self) -> str:
        if self._stage.seen:
            return f"{self._label}: no frame lies in the part that was asked for"
        said = self._ffmpeg.error() if self._ffmpeg else ""
        return f"{self._label}: ffmpeg decodes no frame of it: {said or 'no reason given'}"


def _seconds(packet: Packet[Any]) -> Fraction:
    stamp = decoding_stamp(packet)
    return Fraction(0) if stamp is None else stamp * packet.time_base
