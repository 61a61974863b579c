"""What a reading of a film has shown of its packets and frames, so that others can begin later.

Every packet and every frame of a reading from the beginning is noted, with a checksum of the
picture. A later reading that begins at a key frame compares what it decodes with it.
"""

from __future__ import annotations

import io
import zlib
from array import array
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
from av.packet import Packet
from av.stream import Stream

from vidcolor.types import LumaFrame, Plane

NO_STAMP: Final = -(1 << 63)
"""Stands for a missing stamp, as in libav."""

PRE_ROLL: Final = 8
"""Frames before the first wanted one that must be as they were in the reading from the beginning.

A decoder that begins at a frame which is only called a key frame, or within a picture that is
refreshed stripe by stripe, shows wrong pictures for a while; eight right ones in a row end that."""

_CHECKED_ROWS: Final = 8
"""Each eighth row is summed: decoding errors come in blocks of at least that height."""

_INTERLACED, _TOP_FIRST = 1, 2

Stamps = npt.NDArray[np.int64]


def checksum(luma: Plane) -> int:
    """CRC-32 of each eighth row."""
    return zlib.crc32(np.ascontiguousarray(luma[::_CHECKED_ROWS]).data)


class FrameIndex:
    """Packets and frames of one film in one reading.

    Attributes:
        is_complete: the reading went to the end.
        is_from_start: the first packet is the file's first one.
        is_even: the container's stamps were taken as they are: no jump was joined, no stray stamp
            put back. Only then can packets be recognised by their stamps after a seek.
    """

    def __init__(self) -> None:
        self.is_complete = False
        self.is_from_start = True
        self.is_even = True
        self._packets = tuple(array("q") for _ in range(3))  # pts, dts, size
        self._is_key = array("b")
        self._frames = tuple(array("q") for _ in range(3))  # decoder's pts, final pts, duration
        self._sums = array("Q")
        self._flags = array("b")

    def __len__(self) -> int:
        """Frames noted so far."""
        return len(self._flags)

    @property
    def packets(self) -> int:
        """Packets noted so far."""
        return len(self._is_key)

    # -- while reading ------------------------------------------------------------------------

    def clear(self) -> None:
        """Forget all: the reading begins again."""
        self.__init__()  # type: ignore[misc]

    def add_packet(self, packet: Packet[Stream]) -> None:
        """Note a packet of the film, in file order."""
        values = (packet.pts, packet.dts, packet.size)
        for column, value in zip(self._packets, values, strict=True):
            column.append(NO_STAMP if value is None else value)
        self._is_key.append(packet.is_keyframe)

    def add_frame(self, raw_pts: int | None, frame: LumaFrame) -> None:
        """Note a frame, in presentation order, with its final stamps.

        Args:
            raw_pts: the decoder's stamp.
            frame: before it is deinterlaced.
        """
        raw = NO_STAMP if raw_pts is None else raw_pts
        for column, value in zip(self._frames, (raw, frame.pts, frame.duration), strict=True):
            column.append(value)
        self._sums.append(checksum(frame.luma))
        self._flags.append(_INTERLACED * frame.interlaced + _TOP_FIRST * frame.top_field_first)

    # -- for other readings -------------------------------------------------------------------

    def raw_pts(self, number: int) -> int:
        """The decoder's stamp of a frame, ``NO_STAMP`` where it had none."""
        return self._frames[0][number]

    def pts(self, number: int) -> int:
        """A frame's final stamp."""
        return self._frames[1][number]

    def find(self, raw_pts: int | None, *, after: int) -> int | None:
        """The first frame behind number ``after`` that has this stamp of the decoder."""
        if raw_pts is None:
            return None
        try:
            return self._frames[0].index(raw_pts, after + 1)
        except ValueError:
            return None

    def matches(self, number: int, frame: LumaFrame) -> bool:
        """Whether a frame's picture is the one that was noted."""
        return self._sums[number] == checksum(frame.luma)

    def restore(self, number: int, frame: LumaFrame) -> LumaFrame:
        """Give a frame the stamps and flags that were noted."""
        frame.pts, frame.duration = self._frames[1][number], self._frames[2][number]
        frame.interlaced = bool(self._flags[number] & _INTERLACED)
        frame.top_field_first = bool(self._flags[number] & _TOP_FIRST)
        return frame

    def number_at(self, pts: int) -> int:
        """The last frame that begins at or before a stamp, -1 for none."""
        stamps = np.array(self._frames[1], np.int64)
        return int(np.searchsorted(stamps, pts, "right")) - 1

    def starts(self, number: int) -> Iterator[int]:
        """Packets at which decoding may begin for a frame, the nearest first, at most three.

        Yields:
            Numbers of packets with key frames whose own frames are at least ``PRE_ROLL`` frames
            earlier: the nearest, one at least four times and one 16 times as far. None where
            less than that is before the frame: decoding from the beginning costs no more.
        """
        keys = np.flatnonzero(np.array(self._is_key, np.int8))
        stamps = np.array(self._packets[0], np.int64)[keys]
        raw = np.array(self._frames[0][: number + 1], np.int64)
        distance = PRE_ROLL
        for _ in range(3):
            if number < distance or not len(keys):
                return
            # keys whose stamp is that of a frame far enough before
            early = np.isin(stamps, raw[: number - distance + 1]) & (stamps != NO_STAMP)
            if not early.any():
                return
            chosen = int(np.flatnonzero(early)[-1])
            if keys[chosen] == 0:
                return
            yield int(keys[chosen])
            own = int(np.flatnonzero(raw == stamps[chosen])[0])
            distance = 4 * (number - own)

    def packet(self, ordinal: int) -> tuple[int, int, int]:
        """A packet's pts, dts (``NO_STAMP`` where it has none) and size."""
        pts, dts, size = (column[ordinal] for column in self._packets)
        return pts, dts, size

    def is_unique(self, ordinal: int) -> bool:
        """Whether no other packet has the same stamps and size."""
        same = np.ones(self.packets, bool)
        for column in self._packets:
            values = np.array(column, np.int64)
            same &= values == values[ordinal]
        return int(same.sum()) == 1

    def table(self) -> tuple[Stamps, Stamps, npt.NDArray[np.bool_]]:
        """Copies of all packets' pts, dts and key flags, in file order."""
        pts, dts = (np.array(column, np.int64) for column in self._packets[:2])
        return pts, dts, np.array(self._is_key, bool)

    # -- on disk ------------------------------------------------------------------------------

    def to_bytes(self) -> bytes:
        """What ``from_bytes`` reads again; about 13 bytes per frame."""
        target = io.BytesIO()
        np.savez_compressed(
            target,
            packets=np.array(self._packets, np.int64),
            keys=np.array(self._is_key, np.int8),
            frames=np.array(self._frames, np.int64),
            sums=np.array(self._sums, np.uint64),
            flags=np.array(self._flags, np.int8),
            state=np.array([self.is_complete, self.is_from_start, self.is_even]),
        )
        return target.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> FrameIndex:
        """An index that was kept.

        Raises:
            ValueError: it is damaged.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as found:
                index = cls()
                index._packets = tuple(array("q", row.tolist()) for row in found["packets"])
                index._is_key = array("b", found["keys"].tolist())
                index._frames = tuple(array("q", row.tolist()) for row in found["frames"])
                index._sums = array("Q", found["sums"].tolist())
                index._flags = array("b", found["flags"].tolist())
                state = found["state"].tolist()
        except Exception as error:  # whatever zipfile and numpy make of damaged bytes
            raise ValueError(f"not a frame index: {error}") from error
        columns = (*index._packets, index._is_key), (*index._frames, index._sums, index._flags)
        if any(len({len(column) for column in group}) != 1 for group in columns):
            raise ValueError("not a frame index: its columns differ in length")
        index.is_complete, index.is_from_start, index.is_even = map(bool, state)
        return index
