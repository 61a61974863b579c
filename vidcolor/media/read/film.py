"""Reads films with PyAV: luma frames and the other streams' packets, in one pass."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from fractions import Fraction
from itertools import islice
from typing import Any, Final, TypeAlias

import av
from av.packet import Packet

from vidcolor.errors import InputError, Message, Option
from vidcolor.media.files.inputs import InputFile
from vidcolor.media.read.base import MAX_EARLY_BYTES, BaseSource, Item, check_span
from vidcolor.media.read.frames.access import FrameAccess
from vidcolor.media.read.frames.decoder import Decoder
from vidcolor.media.read.frames.index import FrameIndex
from vidcolor.media.read.frames.stage import FrameStage, stream_end
from vidcolor.media.read.packets.container import NO_TIMESTAMPS, OpenContainer
from vidcolor.media.read.packets.demux import Demuxer
from vidcolor.media.read.packets.probe import describe_container
from vidcolor.media.read.packets.stamps import exact_seconds, stamp_of
from vidcolor.media.source import ReadSettings
from vidcolor.types import LumaFrame

_Raw: TypeAlias = "av.VideoFrame | Packet[Any]"

_BACK_OFF: Final = (0, 2, 10, 60)  # seconds before start_s, until a key frame is found


class VideoReader(BaseSource):
    """Reads a film through PyAV's libraries; keeps ``source.FrameSource``.

    Args:
        file: the film; stays open.
        path: as the user wrote it.
        settings: how it is read.
        opened: the film's container, at its beginning; closed with this. None opens one.
        index: what an earlier reading with the same settings has shown; an empty one is filled by
            this reading. None keeps none.

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
        index: FrameIndex | None = None,
    ) -> None:
        super().__init__()
        check_span(settings)
        self._label = file.label
        self._threads = settings.threads
        self._raw: Iterator[_Raw] = iter(())
        self._index = index
        self._notes = index if index is not None and not index.packets else None
        self._demuxer = demuxer = Demuxer(
            file,
            start=exact_seconds(settings.start_s),
            end=exact_seconds(settings.end_s),
            copy_streams=settings.copy_streams,
            opened=opened,
        )
        try:
            self._stage = FrameStage(
                describe_container(demuxer.opened, demuxer.video, path=path, size=demuxer.size),
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
        self._access: FrameAccess | None = None
        if not settings.copy_streams and demuxer.can_rewind:
            notes = FrameIndex() if index is None else index
            self._access = FrameAccess(demuxer, self._stage, notes, self._new_decoder)

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
        self._decoder = self._new_decoder()
        self._stage.restart()
        self._stage.index = self._notes
        if self._notes is not None:
            self._notes.clear()
        self._raw = self._pump()

    def _new_decoder(self) -> Decoder:
        unstamped = self._demuxer.container.format.flags & NO_TIMESTAMPS
        return Decoder(self._demuxer.video, threads=self._threads, frame_threads=not unstamped)

    def _seek(self, start: Fraction) -> None:
        """Go to a place from where the first decoded frame isn't later than ``start``."""
        for back in _BACK_OFF:
            target = start - back
            if target <= self._demuxer.origin or not self._demuxer.seek(target):
                break
            self._restart()
            if self._starts_early(start):
                if self._notes is not None:
                    self._notes.is_from_start = False
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
            stamp = stamp_of(packet)
            if stage.first_packet is None and stamp is not None and not packet.is_discard:
                stage.first_packet = stamp * packet.time_base
            if self._notes is not None:
                self._notes.add_packet(packet)
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
        if self._notes is not None:
            self._notes.is_even = not (demuxer.jumps or demuxer.strays)
            self._notes.is_complete = True
        if demuxer.strays:
            stage.status.say(f"{demuxer.strays} stamp(s) were far from their neighbours': put back")
        if demuxer.has_unknown and demuxer.copies:
            stage.status.say("a stream that begins in mid-film is left out")
        if second := demuxer.second_film():
            stage.status.say(second)
        if demuxer.gaps:
            gaps = ", ".join(f"{gap:.0f} s" for gap in demuxer.gaps[:5])
            more = f" and {len(demuxer.gaps) - 5} more" if len(demuxer.gaps) > 5 else ""
            stage.status.say(f"the recording has gaps, which stay: {gaps}{more}")
        if demuxer.jumps:
            stage.status.say(f"the time line is broken in {demuxer.jumps} place(s): joined")
        if demuxer.read_error:
            stage.status.say(f"reading ended early: {demuxer.read_error}")
        elif cut_off := demuxer.cut_off():
            stage.status.say(cut_off)

    # -- from a later frame on ----------------------------------------------------------------

    def skip_frames(self, count: int) -> None:
        """Begin with the frame of this number, decoded from a key frame before it if possible."""
        if count and self._access is not None and count < len(self._access.index):
            self._drop_items()
            self._items = self._from(self._access, count)
        else:
            super().skip_frames(count)

    def frame_at(self, seconds: Fraction) -> tuple[LumaFrame, bool] | None:
        """The last frame that begins at or before a time, or the first; None if a check fails.

        Nothing can be iterated afterwards.

        Args:
            seconds: in the file's own time, as its stamps are.

        Returns:
            The frame, and whether it is the film's last.
        """
        if self._access is None:
            return None
        self._drop_items()
        return self._access.frame_at(seconds)

    def _drop_items(self) -> None:
        if self._items is not None:
            self._items.close()
        self._items = None
        self._ready.clear()

    def _from(self, access: FrameAccess, first: int) -> Generator[Item, None, None]:
        number = first
        for frame in access.frames_from(first):
            yield frame
            number += 1
        if not access.index.is_complete or number < len(access.index):
            self._demuxer.rewind()
            self._stage = self._stage.again()
            self._begin()
            frames = (item for item in self._process() if isinstance(item, LumaFrame))
            yield from islice(frames, number, None)

    def _why_nothing(self) -> str:
        if self._stage.seen:
            start = self._demuxer.span.start
            place = float((start or self._demuxer.origin) - self._demuxer.origin)
            return f"{self._label}: no frame at or after {place:g} s in the part that was asked for"
        if self._demuxer.failure:
            return f"{self._label}: can't be read: {self._demuxer.failure}"
        codec = self.info.codec
        if self.status.damaged:
            return Message(
                f"{self._label}: no frame can be decoded: {self.status.damaged} damaged or "
                f"unsupported packets ({codec}); ",
                Option("decoder", "ffmpeg"),
                " may know more",
            )
        nothing = f"{self._label}: no frame can be decoded ({codec})"
        if not self._demuxer.can_seek and "mp4" in self._demuxer.container.format.name:
            # The usual MP4 has its index behind the pictures: it can't go back to them.
            return f"{nothing}: from a pipe, MP4 must be fragmented or 'faststart'; MKV or TS go"
        return f"{nothing}: the file is cut off or empty"


def _chained(first: list[_Raw], rest: Iterator[_Raw]) -> Generator[_Raw, None, None]:
    yield from first
    yield from rest
