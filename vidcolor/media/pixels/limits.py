"""Sizes of pictures that are refused before anything is allocated."""

from __future__ import annotations

from typing import Final

from vidcolor.errors import InputError

MAX_PIXELS: Final = 1 << 28
"""Largest picture that is decoded: 16384 x 16384 (libav's own limit is about the same)."""


def check_size(width: int, height: int, label: str) -> None:
    """Raise InputError for pictures that are larger than what gets decoded."""
    if width * height > MAX_PIXELS:
        raise InputError(
            f"{label}: pictures of {width}x{height} are beyond the limit of "
            f"{MAX_PIXELS >> 20} megapixels"
        )
