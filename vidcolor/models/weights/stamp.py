"""Remembers that a file was hashed, so that 874 MB aren't read again at every start.

``<file>.stamp.json`` beside the file holds its SHA-256, keyed by size and modification time, and a
hash that the user accepted although the manifest says another. Without a stamp, or where none can
be written, the file is simply hashed again.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from vidcolor.models.weights.partial import hash_file

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


def _stamp_path(path: Path) -> Path:
    return path.with_name(path.name + ".stamp.json")
