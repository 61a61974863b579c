"""Sizes of pictures that are refused before anything is allocated."""

from __future__ import annotations

import os
from typing import Final

from vidcolor.errors import InputError

MAX_FILM_PIXELS: Final = 1 << 28
"""Largest picture of a film: 16384 x 16384 (libav's own limit is about the same)."""

MAX_PHOTO_PIXELS: Final = 300_000_000
"""Largest photograph: 300 Mpx is a 60 x 50 cm plate scanned at 800 dpi."""


def check_film_size(label: str, width: int, height: int) -> None:
    """Raise InputError for a film whose pictures are larger than ``MAX_FILM_PIXELS``."""
    if width * height > MAX_FILM_PIXELS:
        raise InputError(
            f"{label}: pictures of {width}x{height} are beyond the limit of "
            f"{MAX_FILM_PIXELS >> 20} megapixels"
        )


def check_photo_size(name: str, width: int, height: int, sample_bytes: int) -> None:
    """Refuse impossible sizes and those that don't fit into memory, before anything is allocated.

    Args:
        name: the file's name in messages.
        width: from the header, in pixels.
        height: from the header, in pixels.
        sample_bytes: bytes per pixel of the decoded samples.

    Raises:
        InputError: no pixels, more than ``MAX_PHOTO_PIXELS``, or more than the machine's memory
            holds.
    """
    if width <= 0 or height <= 0:
        raise InputError(f"{name}: the picture has no pixels ({width}x{height})")
    pixels = width * height
    if pixels > MAX_PHOTO_PIXELS:
        raise InputError(
            f"{name}: {width}x{height} is {pixels / 1e6:,.0f} megapixels; "
            f"the limit is {MAX_PHOTO_PIXELS / 1e6:.0f} (cut it into parts, or scale it down first)"
        )
    # decoded samples, their converted copy, the coloured result and its encoded form live at once
    need = pixels * (sample_bytes * 3 + 8)
    memory = _physical_memory()
    if memory is not None and need > memory:
        raise InputError(
            f"{name}: {width}x{height} needs about {need / 1e9:.1f} GB of memory, "
            f"this machine has {memory / 1e9:.1f} GB"
        )


def _physical_memory() -> int | None:
    """Bytes of memory in this machine, None where unknown."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
