"""Folds of a set of photographs, for cross-validation."""

from __future__ import annotations

import zlib
from pathlib import PurePath


def fold_of(name: str, folds: int) -> int:
    """Which fold a photograph is in: from 0 to ``folds`` - 1, by its name alone.

    It is the CRC-32 of the file's name without folder and suffix, so it stays the same when others
    are added.
    """
    stem = PurePath(name).stem
    return zlib.crc32(stem.encode("utf-8", "surrogateescape")) % folds
