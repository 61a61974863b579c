"""Packets of an open film in file order, cut to a span; read errors are tolerated."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final, cast

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Discard, Stream
from av.video.stream import VideoStream

from vidcolor.errors import InputError, Option
from vidcolor.media.files.inputs import InputFile, reason
from vidcolor.media.pixels.limits import check_film_size
from vidcolor.media.read.packets.container import (
    NO_TIMESTAMPS,
    TS_DISCONT,
    OpenContainer,
    is_cover,
    open_container,
)
from vidcolor.media.read.packets.probe import container_length
from vidcolor.media.read.packets.stamps import Span, decoding_stamp, stamp_of
from vidcolor.media.read.packets.timeline import Discontinuities, HiddenPackets, StrayStamps

logger = logging.getLogger(__name__)

_MAX_READ_ERRORS: Final = 8
_SAYS_DURATION: Final = frozenset({"matroska", "mov", "avi", "asf", "flv", "mxf"})
"""Containers with their duration in the header; for others libav estimates it."""

_MISSING_S: Final = 1.0
_MISSING_SHARE: Final = 0.05
"""A file that lacks more than both at its end is cut off; headers are not more exact than that."""

_INTERLEAVE_SECONDS: Final = 10
_INTERLEAVED_PACKETS: Final = 25
"""Of a film's end that may come behind the begin of what was joined to it."""


class Demuxer:
    """Owns the container.

    Args:
        file: the film; stays open.
        start, end: seconds from the file's start, None for open ends.
        copy_streams: offer the other streams' packets.
        need_decoder: refuse films that can't be decoded.
        opened: the film's container, at its beginning; closed with this. None opens one.

    Attributes:
        opened: the open film.
        copies: whether the other streams are offered.
        container, video: its container and the stream to decode.
        copied: the other streams, in file order.
        span: the wanted part.
        size: bytes in the file, None for pipes.
        read_error: why reading ended early, "" where it didn't.
        has_unknown: streams began that weren't known when the film was opened.
        jumps: breaks of the time line that were joined.
        strays: single stamps that were put back.

    Raises:
        InputError: the file can't be opened or holds no film.
    """

    def __init__(
        self,
        file: InputFile,
        *,
        start: Fraction | None = None,
        end: Fraction | None = None,
        copy_streams: bool = True,
        need_decoder: bool = True,
        opened: OpenContainer | None = None,
    ) -> None:
        self._file = file
        self.copies = copy_streams
        self._need_decoder = need_decoder
        self._open_error = self.read_error = ""
        self.has_unknown = False
        self._reached = Fraction(0)
        self._strays = StrayStamps()
        self.video_done = False
        self.size = file.size
        self._open(opened)
        try:
            self.span = self._make_span(start, end)
        except BaseException:
            self.close()
            raise

    def _open(self, opened: OpenContainer | None = None) -> None:
        self._watched = 0
        self._others_begin: dict[int, tuple[int, Fraction]] = {}
        self.opened = opened or open_container(self._file)
        self.container, self._view = self.opened.container, self.opened.view
        try:
            self.video = choose_video(
                self.container, self._file.label, need_decoder=self._need_decoder
            )
            others = [each for each in self.container.streams if each is not self.video]
            self.copied: list[Stream] = others if self.copies else []
            if not self.copies:
                for each in others:
                    # a second film is watched for where it begins
                    if each.type != "video" or is_cover(each) or not self._may_be_joined:
                        each.discard = Discard.all
        except BaseException:
            self.close()
            raise
        flags = self.container.format.flags
        self._joiner = self._new_joiner() if flags & TS_DISCONT else None

    def close(self) -> None:
        """Close the container; safe to call twice."""
        self.opened.close()

    @property
    def origin(self) -> Fraction:
        """The file's start time in seconds."""
        return self.opened.start_s

    @property
    def jumps(self) -> int:
        """Breaks of the time line that were joined."""
        return self._joiner.found if self._joiner else 0

    @property
    def gaps(self) -> list[float]:
        """Seconds of each long gap in all streams, which stays one."""
        return self._joiner.gaps if self._joiner else []

    def _new_joiner(self) -> Discontinuities:
        return Discontinuities(received=self.container.format.name != "mpeg")

    @property
    def strays(self) -> int:
        """Single stamps, far from their neighbours', that were put back."""
        return self._strays.mended

    @property
    def can_seek(self) -> bool:
        """Whether seeking is worth a try."""
        return self._file.is_seekable and not self.container.format.flags & NO_TIMESTAMPS

    @property
    def can_rewind(self) -> bool:
        """Whether the file can be read again; a pipe can't."""
        return self._file.is_seekable

    @property
    def failure(self) -> str:
        """The system's reason why the file couldn't be read, "" if it could."""
        return self._view.failure or self._open_error

    def seek(self, seconds: Fraction) -> bool:
        """Go to a key frame at or before a time; False leaves the file at its beginning."""
        if self._joiner is not None:
            self._joiner = self._new_joiner()
        base = self.video.time_base or Fraction(1, 1000)
        try:
            self.container.seek(int(seconds // base), stream=self.video)
        except (FFmpegError, OSError) as error:
            logger.debug("can't seek: %s", error)
            self.rewind()
            return False
        return True

    def rewind(self) -> None:
        """Open the file again, at its beginning."""
        self.close()
        self._open()

    def packets(self) -> Iterator[Packet[Any]]:
        """Yield non-empty packets of the video stream and, admitted, of the copied ones.

        Stops at the file's end; with an end of the span, once ``video_done`` is set and the
        sound is complete.
        """
        wanted = {each.index for each in self.copied}
        unfinished = {each.index for each in self.copied if each.type == "audio"}
        has_sound = bool(unfinished)
        self._strays, hidden = StrayStamps(), HiddenPackets()
        for packet in self._strays.mend(self._raw_packets()):
            if self._joiner is not None:
                self._joiner.join(packet)
            if packet.stream_index == self.video.index:
                if not self.video_done:
                    yield packet
                elif self._far_behind_end(packet):
                    return
            elif packet.stream_index in wanted:
                if hidden.drops(packet):
                    continue
                if self._behind_end(packet):
                    unfinished.discard(packet.stream_index)
                elif self.span.admit(packet):
                    yield packet
            # Without sound to go by, sparse streams get their 10 s of interleaving.
            if self.video_done and not unfinished and (has_sound or not wanted):
                return

    def _raw_packets(self) -> Iterator[Packet[Any]]:
        """Demux; a read error is tolerated a few times in a row, then it is the end."""
        errors = 0
        # of what was read to open it, the end can do without; where no frame comes, that is why
        self._open_error, self._view.failure = self._view.failure, ""
        while True:
            try:
                for packet in self.container.demux():
                    if not packet.size and packet.pts is None and packet.dts is None:
                        continue  # PyAV's own, at the end of each stream
                    errors = 0
                    self._note_end(packet)
                    self._note_films(packet)
                    yield packet
                self._end_reading()
                return
            except IndexError:  # PyAV, at the file's end: there are more streams than at its start
                self.has_unknown = True
                self._end_reading()
                return
            except (FFmpegError, OSError) as error:
                self._view.raise_if_stopped()
                errors += 1
                if errors > _MAX_READ_ERRORS:
                    self.read_error = self._view.failure or reason(error)
                    return

    def _end_reading(self) -> None:
        self._view.raise_if_stopped()
        self.read_error = self._view.failure

    def _note_end(self, packet: Packet[Any]) -> None:
        stamp = stamp_of(packet)
        if stamp is not None:
            self._reached = max(self._reached, (stamp + (packet.duration or 0)) * packet.time_base)

    def cut_off(self) -> str:
        """After the last packet: a warning if the file ends earlier than its header says, or ""."""
        container = self.container
        promised = container_length(self.opened)
        whole = self.span.end is None and (self.copies or len(container.streams) == 1)
        if not whole or _SAYS_DURATION.isdisjoint(container.format.name.split(",")):
            return ""
        reached = self._reached - self.origin
        missing = promised - reached
        if missing <= _MISSING_S or missing <= _MISSING_SHARE * promised:
            return ""
        length, end = float(promised), float(reached)
        return f"the file says that it lasts {length:.1f} s, and ends at {end:.1f} s"

    @property
    def _may_be_joined(self) -> bool:
        """Whether a file may be two that were put behind each other, with streams of their own."""
        return self.container.format.name in ("mpegts", "mpeg")

    def _note_films(self, packet: Packet[Any]) -> None:
        """Count the film's packets, and note at which of them another film begins, and when."""
        if packet.stream_index == self.video.index:
            self._watched += 1
        elif packet.stream.type == "video" and packet.stream_index not in self._others_begin:
            time = stamp_of(packet)
            if self._may_be_joined and time is not None and not is_cover(packet.stream):
                begin = time * packet.time_base - self.origin
                self._others_begin[packet.stream_index] = self._watched, begin

    def second_film(self) -> str:
        """After the last packet: a warning if another film begins where this one ends, or ""."""
        for count, begin in self._others_begin.values():
            if count > max(self._watched // 2, self._watched - _INTERLEAVED_PACKETS):
                fate = "is copied as it is" if self.copies else "is left out"
                return (
                    f"behind the picture's end, at {float(begin):.1f} s, a second picture begins in"
                    f" another stream, and {fate}; cut the file there to colour both parts"
                )
        return ""

    def _behind_end(self, packet: Packet[Any]) -> bool:
        stamp = stamp_of(packet)
        return stamp is not None and self.span.after(stamp * packet.time_base)

    def _far_behind_end(self, packet: Packet[Any]) -> bool:
        stamp = decoding_stamp(packet)
        if stamp is None:
            return True
        return self.span.after(stamp * packet.time_base - _INTERLEAVE_SECONDS)

    def _make_span(self, start: Fraction | None, end: Fraction | None) -> Span:
        streams = [self.video, *self.copied]
        return Span(
            origin=self.origin,
            start=start,
            end=end,
            time_bases=[each.time_base for each in streams if each.time_base],
        )


def choose_video(
    container: InputContainer, label: str, *, need_decoder: bool = True
) -> VideoStream:
    """Return the stream that players would show: libav's choice, never cover art.

    Raises:
        InputError: there is none, none has a decoder, or its picture is too large.
    """
    films = [each for each in container.streams.video if not is_cover(each)]
    if not films:
        has_sound = any(each.type == "audio" for each in container.streams)
        raise InputError(f"{label}: has no film" + (", only sound" if has_sound else ""))
    decodable = [each for each in films if each.codec_context is not None]
    if not decodable and not need_decoder:
        return films[0]
    if not decodable:
        raise InputError(
            f"{label}: no decoder for its video codec; try ",
            Option("decoder", "ffmpeg"),
            " with a newer system ffmpeg",
        )
    best = cast("VideoStream | None", container.streams.best("video"))
    video = best if best in decodable else decodable[0]
    assert video is not None
    check_film_size(label, video.codec_context.width, video.codec_context.height)
    return video
