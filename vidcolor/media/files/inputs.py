"""Input files and pipes, opened once and read by any number of readers; names for messages."""

from __future__ import annotations

import io
import os
import stat
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

from vidcolor.errors import InputError, Interrupted
from vidcolor.media.files.identity import FileIdentity, open_identity
from vidcolor.media.files.lent import open_remote
from vidcolor.media.files.pipes import Waiter
from vidcolor.media.files.remote import RemoteFile, is_url, name_of

_HEAD_BYTES: Final = 4096


def shown(path: str | Path) -> str:
    """Return a path for messages: one line, printable, whatever bytes the name has."""
    if str(path) == "-":
        return "standard input"
    text = name_of(path)
    return text if text.isprintable() else ascii(text)[1:-1]


def is_pipe(path: str | Path) -> bool:
    """Whether a name is that of a pipe, which can be opened and read only once."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def reason(error: BaseException) -> str:
    """Return libav's or the system's reason, without numbers and paths."""
    return (getattr(error, "strerror", None) or str(error)).strip() or type(error).__name__


class InputFile:
    """An open file or pipe. Readers take a ``view`` each, which has a position of its own.

    Args:
        path: the file, or "-" for standard input.
        stream: read this open stream instead; ``path`` is for messages then.

    Raises:
        InputError: from the constructor, if the file is missing, empty, unreadable, a folder, or
            a playlist.
        Interrupted: likewise, if a pipe stalls and a stop event is set; see ``pipes``.

    Attributes:
        label: the path for messages.
        name: a neutral name with the file's extension: it helps libav with raw streams, whose
            content says little.
        size: bytes in the file, None for pipes.
        is_seekable: whether it can be read more than once.
        head: the first bytes, at most 4096.
    """

    def __init__(self, path: str | Path, stream: io.BufferedIOBase | None = None) -> None:
        self.label = shown(path)
        suffix = Path(str(path)).suffix
        self.name = "input" + (suffix if suffix.isascii() and suffix[1:].isalnum() else "")
        self._owned = stream is None and str(path) != "-"
        self._raw = stream or self._open(path)
        self._lock = threading.Lock()
        self.is_seekable = bool(self._raw.seekable())
        self.size = self._find_size()
        self._is_taken = False
        try:
            self._start = self._raw.tell() if self.is_seekable else 0
            self.head = self._peek()
            if not self.head:
                raise InputError(f"{self.label}: is empty (0 bytes)")
            refuse_playlist(self.head, self.label)
        except BaseException:
            self.close()
            raise

    def view(self) -> InputView:
        """A reader of all of it, from its beginning.

        Raises:
            InputError: it is a pipe that was read before.
        """
        if self._is_taken and not self.is_seekable:
            raise InputError(f"{self.label}: a pipe can be read only once, from its beginning")
        self._is_taken = True
        return InputView(self)

    def read_at(self, position: int, size: int) -> bytes:
        """Return up to ``size`` bytes, as soon as there are any; a pipe goes on where it is.

        Raises:
            OSError: it can't be read.
        """
        if not self.is_seekable:
            return self._raw.read1(size)
        with self._lock:
            if self._raw.tell() != position:
                self._raw.seek(position)
            return self._raw.read1(size)

    def identity(self) -> FileIdentity | None:
        """The file's identity, read through the same handle.

        None for pipes and standard input.

        Raises:
            OSError: it can't be read.
        """
        if not self._owned or not self.is_seekable:
            return None
        if isinstance(self._remote, RemoteFile):
            return self._remote.identity
        status = os.fstat(self._raw.fileno())
        if not stat.S_ISREG(status.st_mode):
            return None
        with self._lock:
            return open_identity(self._raw, status)

    def waiter(self) -> Waiter:
        """Waits until the pipe is ready; listens to the stop events of this context."""
        return Waiter(self._raw)

    @property
    def start(self) -> int:
        """Where reading begins: 0, but for standard input that was redirected and read before."""
        return self._start

    def close(self) -> None:
        """Close the file, unless it is standard input; safe to call twice."""
        if self._owned:
            self._raw.close()

    def _open(self, path: str | Path) -> io.BufferedIOBase:
        if not self._owned:
            return cast(io.BufferedIOBase, getattr(sys.stdin, "buffer", sys.stdin))
        try:
            if is_url(path):
                return io.BufferedReader(open_remote(path))
            if is_pipe(path):
                return _open_pipe(path)
            return Path(path).open("rb")
        except IsADirectoryError:
            raise InputError(f"{self.label}: is a folder, not a file") from None
        except FileNotFoundError:
            raise InputError(f"{self.label}: no such file") from None
        except (OSError, ValueError) as error:
            raise InputError(f"{self.label}: can't be read: {reason(error)}") from None

    @property
    def _remote(self) -> object:
        """The object in storage, where it is one."""
        return getattr(self._raw, "raw", None)

    def _find_size(self) -> int | None:
        if isinstance(self._remote, RemoteFile):
            return self._remote.size
        try:
            return os.fstat(self._raw.fileno()).st_size if self.is_seekable else None
        except (OSError, io.UnsupportedOperation):
            return None

    def _peek(self) -> bytes:
        head, waiter = b"", self.waiter()
        try:
            while len(head) < _HEAD_BYTES:
                waiter.wait()
                more = self.read_at(self._start + len(head), _HEAD_BYTES - len(head))
                if not more:
                    break
                head += more
        except OSError as error:
            raise InputError(f"{self.label}: can't be read: {reason(error)}") from None
        return head


class InputView(io.RawIOBase):
    """A reader of an ``InputFile``, as PyAV wants it; pipes can't ``seek``.

    Attributes:
        name: see ``InputFile``.
        failure: why the last reading failed, "" where none did. Such an error is the file's end for
            libav: what Python raises below it, PyAV may print as a traceback.
    """

    def __init__(self, file: InputFile) -> None:
        super().__init__()
        self.failure = ""
        self.name = file.name
        self._file = file
        self._waiter = file.waiter()
        self._stopped: BaseException | None = None
        self._position = file.start
        self._head = b"" if file.is_seekable else file.head
        self._parts: list[tuple[int, int]] = []

    def show_first(self, parts: Sequence[tuple[int, int]]) -> None:
        """Show some parts of the file, one behind the other, before the rest of it.

        Args:
            parts: first byte and the one behind the last of each; as many bytes from the file's
                beginning on aren't shown in their place. None of them: show all as it is.
        """
        self._parts = list(parts)

    def listen(self) -> None:
        """From now on, stop events of this context end the waiting for a pipe."""
        self._waiter = self._file.waiter()

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, as soon as there are any; empty at the end or a failure.

        Empty also where a stop event is set: ``raise_if_stopped`` says so, above libav.
        """
        if size < 0:
            return b"".join(iter(lambda: self.read(1 << 20), b""))
        if self._head:
            head, self._head = self._head[:size], self._head[size:]
            return head
        try:
            self._waiter.wait()
            data = self._file.read_at(*self._place(size))
        except OSError as error:
            self.failure = reason(error)
            return b""
        except (Interrupted, KeyboardInterrupt) as error:
            self._stopped = error
            return b""
        if not data and self._file.size is not None and self._position < self._file.size:
            self.failure = "the file became shorter while it was read"
        self._position += len(data)
        return data

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer
        """Fill a buffer as far as one ``read`` does; for what wraps this in Python's buffers."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readable(self) -> bool:
        """Yes."""
        return True

    def raise_if_stopped(self) -> None:
        """Raise what ended the reading, if that was a stop event or Ctrl-C."""
        if self._stopped is not None:
            raise self._stopped

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move and return the new position."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._file.size or 0}
        self._position = max(0, base[whence] + offset)
        return self._position

    def _place(self, size: int) -> tuple[int, int]:
        """Where in the file the next ``size`` bytes are, and how many of them lie together."""
        at = self._position
        for begin, end in self._parts:
            if at < end - begin:
                return begin + at, min(size, end - begin - at)
            at -= end - begin
        return self._position, size

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seekable(self) -> bool:
        """Whether ``seek`` works."""
        return self._file.is_seekable


def _open_pipe(path: str | Path) -> io.BufferedIOBase:
    """Open a named pipe without waiting for its writer: reading waits, and can be stopped."""
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
