"""One process at a time writes a file of weights.

``filelock`` (which torch itself depends on) because the system's own locks differ between POSIX and
Windows; the system drops such a lock when its process dies, so none is ever left behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from vidcolor.errors import Option, WeightsError
from vidcolor.models.weights.download import DownloadProgress, tell


@contextmanager
def locked(path: Path, progress: DownloadProgress | None) -> Iterator[None]:
    """Hold ``<file>.lock``, waiting for another process that holds it; makes the folder.

    Raises:
        WeightsError: the folder can't be made or written.
    """
    lock = FileLock(path.with_name(path.name + ".lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            tell(progress, f"waiting for another vidcolor that downloads {path.name}")
            lock.acquire()
    except OSError as error:
        raise WeightsError(
            f"{path.parent}: can't store weights there ({error.strerror or error}); "
            "choose another folder with ",
            Option("weights_dir"),
            " or VIDCOLOR_HOME",
        ) from error
    try:
        yield
    finally:
        lock.release()
