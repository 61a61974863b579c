"""Names of files from outside: into given folders and nowhere else; to text that can be stored."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path
from typing import Final

from vidcolor.studio.errors import NotFound

_MAX_NAME_BYTES: Final = 120
_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f/\\<>:"|?*%\u202a-\u202e\u2066-\u2069]')


def inside(root: Path, relative: str) -> Path:
    """A path below a folder, without any symbolic link on the way.

    Args:
        root: a folder, absolute and without links itself.
        relative: from outside; parts separated by "/".

    Raises:
        NotFound: it leads elsewhere, or isn't there. The answer is the same in both cases, so that
            nobody learns what exists.
    """
    parts = relative.split("/") if relative else []
    for part in parts:
        if part in ("", ".", "..") or "\x00" in part or "\\" in part or part.startswith("."):
            raise NotFound("no such file")
    path = root.joinpath(*parts)
    try:
        real = os.path.realpath(path, strict=True)
    except (OSError, ValueError):
        raise NotFound("no such file") from None
    if real != str(path):
        raise NotFound("no such file")
    return path


def safe_name(name: str) -> str:
    """A file name from outside as one that any disk takes; the extension stays.

    ``%`` would mean numbered images to vidcolor. Names that begin with a dot are hidden.
    """
    flat = unicodedata.normalize("NFC", name.replace("\\", "/").rsplit("/", 1)[-1])
    flat = _UNSAFE.sub("_", flat.encode("utf-8", "replace").decode("utf-8")).strip(" .-")
    stem, dot, suffix = flat.rpartition(".")
    if not dot or not stem or len(suffix) > 8:
        stem, suffix = flat, ""
    room = _MAX_NAME_BYTES - len(suffix.encode()) - 1
    stem = stem.encode()[:room].decode("utf-8", "ignore") or "file"
    return f"{stem}.{suffix}" if suffix else stem


def free_name(path: Path, taken: set[str] | None = None) -> Path:
    """``path``, or the first of ``stem-2.ext``, ``stem-3.ext``, ... that isn't there or taken."""
    taken = taken or set()
    candidate, number = path, 1
    while os.path.lexists(candidate) or str(candidate) in taken:
        number += 1
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return candidate
