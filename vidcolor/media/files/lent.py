"""Files of another machine, lent to this one: read in place, block by block.

A worker whose machine doesn't see a film reads it so. What is read is what would be read of the
film itself, so its frames are the same, and only the parts that are needed travel.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final, Protocol

from vidcolor.errors import InputError
from vidcolor.media.files.identity import FileIdentity
from vidcolor.media.files.remote import RemoteFile, url_of

_SCHEME: Final = "vidcolor-lent://"
_BLOCK_BYTES: Final = 1 << 20
_KEPT_BLOCKS: Final = 16


class Lender(Protocol):
    """Gives parts of files; any failure is an ``OSError``."""

    def identity(self, path: str) -> FileIdentity:
        """Of a file."""
        ...

    def read(self, path: str, start: int, size: int) -> bytes:
        """So many bytes of a file from a place on; fewer only at its end."""
        ...


_lender: list[Lender] = []
"""The one that this process has, or none."""


def lend(lender: Lender) -> None:
    """From now on, files with names of ``lent_name`` are read through this lender."""
    _lender[:] = [lender]


def lent_name(path: str) -> str:
    """The name by which a process that has a lender opens a file of the lender's machine.

    Args:
        path: absolute.
    """
    return _SCHEME + Path(path).as_posix()


def open_remote(path: str | Path) -> RemoteFile:
    """Open a file in object storage, or a lent one.

    Raises:
        InputError, DependencyError: see ``RemoteFile``.
    """
    url = url_of(path)
    return LentFile(url) if url.startswith(_SCHEME) else RemoteFile(url)


class LentFile(RemoteFile):
    """A lent file that is open for reading."""

    def __init__(self, url: str) -> None:
        """Open it.

        Raises:
            InputError: nothing is lent here, or the file can't be read there.
        """
        io.RawIOBase.__init__(self)
        name = url.removeprefix(_SCHEME)
        if not _lender:
            raise InputError(f"{url}: no other machine lends its files here")
        try:
            self.identity = _lender[0].identity(name)
        except OSError as error:
            raise InputError(f"{name}: can't be read: {error}") from error
        self.size = self.identity.size
        self._file: Any = _Blocks(_lender[0], name, self.size)


class _Blocks:
    """Reads by whole blocks, the last of which are kept; threads may take turns."""

    def __init__(self, lender: Lender, name: str, size: int) -> None:
        self._lender, self._name, self._size = lender, name, size
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._position = 0

    def read(self, size: int) -> bytes:
        """Up to so many bytes: at most to the end of a block."""
        with self._lock:
            number, offset = divmod(self._position, _BLOCK_BYTES)
            if self._position >= self._size:
                return b""
            data = self._block(number)[offset : offset + size]
            self._position += len(data)
            return data

    def seek(self, offset: int, whence: int) -> int:
        """Move and return the new position."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}
        self._position = max(0, base[whence] + offset)
        return self._position

    def tell(self) -> int:
        """The position."""
        return self._position

    def close(self) -> None:
        """Forget what was read."""
        self._kept.clear()

    def _block(self, number: int) -> bytes:
        if number not in self._kept:
            start = number * _BLOCK_BYTES
            self._kept[number] = self._lender.read(self._name, start, _BLOCK_BYTES)
            if len(self._kept) > _KEPT_BLOCKS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(number)
        return self._kept[number]
