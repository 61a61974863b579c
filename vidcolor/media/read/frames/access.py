"""Frames of a film from any number on, and at any time, as a reading from the beginning gives them.

Decoding begins at a key frame before the wanted one. Containers' key flags and places to seek to
can't be trusted, so what is decoded is compared: with the ``FrameIndex`` of an earlier reading (the
stamps and pictures of all frames), or, where there is none, with the stamps of all packets up to
there. Where that fails the caller decodes from the beginning.

Cost, where no check fails: with an index, one seek and one to two groups of pictures to decode;
without, also one pass over the file up to the wanted time, which reads packets and decodes nothing.
Where a seek doesn't land at the wanted packet, packets are read from the beginning up to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain, islice
from typing import Any, Final, TypeAlias

import av
import numpy as np
from av.packet import Packet

from vidcolor.media.read.frames.decoder import Decoder
from vidcolor.media.read.frames.index import NO_STAMP, PRE_ROLL, FrameIndex
from vidcolor.media.read.frames.stage import FrameStage
from vidcolor.media.read.packets.demux import Demuxer
from vidcolor.types import LumaFrame

_Packets: TypeAlias = "Iterator[Packet[Any]]"

_BACK_S: Final = (0, 1, 5)
"""Seconds before a packet that are sought; some containers land behind what was asked for."""
_MAX_LANDING_PACKETS: Final = 5000
"""Packets that are read after a seek to find the wanted one."""
FIELD_LEAD: Final = 3
"""Frames that the deinterlacer sees before the first wanted one; it looks one back."""
_SCAN_MARGIN_S: Final = 1


_HIDES_FRAMES: Final = frozenset({"vp8", "vp9", "av1"})
"""Codecs with packets that show no picture of their own."""


class _Unsafe(Exception):  # noqa: N818 - no error: it ends a way that isn't sure
    """What is decoded isn't what was expected."""


class FrameAccess:
    """Reads single frames and later parts of an open film.

    Args:
        demuxer: of the film, without copied streams.
        stage: it has seen the film's first frame.
        index: what earlier readings with the same settings have shown; may grow.
        decoder: makes a decoder at the container's place.
    """

    def __init__(
        self,
        demuxer: Demuxer,
        stage: FrameStage,
        index: FrameIndex,
        decoder: Callable[[], Decoder],
    ) -> None:
        self._demuxer, self._stage, self.index = demuxer, stage, index
        self._new_decoder = decoder
        self._decoder: Decoder | None = None
        self._scanned = FrameIndex()
        self._scanned_to = Fraction(0)

    # -- with an index of frames --------------------------------------------------------------

    def frames_from(self, first: int) -> Iterator[LumaFrame]:
        """Yield frames from a number on; ends early where a check fails, with the index at last."""
        lead = FIELD_LEAD if self._stage.deinterlaces else 0
        begin = max(0, first - lead)
        if first >= len(self.index):
            return
        for ordinal in self.index.starts(begin):
            found = self._verified(self._decoded(ordinal, self.index), begin)
            head = next(found, None)
            if head is not None:
                stage = self._stage.fork()
                frames = (out for frame in chain([head], found) for out in stage.finish([frame]))
                yield from islice(frames, first - begin, None)
                if self.index.is_complete and stage.finished == len(self.index) - begin:
                    yield from stage.finish_all()
                return

    def _verified(self, frames: Iterator[av.VideoFrame], begin: int) -> Iterator[LumaFrame]:
        """Yield the frames from number ``begin`` on, as long as all are as they were noted."""
        index = self.index
        at, matched = -1, 0
        for frame in frames:
            number = self._number(frame, at)
            if number is None:
                matched = 0
                continue
            if number != at + 1:
                matched = 0
            if number > begin and (number != at + 1 or at < begin):
                return
            at = number
            luma = self._stage.convert(frame)
            if not index.matches(number, luma):
                matched = 0
                if number >= begin:
                    return
                continue
            matched += 1
            if number >= begin:
                if number == begin and matched <= PRE_ROLL:
                    return
                yield index.restore(number, luma)
            if number + 1 == len(index):
                return

    def _number(self, frame: av.VideoFrame, at: int) -> int | None:
        """The number of a decoded frame; ``at`` is that of the one before it."""
        raw = NO_STAMP if frame.pts is None else frame.pts
        if 0 <= at < len(self.index) - 1 and self.index.raw_pts(at + 1) == raw:
            return at + 1
        return self.index.find(frame.pts, after=at)

    # -- without ------------------------------------------------------------------------------

    def frame_at(self, seconds: Fraction) -> tuple[LumaFrame, bool] | None:
        """The last frame that begins at or before a time, or the first; None if a check fails.

        Args:
            seconds: in the file's own time, as its stamps are.

        Returns:
            The frame, and whether it is the film's last.
        """
        self._scan(seconds)
        pts, _, is_key = self._scanned.table()
        if not len(pts) or not is_key[0] or (pts == NO_STAMP).any():
            return None
        order = np.sort(pts)
        if (np.diff(order) <= 0).any():
            return None
        time_base = self._stage.info.time_base
        wanted = max(0, int(np.searchsorted(order, math.floor(seconds / time_base), "right")) - 1)
        rank = np.searchsorted(order, pts)
        early = np.flatnonzero(is_key & (rank <= wanted - PRE_ROLL))
        start = int(early[-2]) if len(early) > 1 else 0
        return self._decode_to(start, order, wanted)

    def _decode_to(
        self,
        start: int,
        order: Any,  # noqa: ANN401 - an array
        wanted: int,
    ) -> tuple[LumaFrame, bool] | None:
        """Decode from a packet to the frame whose stamp is ``order[wanted]``, or the one before it.

        The one before it only where that packet shows nothing by itself, as VP9's may.
        """
        stage = self._stage.fork()
        best: LumaFrame | None = None
        frames = self._checked(start, order)
        try:
            for ready in chain((r for f in frames for r in stage.push(f)), _late(stage.flush)):
                if best is not None and ready.pts > order[wanted]:
                    break
                best = ready
        except _Unsafe:
            return None
        hides = self._stage.info.codec in _HIDES_FRAMES
        if best is None or not (hides or best.pts == order[wanted]):
            return None
        return (best, wanted == len(order) - 1) if stage.took_stamps_as_they_are else None

    def _checked(self, start: int, order: Any) -> Iterator[av.VideoFrame]:  # noqa: ANN401
        """Yield frames decoded from a packet on.

        Raises:
            _Unsafe: they aren't those that the packets' stamps let expect.
        """
        hides = self._stage.info.codec in _HIDES_FRAMES
        at: int | None = None
        for frame in self._decoded(start, self._scanned):
            number = -1 if frame.pts is None else int(np.searchsorted(order, frame.pts))
            known = 0 <= number < len(order) and order[number] == frame.pts
            begins = at is None and frame.key_frame
            follows = at is not None and (number == at + 1 or (hides and number > at))
            if not known or not (begins or follows) or frame.is_corrupt or self._damaged:
                raise _Unsafe
            at = number
            yield frame
        if self._damaged:
            raise _Unsafe

    @property
    def _damaged(self) -> int:
        return 0 if self._decoder is None else self._decoder.damaged

    def _scan(self, seconds: Fraction) -> None:
        """Note all packets up to a time; twice as far as the last time at least."""
        if self._scanned.is_complete or self._scanned_to > seconds:
            return
        origin = self._demuxer.origin
        until = max(seconds, origin + 2 * (self._scanned_to - origin)) + _SCAN_MARGIN_S
        self._demuxer.rewind()
        self._scanned.clear()
        for packet in self._film_packets():
            self._scanned.add_packet(packet)
            self._stage.note_length(packet.duration or 0)
            if packet.dts is not None and packet.dts * packet.time_base > until:
                self._scanned_to = until - _SCAN_MARGIN_S
                break
        else:
            self._scanned.is_complete = True
        self._scanned.is_even = not (self._demuxer.jumps or self._demuxer.strays)

    # -- both ---------------------------------------------------------------------------------

    def _decoded(self, ordinal: int, index: FrameIndex) -> Iterator[av.VideoFrame]:
        """Decode from a packet on, to the end."""
        packets = self._packets_from(ordinal, index)
        self._decoder = decoder = self._new_decoder()
        for packet in packets:
            yield from decoder.feed(packet)
        yield from decoder.flush()

    def _packets_from(self, ordinal: int, index: FrameIndex) -> _Packets:
        """The film's packets from one on: by a seek, else by reading up to it."""
        pts, dts, size = index.packet(ordinal)
        stamp = dts if dts != NO_STAMP else pts
        if ordinal and self._demuxer.can_seek and index.is_even and index.is_unique(ordinal):
            for back in _BACK_S:
                if stamp == NO_STAMP or not self._demuxer.seek(
                    stamp * self._stage.info.time_base - back
                ):
                    break
                packets = self._film_packets()
                for packet in islice(packets, _MAX_LANDING_PACKETS):
                    values = (packet.pts, packet.dts, packet.size)
                    if tuple(NO_STAMP if v is None else v for v in values) == (pts, dts, size):
                        return chain([packet], packets)
                    if packet.dts is not None and packet.dts > stamp:
                        break
        if not index.is_from_start:
            return iter(())  # where its packets begin isn't known
        self._demuxer.rewind()
        return islice(self._film_packets(), ordinal, None)

    def _film_packets(self) -> _Packets:
        video = self._demuxer.video.index
        return (each for each in self._demuxer.packets() if each.stream_index == video)


def _late(last: Callable[[], list[LumaFrame]]) -> Iterator[LumaFrame]:
    """What a function returns once all before it is taken."""
    yield from last()
