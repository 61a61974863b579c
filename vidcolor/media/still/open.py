"""Read a photo's bytes, identify the format, and refuse sizes that can't fit, before decoding."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from vidcolor.errors import InputError
from vidcolor.media.files.inputs import shown
from vidcolor.media.files.lent import open_remote
from vidcolor.media.files.remote import is_url
from vidcolor.media.kinds import find_signature

MAX_BYTES = 4_000_000_000
"""Larger files are refused before reading (300 Mpx of 16-bit RGBA are 2.4 GB)."""


@dataclass(frozen=True, slots=True)
class StillFile:
    """A photo's bytes, its kind, and its name for messages.

    Attributes:
        name: its name in messages.
        path: where it was read from, None for bytes and standard input.
        data: the whole file.
        kind: format by content, as Pillow spells it.
    """

    name: str
    path: Path | None
    data: bytes
    kind: str


def open_still(source: str | os.PathLike[str] | bytes) -> StillFile:
    """Read a photo's bytes; "-" is standard input.

    A URL in object storage may be given too.

    Raises:
        DependencyError: see ``RemoteFile``.
        InputError: missing, empty, a folder, not readable, too large, or no picture by content.
    """
    if isinstance(source, bytes):
        return _known("<bytes>", None, source)
    if os.fspath(source) == "-":
        return _known("standard input", None, sys.stdin.buffer.read())
    path = Path(source)
    name = shown(path)
    try:
        with _opened(source) as (stream, size):
            head = stream.read(4096)
            kind = identify(head)
            if head and kind is None:
                raise InputError(f"{name}: not a picture in a format that vidcolor knows")
            if size > MAX_BYTES:
                raise InputError(f"{name}: {size / 1e9:.1f} GB is too large for a picture")
            return _known(name, path, head + stream.read())
    except FileNotFoundError:
        raise InputError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{name}: is a folder, not a picture") from None
    except PermissionError:
        reason = "is a folder, not a picture" if path.is_dir() else "no permission to read it"
        raise InputError(f"{name}: {reason}") from None
    except OSError as error:
        raise InputError(f"{name}: can't be read ({error.strerror or error})") from error


@contextmanager
def _opened(source: str | os.PathLike[str]) -> Iterator[tuple[BinaryIO, int]]:
    """A file or an object, open, and its size in bytes."""
    path = Path(source)
    if is_url(path):
        with open_remote(path) as raw, io.BufferedReader(raw) as remote:
            yield remote, raw.size
        return
    with path.open("rb") as stream:
        yield stream, os.fstat(stream.fileno()).st_size


def identify(head: bytes) -> str | None:
    """The format by a file's first bytes, as Pillow spells it, or None."""
    found = find_signature(head)
    if found is None or not (found.is_photo or found.kind in ("AVIF", "HEIF")):
        return None
    return "AVIF" if found.kind == "HEIF" and _says_avif(head) else found.kind


def _says_avif(head: bytes) -> bool:
    """Whether an ISO file of a generic brand ("mif1") lists AVIF among its compatible brands."""
    size = int.from_bytes(head[:4], "big")
    brands = head[8 : min(size, len(head))]
    return b"avif" in brands and b"heic" not in brands


def _known(name: str, path: Path | None, data: bytes) -> StillFile:
    if not data:
        raise InputError(f"{name}: the file is empty (0 bytes)")
    kind = identify(data[:4096])
    if kind is None:
        raise InputError(f"{name}: not a picture in a format that vidcolor knows")
    return StillFile(name, path, data, kind)
