"""Hashes of files, and what is remembered of them so that 874 MB aren't read at every start.

``<file>.stamp.json`` beside a file holds its SHA-256, keyed by size and modification time, and a
hash that the user accepted although the manifest says another. Without a stamp, or where none can
be written, the file is simply hashed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is remembered of a file.

    Attributes:
        size: of the file when it was hashed, in bytes.
        mtime_ns: its modification time then, in nanoseconds.
        sha256: its hash.
        accepted_sha256: a hash that the user accepted by name, or None.
    """

    size: int
    mtime_ns: int
    sha256: str
    accepted_sha256: str | None = None

    def fits(self, path: Path) -> bool:
        """Whether the file is the one that was hashed, as far as size and time tell."""
        status = path.stat()
        return (status.st_size, status.st_mtime_ns) == (self.size, self.mtime_ns)


def size_of(path: Path) -> int:
    """Bytes of a file, 0 where there is none."""
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return 0


def hash_file(path: Path) -> str:
    """SHA-256 of a file as 64 lower-case hexadecimal digits; OSError where it can't be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_stamp(path: Path) -> Stamp | None:
    """The stamp of a file, or None where there is none that can be understood."""
    try:
        return Stamp(**json.loads(_stamp_path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def stamped_sha256(path: Path) -> str:
    """SHA-256 of a file, from its stamp where that fits, else counted and stamped."""
    stamp = read_stamp(path)
    if stamp is not None and stamp.fits(path):
        return stamp.sha256
    return write_stamp(path, hash_file(path)).sha256


def write_stamp(path: Path, sha256: str, *, accepted_sha256: str | None = None) -> Stamp:
    """Remember a hash; one accepted earlier stays accepted.

    Args:
        path: the file.
        sha256: its hash as just counted.
        accepted_sha256: a hash that the user accepts from now on.
    """
    before = read_stamp(path)
    accepted = accepted_sha256 or (before.accepted_sha256 if before else None)
    status = path.stat()
    stamp = Stamp(status.st_size, status.st_mtime_ns, sha256, accepted)
    place = _stamp_path(path)
    beside = place.with_name(f"{place.name}.{os.getpid()}")
    try:
        beside.write_text(json.dumps(asdict(stamp)), encoding="utf-8")
        os.replace(beside, place)
    except OSError as error:  # a read-only folder is fine: the file is hashed again next time
        logger.debug("%s: can't write the stamp: %s", place, error)
        with contextlib.suppress(OSError):
            beside.unlink()
    return stamp


def install(part: Path, target: Path) -> None:
    """Move a whole file to its name: on disk first, then renamed in one step."""
    with open(part, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(part, target)
    if os.name != "posix":
        return
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the rename lasts through a power cut, where the system can do that
    except OSError as error:  # some network file systems refuse
        logger.debug("%s: can't sync the folder: %s", target.parent, error)
    finally:
        os.close(folder)


def _stamp_path(path: Path) -> Path:
    return path.with_name(path.name + ".stamp.json")
