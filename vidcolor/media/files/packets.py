"""The encoded packets of one span of a film in a file, in the order in which the encoder gave them.

libav's containers keep neither the order nor which frame a packet came with, and a muxer arranges
the output by both. The format: for every call of the encoder, the number of packets; for each of
them a fixed header and the data. Numbers are little-endian.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

from av.packet import Packet
from av.stream import Stream

_COUNT = struct.Struct("<I")
_HEADER = struct.Struct("<qqqBI")
_LIST = ".list"
_NONE = -(1 << 63)
"""Stands for a missing stamp, as in libav."""


@dataclass(frozen=True, slots=True)
class EncodedPacket:
    """An encoded frame, with all that a muxer needs.

    Attributes:
        pts: in the encoder's time base.
        dts: likewise; None where the encoder gave none.
        duration: likewise.
        is_keyframe: decoding can begin here.
        data: the payload; that of an encoder's packet is shared with it, not copied.
    """

    pts: int | None
    dts: int | None
    duration: int
    is_keyframe: bool
    data: bytes | memoryview

    @classmethod
    def of(cls, packet: Packet[Stream]) -> EncodedPacket:
        """Take what counts from an encoder's packet."""
        data = memoryview(packet)
        return cls(packet.pts, packet.dts, packet.duration or 0, packet.is_keyframe, data)

    def packet(self, time_base: Fraction) -> Packet[Stream]:
        """A packet for a muxer, without a stream yet."""
        made: Packet[Stream] = Packet(cast(bytes, self.data))  # any buffer will do
        made.pts, made.dts, made.duration = self.pts, self.dts, self.duration
        made.is_keyframe = self.is_keyframe
        made.time_base = time_base
        return made


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A finished file of a work folder.

    Attributes:
        name: in the folder.
        size: bytes.
        sha256: of the content; "" where only the size is checked.
    """

    name: str
    size: int
    sha256: str = ""

    def is_whole(self, folder: Path) -> bool:
        """Whether the file is there as it was written."""
        path = folder / self.name
        try:
            if path.stat().st_size != self.size:
                return False
            if not self.sha256:
                return True
            with open(path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except OSError:
            return False


class SpanFileWriter:
    """Writes one span's packets."""

    def __init__(self, path: Path) -> None:
        """Begin a file; one that is there is replaced.

        Raises:
            OSError: it can't be written.
        """
        self.path = path
        self._file = open(path, "wb")  # noqa: SIM115 - closed by finish or close
        self._digest = hashlib.sha256()
        self._size = 0

    def add(self, packets: Sequence[EncodedPacket]) -> None:
        """Write what the encoder returned for one frame, or when it was emptied.

        Raises:
            OSError: the disk is full.
        """
        self._put(_COUNT.pack(len(packets)))
        for p in packets:
            stamps = [_NONE if value is None else value for value in (p.pts, p.dts)]
            self._put(_HEADER.pack(*stamps, p.duration, p.is_keyframe, len(p.data)))
            self._put(p.data)

    def finish(self) -> KeptFile:
        """Bring the file to the disk.

        Raises:
            OSError: the disk is full.
        """
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return KeptFile(self.path.name, self._size, self._digest.hexdigest())

    def close(self) -> None:
        """Let go of an unfinished file; never raises, also where the disk is full."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _put(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        self._digest.update(data)
        self._size += len(data)


def write_list(path: Path, files: Sequence[KeptFile]) -> KeptFile:
    """Write a span's many files into a list, so that the plan of a long film stays short.

    Args:
        path: of the list, without suffix.
        files: beside it; their sizes will be checked, not their hashes.

    Raises:
        OSError: the disk is full.
    """
    data = json.dumps([[file.name, file.size] for file in files]).encode()
    target = path.with_name(path.name + _LIST)
    with open(target, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return KeptFile(target.name, len(data), hashlib.sha256(data).hexdigest())


def is_whole(file: KeptFile, folder: Path) -> bool:
    """Whether a file is there as it was written, and if it is a list, all that it names too."""
    if not file.is_whole(folder):
        return False
    if not file.name.endswith(_LIST):
        return True
    try:
        listed = json.loads((folder / file.name).read_bytes())
        return all(
            os.path.basename(name) == name and KeptFile(name, size).is_whole(folder)
            for name, size in listed
        )
    except (OSError, ValueError, TypeError):
        return False


def listed_in(path: Path) -> tuple[str, ...]:
    """The names in a list that ``write_list`` wrote; none for any other file.

    Raises:
        OSError: it can't be read.
    """
    if not path.name.endswith(_LIST):
        return ()
    return tuple(str(name) for name, _ in json.loads(path.read_bytes()))


def read_calls(path: Path) -> Generator[list[EncodedPacket], None, None]:
    """What each call of the encoder returned, in order; the last call emptied it.

    Args:
        path: a finished file.
    """
    with open(path, "rb") as file:
        while count := file.read(_COUNT.size):
            packets = []
            for _ in range(_COUNT.unpack(count)[0]):
                *stamps, duration, is_keyframe, length = _HEADER.unpack(file.read(_HEADER.size))
                pts, dts = (None if value == _NONE else value for value in stamps)
                data = file.read(length)
                packets.append(EncodedPacket(pts, dts, duration, bool(is_keyframe), data))
            yield packets
