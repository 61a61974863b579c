"""Outputs that appear under their name only when they are whole."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import importlib
import logging
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

from vidcolor.errors import Message, OptionError, OutputBusyError, OutputError

logger = logging.getLogger(__name__)

# Windows has no such locks, and needs none: a file that is open can't be removed there.
fcntl: Any = importlib.import_module("fcntl") if os.name == "posix" else None

_MARK: Final = ".vidcolor-"
_MAX_NAME_BYTES: Final = 200
"""File systems take 255; the mark and the extension need some of them."""


class AtomicPath:
    """A temporary name beside ``final`` that takes its place on ``commit``.

    The temporary name keeps the extension (muxers look at it) and is hidden. It is removed by
    ``discard``, or else when the process exits, unless that is by SIGKILL. It is held while the
    process lives (on POSIX locked, on Windows open). So a second run for the same output is
    refused, and what a killed run left is known to be unused, and removed. On file systems without
    locks that can't be known: the message names what was left, and the second run is refused.

    Attributes:
        final: where the output goes; a symbolic link is followed, so that the link stays one.
        temporary: where to write until then.
    """

    def __init__(self, final: Path, *, directory: bool = False) -> None:
        """Choose the temporary name; with ``directory``, make a folder of that name.

        Raises:
            OutputError: the folder is missing or can't be written, or another run writes this
                output right now.
        """
        # absolute, because libav takes what is before a colon for a protocol
        self.final = Path(os.path.realpath(final) if final.is_symlink() else os.path.abspath(final))
        check_writable(self.final)
        self._begin, self._end = f".{short_name(self.final.stem)}{_MARK}", self.final.suffix
        self.temporary = self._new_name()
        self._done = False
        self._lock: int | None = None
        atexit.register(self.discard)
        try:
            while not self._create(directory):
                self._unlock()
                _remove(self.temporary)
                self.temporary = self._new_name()
            self._settle_others()
        except OSError as error:
            self.discard()
            raise output_error(self.final, error) from error
        except BaseException:
            self.discard()
            raise

    def _new_name(self) -> Path:
        return self.final.with_name(f"{self._begin}{secrets.token_hex(3)}{self._end}")

    def _create(self, directory: bool) -> bool:
        """Make the temporary file or folder, and hold it.

        Returns:
            False where another run has taken it for left over: before it was locked, that run has
            removed it or is about to.
        """
        if directory:
            self.temporary.mkdir()
        try:
            self._lock = os.open(_lock_file(self.temporary), os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:
            if directory:
                return False
            raise
        if fcntl is None:
            return True
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # network file systems
            return True
        return _is_file(self._lock, _lock_file(self.temporary))

    def _settle_others(self) -> None:
        """Remove what killed runs left of this output.

        Raises:
            OutputError: a run that still lives writes this output, or may do so.
        """
        for entry in os.scandir(self.final.parent):
            other = Path(entry.path)
            theirs = entry.name.startswith(self._begin) and entry.name.endswith(self._end)
            if not theirs or other == self.temporary:
                continue
            try:
                held = not _remove_if_left(other)
            except OSError as error:
                raise OutputError(
                    f"{self.final}: another run of vidcolor may be writing it (can't tell: "
                    f"{error.strerror}); if none is, remove {other}"
                ) from error
            if held:
                raise OutputBusyError(
                    f"{self.final}: another run of vidcolor is writing it right now"
                )
            logger.info("%s: left by a run that was killed, removed", other)

    def commit(self) -> None:
        """Flush the temporary file to the disk and give it its final name.

        Raises:
            OutputError: the disk is full, or the name can't be replaced.
        """
        try:
            fsync(self.temporary)
            if fcntl is None:  # Windows renames no open file either
                self._unlock()
            os.replace(self.temporary, self.final)
        except OSError as error:
            self.discard()
            raise output_error(self.final, error) from error
        self._done = True
        self._unlock()
        atexit.unregister(self.discard)
        with contextlib.suppress(OSError):  # not every file system can sync a folder
            fsync(self.final.parent)

    def discard(self) -> None:
        """Remove the temporary file or folder; harmless after ``commit``."""
        if self._done:
            return
        self._done = True
        atexit.unregister(self.discard)
        self._unlock()
        _remove(self.temporary)

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Discard what was not committed."""
        self.discard()


@contextmanager
def complete_file(path: Path) -> Iterator[Path]:
    """Where to write a small file, which gets its name when the block ends without an error.

    Raises:
        OutputError: it can't be written; what was there before still is.
    """
    with AtomicPath(path) as output:
        try:
            yield output.temporary
        except (OSError, RuntimeError) as error:
            # torch.save raises an error of its own, without a reason, while handling the file's.
            cause = error if isinstance(error, OSError) else error.__context__
            if not isinstance(cause, OSError):
                raise
            raise output_error(path, cause) from error
        output.commit()


def short_name(stem: str) -> str:
    """The stem, or of a long one its beginning and a hash: names end at 255 bytes."""
    data = os.fsencode(stem)
    if len(data) <= _MAX_NAME_BYTES:
        return stem
    kept = data[: _MAX_NAME_BYTES - 9].decode("utf-8", "ignore")
    return f"{kept}-{hashlib.sha256(data).hexdigest()[:8]}"


def _lock_file(temporary: Path) -> Path:
    """What is held of a temporary file or folder: a file, since NFS locks only what is writable."""
    return temporary / "lock" if temporary.is_dir() else temporary


def _is_file(descriptor: int, path: Path) -> bool:
    """Whether a name is still that of an open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _remove_if_left(temporary: Path) -> bool:
    """Remove a temporary file or folder; False where a living process holds it.

    Raises:
        OSError: the file system can't say.
    """
    held = _lock_file(temporary)
    if fcntl is None:
        try:
            held.unlink(missing_ok=True)
        except PermissionError:
            return False
        _remove(temporary)
        return True
    try:
        descriptor = os.open(held, os.O_RDWR)
    except FileNotFoundError:
        _remove(temporary)
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(temporary)  # while it is locked: its maker sees either the lock or that it is gone
    except (BlockingIOError, PermissionError):
        return False
    finally:
        os.close(descriptor)
    return True


def _remove(path: Path) -> None:
    """Remove a file or a folder; never raises."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def check_writable(final: Path) -> None:
    """Make sure that a file called ``final`` can be written, before any work is done.

    Raises:
        OutputError: the folder is missing or read-only, or the name is taken by something that
            is no regular file.
    """
    parent = final.parent
    if not parent.is_dir():
        raise OutputError(f"{final}: the folder {parent} doesn't exist; create it first")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"{final}: no permission to write into {parent}")
    if final.exists() and not stat.S_ISREG(final.stat().st_mode):
        raise OutputError(f"{final}: is no regular file; '-' writes to standard output")


def check_distinct(source: str | Path, final: Path) -> None:
    """Refuse an output that is the input itself, under whatever name.

    Raises:
        OptionError: both are the same file, also through links or another spelling's case.
    """
    try:
        same = final.exists() and os.path.samefile(source, final)
    except OSError:
        same = False
    if same:
        raise OptionError(f"{final}: is the input itself; choose another name for the output")


def output_error(path: Path | str, error: Exception) -> OutputError:
    """One line for a failed write, naming the file and the system's reason."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if error.args and isinstance(error.args[0], Message):
        reason = error.args[0]
    return OutputError(f"{path}: can't be written: ", reason)


def fsync(path: Path) -> None:
    """Ask the system to put ``path`` on the disk."""
    # Windows flushes only what may be written
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
