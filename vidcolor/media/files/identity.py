"""Identity of files: size, modification time, and a hash over some blocks.

Reading all of a 200 GB film takes half an hour. Its first, last and some other bytes differ from
those of any other film, unless one was made to deceive.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

BLOCKS: Final = 16
"""Blocks that are read: the first, the last, and those between at equal distances."""

BLOCK_BYTES: Final = 1 << 16


class SupportsSeek(Protocol):
    """A binary file that is read in places."""

    def seek(self, offset: int, /) -> int:
        """Go to a place."""
        ...

    def read(self, size: int, /) -> bytes:
        """Read so many bytes; fewer only at the end."""
        ...


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """Differs between files with different content.

    Attributes:
        size: bytes.
        mtime_ns: modification time, nanoseconds since 1970 (UTC).
        sampled_sha256: SHA-256 of the size, as eight big-endian bytes, and of ``BLOCKS`` blocks of
            ``BLOCK_BYTES``; of the whole file where it is no longer than these together.
    """

    size: int
    mtime_ns: int
    sampled_sha256: str


def file_identity(path: str | Path) -> FileIdentity | None:
    """The identity of a regular file; None for whatever else ("-", pipes, patterns, nothing).

    Raises:
        OSError: it is there but can't be read.
    """
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    with open(path, "rb") as file:
        return open_identity(file, status)


def open_identity(file: SupportsSeek, status: os.stat_result) -> FileIdentity:
    """The identity of an open file.

    Args:
        file: what is read; its position moves.
        status: of the file, as the system gives it.

    Raises:
        OSError: it can't be read.
    """
    size = status.st_size
    digest = hashlib.sha256(size.to_bytes(8, "big"))
    if size <= BLOCKS * BLOCK_BYTES:
        places, length = [0], BLOCKS * BLOCK_BYTES
    else:
        places = [block * (size - BLOCK_BYTES) // (BLOCKS - 1) for block in range(BLOCKS)]
        length = BLOCK_BYTES
    for place in places:
        file.seek(place)
        digest.update(file.read(length))
    return FileIdentity(size, status.st_mtime_ns, digest.hexdigest())


def files_identity(paths: Iterable[Path]) -> FileIdentity | None:
    """The identity of numbered files together, by their names, sizes and times; None for no file.

    Their content isn't read: a film of scans may be terabytes.

    Returns:
        The sum of their sizes, the latest modification, and a hash over all three of each.

    Raises:
        OSError: one has vanished.
    """
    digest, size, latest = hashlib.sha256(), 0, 0
    for path in paths:
        status = path.stat()
        size, latest = size + status.st_size, max(latest, status.st_mtime_ns)
        digest.update(
            f"{path.name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode(
                "utf-8", "surrogateescape"
            )
        )
    return FileIdentity(size, latest, digest.hexdigest()) if size else None
