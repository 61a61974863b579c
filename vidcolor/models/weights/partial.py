"""A download that isn't finished: ``<name>.part`` and what is known of where it came from."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path

logger = logging.getLogger(__name__)

_HASH_BLOCK = 1 << 20


class PartialFile:
    """The bytes got so far.

    Beside it, ``<name>.part.json`` keeps the address and its validator (ETag or Last-Modified), so
    that a later process resumes only what hasn't changed on the server.
    """

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(target.name + ".part")
        self._note = target.with_name(target.name + ".part.json")

    @property
    def size(self) -> int:
        """Bytes got so far, 0 without a file."""
        try:
            return self.path.stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return 0

    def validator(self, url: str) -> str | None:
        """What to send as If-Range to this address; None where the bytes came from elsewhere."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            return str(note["validator"]) if note["url"] == url and note["validator"] else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remember(self, url: str, headers: Message) -> None:
        """Note where the bytes that follow come from; weak ETags don't do (RFC 9110, 13.1.5)."""
        etag = headers.get("ETag")
        strong = etag if etag and not etag.startswith("W/") else headers.get("Last-Modified")
        self._note.write_text(json.dumps({"url": url, "validator": strong}), encoding="utf-8")

    @contextmanager
    def open_at(self, offset: int) -> Iterator[io.FileIO]:
        """Open for writing at ``offset``; what lies behind it is cut off."""
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        with io.FileIO(os.open(self.path, flags, 0o666), "r+") as file:
            file.truncate(offset)
            file.seek(offset)
            yield file

    def sha256(self) -> str:
        """Hash of the bytes got so far, as 64 hexadecimal digits."""
        return hash_file(self.path)

    def discard(self) -> None:
        """Forget it all."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def install(self, target: Path) -> None:
        """Move the whole file to its name: on disk first, then renamed in one step."""
        with open(self.path, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(self.path, target)
        self._note.unlink(missing_ok=True)
        _sync_folder(target.parent)


def hash_file(path: Path) -> str:
    """SHA-256 of a file as 64 lower-case hexadecimal digits; OSError where it can't be read."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    """Make the rename last through a power cut, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:  # some network file systems refuse
        logger.debug("%s: can't sync the folder: %s", folder, error)
    finally:
        os.close(descriptor)
