"""Pictures for the page: reduced, square pixels, written whole."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.engine.coloring.picture import Rgb
from vidcolor.errors import OutputError
from vidcolor.types import Plane

Picture = npt.NDArray[np.uint8]
"""``(H, W, 3)`` R'G'B'."""

Codes = TypeVar("Codes", npt.NDArray[np.uint8], npt.NDArray[np.uint16], Plane)
"""A plane or a picture."""

_JPEG_QUALITY = 92


def reduced(luma: Codes, max_px: int) -> Codes:
    """A plane or picture whose longer side is at most ``max_px``; averaged, never enlarged."""
    height, width = luma.shape[:2]
    scale = max_px / max(height, width)
    if scale >= 1.0:
        return luma
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(luma, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def square_pixels(picture: Picture, sar: Fraction, rotation: int) -> Picture:
    """An upright picture with pixels as wide as high."""
    if sar == 1:
        return picture
    height, width = picture.shape[:2]
    if rotation % 180 == 0:
        width = max(1, round(width * sar))
    else:
        height = max(1, round(height * sar))
    kind = cv2.INTER_AREA if sar < 1 else cv2.INTER_LINEAR
    return cv2.resize(picture, (width, height), interpolation=kind).astype(np.uint8, copy=False)


def to_8bit(codes: Rgb) -> Picture:
    """8 bits as they are, 16 rounded."""
    if codes.dtype == np.uint8:
        return codes  # type: ignore[return-value]
    return ((codes.astype(np.uint32) + 128) // 257).astype(np.uint8)


def write_picture(picture: Picture, output: str) -> None:
    """Write JPEG, or PNG where the name ends so; the file appears whole.

    Raises:
        OutputError: the disk is full, say.
    """
    is_png = output.endswith(".png")
    flags = [] if is_png else [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    fits, data = cv2.imencode(".png" if is_png else ".jpg", picture[:, :, ::-1], flags)
    if not fits:
        raise OutputError("the picture can't be written")
    part = f"{output}.{os.getpid()}"
    with open(part, "wb") as file:
        file.write(data.tobytes())
    os.replace(part, output)
