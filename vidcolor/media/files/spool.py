"""A queue of packets that keeps little in memory: what is more waits in a temporary file."""

from __future__ import annotations

import struct
import tempfile
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, Final

from av.packet import Packet
from av.stream import Stream

MEMORY_BYTES: Final = 4 << 20
"""Payloads that stay in memory."""

_PACKET_BYTES: Final = 256
"""What a packet costs in memory beside its payload."""

_HEADER: Final = struct.Struct("<Iqqqqq?I")
_NO_STAMP: Final = -(1 << 63)


class PacketSpool:
    """Packets in the order in which they were added.

    Packets with side data or rare flags stay in memory, since PyAV can't make such packets again:
    there are few of them (where sound begins and ends), and they are small.

    Attributes:
        first: the first packet of each stream, by index.
        memory_bytes: what is kept in memory, ``first`` not counted.
    """

    def __init__(self, folder: Path | None = None, *, limit: int = MEMORY_BYTES) -> None:
        """Begin empty.

        Args:
            folder: where the temporary file is made, once it is needed; None: the system's place.
                It has no name, so that nothing is left whatever happens.
            limit: bytes that stay in memory.
        """
        self.first: dict[int, Packet[Stream]] = {}
        self.memory_bytes = 0
        self._folder, self._limit = folder, limit
        self._memory: deque[Packet[Stream]] = deque()
        self._kept: dict[int, Packet[Stream]] = {}
        self._streams: dict[int, Stream] = {}
        self._file: IO[bytes] | None = None
        self._spilled = 0

    def add(self, packet: Packet[Stream]) -> None:
        """Append a packet.

        Raises:
            OSError: the disk is full.
        """
        self.first.setdefault(packet.stream_index, packet)
        cost = packet.size + _PACKET_BYTES
        if self._file is None and self.memory_bytes + cost <= self._limit:
            self._memory.append(packet)
            self.memory_bytes += cost
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed by close
        if _is_plain(packet):
            self._streams[packet.stream_index] = packet.stream
            self._file.write(_pack(packet))
            self._file.write(bytes(packet))
        else:
            self._kept[self._spilled] = packet
            self.memory_bytes += cost
        self._spilled += 1

    def take(self) -> Iterator[Packet[Stream]]:
        """Remove and yield all packets.

        Raises:
            OSError: the file can't be read.
        """
        while self._memory:
            yield self._memory.popleft()
        if self._file is not None:
            self._file.seek(0)
            for number in range(self._spilled):
                packet = self._kept.pop(number, None)
                yield self._read(self._file) if packet is None else packet
        self.close()

    def close(self) -> None:
        """Free everything."""
        self._memory.clear()
        self._kept.clear()
        self.first.clear()
        self.memory_bytes = self._spilled = 0
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read(self, file: IO[bytes]) -> Packet[Stream]:
        index, *stamps, numerator, denominator, is_key, size = _HEADER.unpack(
            file.read(_HEADER.size)
        )
        packet: Packet[Any] = Packet(file.read(size))
        packet.pts, packet.dts, packet.duration = (
            None if stamp == _NO_STAMP else stamp for stamp in stamps
        )
        packet.stream = self._streams[index]
        packet.time_base = Fraction(numerator, denominator)
        packet.is_keyframe = is_key
        return packet


def _is_plain(packet: Packet[Stream]) -> bool:
    """Whether payload, stamps and the key flag are all there is."""
    rare = packet.is_corrupt or packet.is_discard or packet.is_trusted or packet.is_disposable
    return not rare and bool(packet.time_base) and next(packet.iter_sidedata(), None) is None


def _pack(packet: Packet[Stream]) -> bytes:
    stamps = (packet.pts, packet.dts, packet.duration or 0)
    unit = Fraction(packet.time_base)
    return _HEADER.pack(
        packet.stream_index,
        *(_NO_STAMP if stamp is None else stamp for stamp in stamps),
        unit.numerator,
        unit.denominator,
        packet.is_keyframe,
        packet.size,
    )
