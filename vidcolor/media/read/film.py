"""Films in: one pass over the file gives luma frames and the other streams' packets."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import av
from av.packet import Packet

from vidcolor.errors import OptionError
from vidcolor.media.files.inputs import shown
from vidcolor.media.read.base import BaseSource, Item, check_span
from vidcolor.media.read.container import NO_TIMESTAMPS
from vidcolor.media.read.decoder import Decoder
from vidcolor.media.read.demux import Demuxer
from vidcolor.media.read.probe import describe_container
from vidcolor.media.read.stage import FrameStage, stream_end
from vidcolor.media.read.stamps import exact_seconds
from vidcolor.media.source import FrameSource

_Raw: TypeAlias = "av.VideoFrame | Packet[Any]"

_BACK_OFF: Final = (0, 2, 10, 60)  # seconds before --start, until a key frame is found


class VideoReader(BaseSource):
    """Reads a film through PyAV's libraries; keeps ``source.FrameSource``.

    Args:
        path: the film, or "-" for standard input.
        start_s: seconds from the file's start; frames with ``start <= t < end`` are read.
        end_s: likewise.
        deinterlace: run bwdif, one frame per frame.
        threads: decoder threads, 0 for as many as there are cores.
        copy_streams: offer the other streams' packets.
        stream: read this open pipe; ``path`` is for messages then.

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
        stream: io.BufferedIOBase | None = None,
    ) -> None:
        super().__init__()
        start, end = exact_seconds(start_s), exact_seconds(end_s)
        check_span(start, end)
        self._label = shown(path)
        self._threads = threads
        self._raw: Iterator[_Raw] = iter(())
        self._demuxer = Demuxer(
            path, start=start, end=end, copy_streams=copy_streams, stream=stream
        )
        try:
            info = describe_container(
                self._demuxer.container,
                self._demuxer.video,
                path=str(path),
                size=self._demuxer.size,
            )
            self._stage = FrameStage(
                info,
                self._demuxer.span,
                deinterlace=deinterlace,
                label=self._label,
                end=stream_end(self._demuxer.container, self._demuxer.video),
            )
            self._restart()
            if self._demuxer.span.start is not None and self._demuxer.can_seek:
                self._seek(self._demuxer.span.start)
            self._prime(self._process())
        except BaseException:
            self.close()
            raise
        self.template = self._demuxer.container
        self.video_stream = self._demuxer.video
        self.copied_streams = self._demuxer.copied

    def _release(self) -> None:
        self._raw = iter(())
        self._demuxer.close()

    def _restart(self) -> None:
        """Begin to decode at the container's position."""
        unstamped = self._demuxer.container.format.flags & NO_TIMESTAMPS
        self._decoder = Decoder(
            self._demuxer.video, threads=self._threads, frame_threads=not unstamped
        )
        self._stage.restart()
        self._raw = self._pump()

    def _seek(self, start: Fraction) -> None:
        """Go to a place from where the first decoded frame isn't later than ``start``."""
        for back in _BACK_OFF:
            target = start - back
            if target <= self._demuxer.origin or not self._demuxer.seek(target):
                break
            self._restart()
            if self._starts_early(start):
                return
        self._demuxer.rewind()
        self._restart()

    def _starts_early(self, start: Fraction) -> bool:
        """Look at the first frame after a seek; what was read is kept for processing."""
        pulled: list[_Raw] = []
        for item in self._raw:
            pulled.append(item)
            if isinstance(item, av.VideoFrame):
                self._raw = _chained(pulled, self._raw)
                return item.pts is not None and item.pts * self.info.time_base <= start
        return False

    def _pump(self) -> Generator[_Raw, None, None]:
        """Yield decoded frames and copied packets."""
        video = self._demuxer.video.index
        decoder, stage = self._decoder, self._stage
        for packet in self._demuxer.packets():
            if packet.stream_index != video:
                yield packet
                continue
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stage.first_packet is None and stamp is not None:
                stage.first_packet = stamp * packet.time_base
            yield from decoder.feed(packet)
        if not self._demuxer.video_done:
            yield from decoder.flush()

    def _process(self) -> Generator[Item, None, None]:
        """Turn decoded frames into luma frames."""
        stage, demuxer = self._stage, self._demuxer
        for item in self._raw:
            if isinstance(item, Packet):
                yield item
                continue
            yield from stage.push(item)
            self.damaged = self._decoder.damaged
            demuxer.video_done = stage.ended
        self.damaged = self._decoder.damaged
        yield from stage.flush()
        stage.conclude(damaged=self.damaged)
        if demuxer.strays:
            stage.say(f"{demuxer.strays} stamp(s) were far from their neighbours': put back")
        if demuxer.jumps:
            stage.say(f"the time line is broken in {demuxer.jumps} place(s): joined")
        if demuxer.read_error:
            stage.say(f"reading ended early: {demuxer.read_error}")
        elif cut_off := demuxer.cut_off():
            stage.say(cut_off)

    def _why_nothing(self) -> str:
        if self._stage.seen:
            start = self._demuxer.span.start
            place = float((start or self._demuxer.origin) - self._demuxer.origin)
            return f"{self._label}: no frame at or after {place:g} s in the part that was asked for"
        if self._demuxer.failure:
            return f"{self._label}: can't be read: {self._demuxer.failure}"
        codec = self.info.codec
        if self.damaged:
            return (
                f"{self._label}: no frame can be decoded: {self.damaged} damaged or unsupported "
                f"packets ({codec}); --decoder ffmpeg may know more"
            )
        nothing = f"{self._label}: no frame can be decoded ({codec})"
        if not self._demuxer.can_seek and "mp4" in self._demuxer.container.format.name:
            # The usual MP4 has its index behind the pictures: it can't go back to them.
            return f"{nothing}: from a pipe, MP4 must be fragmented or 'faststart'; MKV or TS go"
        return f"{nothing}: the file is cut off or empty"


def _chained(first: list[_Raw], rest: Iterator[_Raw]) -> Generator[_Raw, None, None]:
    yield from first
    yield from rest


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
        path: a film, an animation, a numbered sequence ("scan_%06d.dpx"), or "-" for standard
            input.
        start_s: seconds from the start, None for all.
        end_s: seconds from the start, None for all.
        deinterlace: run bwdif.
        decoder: "ffmpeg" has a system ffmpeg decode.
        fps: frames per second of a sequence; None counts as 24. Only sequences take one.
        threads: decoder threads, 0 for as many as there are cores.
        copy_streams: offer the other streams' packets.

    Raises:
        InputError: nothing can be read.
        OptionError: options contradict each other, or ``fps`` is given for what has a rate.
        DependencyError: ffmpeg was asked for and isn't there.
    """
    from vidcolor.media.kinds import is_sequence
    from vidcolor.media.read.animation import AnimationReader, needs_pillow
    from vidcolor.media.read.system_ffmpeg import open_with_ffmpeg
    from vidcolor.media.scans.read import SequenceReader

    if is_sequence(path):
        return SequenceReader(path, fps=fps, start_s=start_s, end_s=end_s, deinterlace=deinterlace)
    if fps is not None:
        raise OptionError(
            f"{shown(path)}: --fps is for numbered images (scan_%06d.tif); this keeps its own times"
        )
    if needs_pillow(path):
        return AnimationReader(path, start_s=start_s, end_s=end_s)
    opener = open_with_ffmpeg if decoder == "ffmpeg" else VideoReader
    return opener(
        path,
        start_s=start_s,
        end_s=end_s,
        deinterlace=deinterlace,
        threads=threads,
        copy_streams=copy_streams,
    )
