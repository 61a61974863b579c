"""Films in: one pass over the file gives luma frames and the other streams' packets."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from fractions import Fraction
from typing import Any, Final, TypeAlias

import av
from av.packet import Packet

from vidcolor.errors import InputError
from vidcolor.media.files.inputs import InputFile
from vidcolor.media.read.base import MAX_EARLY_BYTES, BaseSource, Item, check_span
from vidcolor.media.read.container import NO_TIMESTAMPS, OpenContainer
from vidcolor.media.read.decoder import Decoder
from vidcolor.media.read.demux import Demuxer
from vidcolor.media.read.probe import describe_container
from vidcolor.media.read.stage import FrameStage, stream_end
from vidcolor.media.read.stamps import exact_seconds
from vidcolor.media.source import ReadSettings
from vidcolor.types import LumaFrame

_Raw: TypeAlias = "av.VideoFrame | Packet[Any]"

_BACK_OFF: Final = (0, 2, 10, 60)  # seconds before --start, until a key frame is found


class VideoReader(BaseSource):
    """Reads a film through PyAV's libraries; keeps ``source.FrameSource``.

    Args:
        file: the film; stays open.
        path: as the user wrote it.
        settings: how it is read.
        opened: the film's container, at its beginning; closed with this. None opens one.

    Raises:
        InputError: the file can't be read, or not one frame of it.
        OptionError: ``end_s`` isn't after ``start_s``.
    """

    def __init__(
        self,
        file: InputFile,
        path: str,
        settings: ReadSettings,
        *,
        opened: OpenContainer | None = None,
    ) -> None:
        super().__init__()
        check_span(settings)
        self._label = file.label
        self._threads = settings.threads
        self._raw: Iterator[_Raw] = iter(())
        self._demuxer = demuxer = Demuxer(
            file,
            start=exact_seconds(settings.start_s),
            end=exact_seconds(settings.end_s),
            copy_streams=settings.copy_streams,
            opened=opened,
        )
        try:
            self._stage = FrameStage(
                describe_container(demuxer.container, demuxer.video, path=path, size=demuxer.size),
                demuxer.span,
                deinterlace=settings.deinterlace,
                label=self._label,
                end=stream_end(demuxer.container, demuxer.video),
            )
            self._begin()
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

    def _begin(self) -> None:
        """Go to where the span begins."""
        self._restart()
        if self._demuxer.span.start is not None and self._demuxer.can_seek:
            self._seek(self._demuxer.span.start)

    def _prime_without_packets(self) -> None:
        assert self._items is not None
        if not self._demuxer.can_rewind:
            raise InputError(
                f"{self._label}: {MAX_EARLY_BYTES >> 20} MB of sound and other data come before"
                " the picture, and a pipe can't go back: give a file"
            )
        self._ready.clear()
        if not any(isinstance(item, LumaFrame) for item in self._items):
            raise InputError(self._why_nothing())
        self._items.close()
        self._demuxer.rewind()
        self._stage = self._stage.again()
        self._begin()
        self._items = self._process()

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
            stage.status.damaged = self._decoder.damaged
            demuxer.video_done = stage.ended
        stage.status.damaged = self._decoder.damaged
        yield from stage.flush()
        stage.conclude()
        if demuxer.strays:
            stage.status.say(f"{demuxer.strays} stamp(s) were far from their neighbours': put back")
        if demuxer.jumps:
            stage.status.say(f"the time line is broken in {demuxer.jumps} place(s): joined")
        if demuxer.read_error:
            stage.status.say(f"reading ended early: {demuxer.read_error}")
        elif cut_off := demuxer.cut_off():
            stage.status.say(cut_off)

    def _why_nothing(self) -> str:
        if self._stage.seen:
            start = self._demuxer.span.start
            place = float((start or self._demuxer.origin) - self._demuxer.origin)
            return f"{self._label}: no frame at or after {place:g} s in the part that was asked for"
        if self._demuxer.failure:
            return f"{self._label}: can't be read: {self._demuxer.failure}"
        codec = self.info.codec
        if self.status.damaged:
            return (
                f"{self._label}: no frame can be decoded: {self.status.damaged} damaged or "
                f"unsupported packets ({codec}); --decoder ffmpeg may know more"
            )
        nothing = f"{self._label}: no frame can be decoded ({codec})"
        if not self._demuxer.can_seek and "mp4" in self._demuxer.container.format.name:
            # The usual MP4 has its index behind the pictures: it can't go back to them.
            return f"{nothing}: from a pipe, MP4 must be fragmented or 'faststart'; MKV or TS go"
        return f"{nothing}: the file is cut off or empty"


def _chained(first: list[_Raw], rest: Iterator[_Raw]) -> Generator[_Raw, None, None]:
    yield from first
    yield from rest
