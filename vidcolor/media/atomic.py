"""Outputs that appear under their name only when they are whole."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import secrets
import shutil
import stat
from pathlib import Path
from typing import Self

from ..errors import OptionError, OutputError

logger = logging.getLogger(__name__)


class AtomicPath:
    """A temporary name beside ``final`` that takes its place on ``commit``.

    The temporary name keeps the extension (muxers look at it) and is hidden. Whatever ends the
    process short of SIGKILL removes it: ``discard``, or else an exit handler.

    Attributes:
        final: where the output goes; a symbolic link is followed, so that the link stays one.
        temporary: where to write until then.
    """

    def __init__(self, final: Path, *, directory: bool = False) -> None:
        """Choose the temporary name; with ``directory``, make a folder of that name.

        Raises:
            OutputError: the folder is missing or can't be written.
        """
        # absolute, because libav takes what is before a colon for a protocol
        self.final = Path(os.path.realpath(final) if final.is_symlink() else os.path.abspath(final))
        check_writable(self.final)
        name = f".{self.final.stem[:80]}.vidcolor-{secrets.token_hex(3)}{self.final.suffix}"
        self.temporary = self.final.with_name(name)
        if directory:
            self.temporary.mkdir()
        self._done = False
        atexit.register(self.discard)

    def commit(self) -> None:
        """Flush the temporary file to the disk and give it its final name.

        Raises:
            OutputError: the disk is full, or the name can't be replaced.
        """
        try:
            _fsync(self.temporary)
            os.replace(self.temporary, self.final)
        except OSError as error:
            self.discard()
            raise output_error(self.final, error) from error
        self._done = True
        atexit.unregister(self.discard)
        with contextlib.suppress(OSError):  # not every file system can sync a folder
            _fsync(self.final.parent)

    def discard(self) -> None:
        """Remove the temporary file or folder; harmless after ``commit``."""
        if self._done:
            return
        self._done = True
        atexit.unregister(self.discard)
        if self.temporary.is_dir():
            shutil.rmtree(self.temporary, ignore_errors=True)
        else:
            with contextlib.suppress(FileNotFoundError):
                self.temporary.unlink()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Discard what was not committed."""
        self.discard()


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
    return OutputError(f"{path}: can't be written: {reason}")


def _fsync(path: Path) -> None:
    """Ask the system to put ``path`` on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
