"""Input files and pipes, as libav wants them; names for messages."""

from __future__ import annotations

import io
import os
import stat
import sys
from pathlib import Path
from typing import Final, cast

from vidcolor.errors import InputError, Interrupted
from vidcolor.media.files.pipes import Waiter

_HEAD_BYTES: Final = 4096


def shown(path: str | Path) -> str:
    """Return a path for messages: one line, printable, whatever bytes the name has."""
    text = str(path)
    if text == "-":
        return "standard input"
    return text if text.isprintable() else ascii(text)[1:-1]


def is_pipe(path: str | Path) -> bool:
    """Whether a name is that of a pipe, which can be opened and read only once."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


class InputFile:
    """A file or pipe as PyAV wants it: ``read``, and ``seek``/``tell`` where possible.

    Args:
        path: the file, or "-" for standard input.
        stream: read this open stream instead; ``path`` is for messages then.

    Raises:
        InputError: from the constructor, if the file is missing, empty, unreadable, a folder, or
            a playlist.
        Interrupted: likewise, if a pipe stalls and somebody asks to stop; see ``stalls``.

    Attributes:
        failure: why the last reading failed, "" where none did. Such an error is the file's end for
            libav: what Python raises below it, PyAV may print as a traceback.
    """

    def __init__(self, path: str | Path, stream: io.BufferedIOBase | None = None) -> None:
        self.failure = ""
        self._stopped: BaseException | None = None
        self._label = shown(path)
        self._owned = stream is None and str(path) != "-"
        self._raw = stream or self._open(path)
        self._seekable = bool(self._raw.seekable())
        self._size = self.size
        self._waiter = Waiter(self._raw)
        self._head = b""
        try:
            head = self._peek()
            if not head:
                raise InputError(f"{self._label}: is empty (0 bytes)")
            refuse_playlist(head, self._label)
        except BaseException:
            self.close()
            raise
        suffix = Path(str(path)).suffix
        # The extension helps libav with raw streams, whose content says little.
        self.name = "input" + (suffix if suffix.isascii() and suffix[1:].isalnum() else "")

    def _open(self, path: str | Path) -> io.BufferedIOBase:
        if not self._owned:
            return cast(io.BufferedIOBase, getattr(sys.stdin, "buffer", sys.stdin))
        try:
            if is_pipe(path):
                return _open_pipe(path)
            return Path(path).open("rb")
        except IsADirectoryError:
            raise InputError(f"{self._label}: is a folder, not a file") from None
        except FileNotFoundError:
            raise InputError(f"{self._label}: no such file") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InputError(f"{self._label}: can't be read: {reason}") from None

    def _peek(self) -> bytes:
        head = b""
        try:
            while len(head) < _HEAD_BYTES and (more := self._read(_HEAD_BYTES - len(head))):
                head += more
            if self._seekable:
                self._raw.seek(-len(head), io.SEEK_CUR)
            else:
                self._head = head
        except OSError as error:
            raise InputError(f"{self._label}: can't be read: {error.strerror}") from None
        return head

    def _read(self, size: int) -> bytes:
        self._waiter.wait()
        return self._raw.read1(size)

    @property
    def size(self) -> int | None:
        """Bytes in the file, None for pipes."""
        try:
            return os.fstat(self._raw.fileno()).st_size if self._seekable else None
        except (OSError, io.UnsupportedOperation):
            return None

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes, as soon as there are any; empty at the end or a failure.

        Also where somebody asks to stop: ``raise_if_stopped`` says so, above libav.
        """
        if self._head:
            head, self._head = self._head[:size], self._head[size:]
            return head
        try:
            data = self._read(size)
            if not data and self._size is not None and self._raw.tell() < self._size:
                self.failure = "the file became shorter while it was read"
            return data
        except OSError as error:
            self.failure = reason(error)
        except (Interrupted, KeyboardInterrupt) as error:
            self._stopped = error
        return b""

    def raise_if_stopped(self) -> None:
        """Raise what ended the reading, if that was somebody who asked to stop."""
        if self._stopped is not None:
            raise self._stopped

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move and return the new position."""
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._raw.tell()

    def seekable(self) -> bool:
        """Whether ``seek`` works."""
        return self._seekable

    def close(self) -> None:
        """Close the file, unless it is standard input."""
        if self._owned:
            self._raw.close()


def _open_pipe(path: str | Path) -> io.BufferedIOBase:
    """Open a named pipe without waiting for somebody who writes it: reading waits, and listens."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(descriptor, True)
    return cast(io.BufferedIOBase, os.fdopen(descriptor, "rb"))


def refuse_playlist(head: bytes, label: str) -> None:
    """Raise InputError where the first bytes are those of a playlist or manifest."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    kinds = (
        (text.startswith(b"#EXTM3U"), "an M3U/HLS playlist"),
        (text.startswith(b"ffconcat version"), "a concat list"),
        (text.startswith((b"<?xml", b"<MPD")) and b"<MPD" in head, "a DASH manifest"),
        (text.startswith((b"v=0\r\n", b"v=0\n")), "a stream description (SDP)"),
        (text[:10].lower() == b"[playlist]", "a PLS playlist"),
        (text[:4].lower() == b"<asx", "an ASX playlist"),
    )
    for hit, kind in kinds:
        if hit:
            raise InputError(f"{label}: is {kind}, not a film: give the film's own file")


def reason(error: BaseException) -> str:
    """Return what libav or the system said, without numbers and paths."""
    return (getattr(error, "strerror", None) or str(error)).strip() or type(error).__name__
