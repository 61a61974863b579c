"""Is a file a result of an earlier run, and of which picture? Answers for the command line."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from vidcolor.errors import VidcolorError
from vidcolor.media.open import open_input, sniff
from vidcolor.media.source import ReadSettings

_MARK: Final = re.compile(rb"vidcolor [0-9][^,]{0,40}, model ")
"""What results hold as software or comment; see ``engine.run.output.credit``."""
_SEARCHED_BYTES: Final = 16 << 20
"""At both ends: the index of a long MP4, which tags follow, has some megabytes."""
_MARKLESS: Final = frozenset(
    {".bmp", ".pbm", ".pgm", ".pnm", ".ppm", ".ts", ".m2ts", ".mts", ".jp2", ".3gp"}
)
"""Extensions of formats that don't keep such a text."""
_SMALL: Final = (32, 32)
_MOST_PIXELS: Final = 8_000_000
"""Of pictures that are decoded whole to be compared; JPEG files are decoded small."""
_MOST_APART: Final = 0.06
"""Mean distance of grey values in 0..1: lightness is kept, luma of strong colours differs a bit."""


def may_be_source(path: str | Path) -> bool:
    """Whether an existing file is a picture or film that vidcolor hasn't written.

    In formats that can't hold a mark, what is grey is taken for a source, what has colours for a
    result.
    """
    try:
        kind = sniff(path)
    except VidcolorError:
        return False
    if kind not in ("image", "video") or _is_marked(Path(path)):
        return False
    return Path(path).suffix.lower() not in _MARKLESS or not _has_color(path, kind)


def _is_marked(path: Path) -> bool:
    """Whether vidcolor's name is among a file's tags."""
    with path.open("rb") as file:
        if _MARK.search(file.read(_SEARCHED_BYTES)):
            return True
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _SEARCHED_BYTES))
        return bool(_MARK.search(file.read()))


def _has_color(path: str | Path, kind: str) -> bool:
    if kind == "image":
        small = _small(path, "RGB")
        return small is not None and float(np.ptp(small, axis=2).mean()) > _MOST_APART / 2
    try:
        with open_input(path) as film, film.read(ReadSettings(copy_streams=False)) as source:
            return bool(source.status.has_color)
    except VidcolorError:
        return False


def differ(one: str | Path, other: str | Path) -> bool:
    """Whether two photographs surely show different things; False where that can't be told.

    Args:
        one: a source.
        other: what may be its result, with both pictures side by side or without.
    """
    first, second = _small(one, "L"), _small(other, "L")
    if first is None or second is None:
        return False
    left = _small(other, "L", left_half=True)
    seconds = [second, *([] if left is None else [left])]
    return all(float(np.abs(first - each).mean()) > _MOST_APART for each in seconds)


def _small(
    path: str | Path, mode: str, *, left_half: bool = False
) -> npt.NDArray[np.float32] | None:
    """A picture made small, upright, 0..1; None where that would be slow or can't be done."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("ignore")
            image.draft(mode if mode == "L" else "RGB", (64, 64))
            if image.width * image.height > _MOST_PIXELS or image.mode[:1] in "IF":
                return None
            upright = ImageOps.exif_transpose(image)
            if left_half:
                upright = upright.crop((0, 0, upright.width // 2, upright.height))
            small = upright.convert(mode).resize(_SMALL, Image.Resampling.BOX)
    except Exception:  # Pillow raises whatever its plugins raise; what can't be read isn't compared
        return None
    return np.asarray(small, np.float32) / np.float32(255)
