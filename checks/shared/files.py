"""Which files of a folder may be media."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_NOT_MEDIA = {".md", ".txt", ".json", ".csv", ".py"}
_PHOTOS = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".heic", ".avif", ".bmp"}


def media_files(paths: Iterable[Path], pattern: str = "*") -> list[Path]:
    """The paths, and for folders all files below that may be media, sorted by name."""
    found = (f for p in paths for f in (sorted(p.rglob(pattern)) if p.is_dir() else [p]))
    return [f for f in found if f.is_file() and f.suffix.lower() not in _NOT_MEDIA]


def films(paths: Iterable[Path]) -> list[Path]:
    """As ``media_files``, without photographs."""
    return [f for f in media_files(paths) if f.suffix.lower() not in _PHOTOS]


def photos(paths: Iterable[Path]) -> list[Path]:
    """As ``media_files``, photographs only."""
    return [f for f in media_files(paths) if f.suffix.lower() in _PHOTOS]
