"""The luma plane of a decoded frame: as stored where there is one, computed for RGB.

Nothing here converts colours of YUV or gray formats: codes come out at their own depth and range,
shifted down where the format keeps them in the upper bits (P010 and its kin), big endian made
native. RGB, palette and Bayer pictures give ``Y' = Kr R' + Kg G' + Kb B'`` (H.273, equation 39)
in full range at their own depth; ``R = G = B`` gives exactly that code. X'Y'Z' of digital cinema
gives the code at which the sRGB curve, by which lightness is taken from luma, has the luminance Y.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any, Final, cast

import av
import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.media.pixels.layout import PixelLayout, pixel_layout
from vidcolor.media.pixels.planes import plane_rows
from vidcolor.types import LUMA_WEIGHTS, Plane

# Luma of packed formats: bytes per unit of step, units per pixel, unit of the luma.
_PACKED: Final = {
    "yuyv422": (1, 2, 0),
    "yvyu422": (1, 2, 0),
    "uyvy422": (1, 2, 1),
    "y210": (2, 2, 0),
    "y212": (2, 2, 0),
    "y216": (2, 2, 0),
    "vuya": (1, 4, 2),
    "vuyx": (1, 4, 2),
    "ayuv": (1, 4, 1),
    "uyva": (1, 4, 1),
    "vyu444": (1, 3, 1),
    "ayuv64": (2, 4, 1),
    "xv36": (2, 4, 1),
    "xv48": (2, 4, 1),
    "ya8": (1, 2, 0),
    "ya16": (2, 2, 0),
}
_WORD_SHIFT: Final = {"xv30": 10, "v30x": 12}  # luma inside a 32-bit word, 10 bits
_UPPER_BITS: Final = ("p010", "p012", "p210", "p212", "p410", "p412", "y210", "y212", "xv36")
_RGB8: Final = {  # byte positions of R, G, B and bytes per pixel
    "rgb24": (0, 1, 2, 3),
    "bgr24": (2, 1, 0, 3),
    "rgba": (0, 1, 2, 4),
    "rgb0": (0, 1, 2, 4),
    "bgra": (2, 1, 0, 4),
    "bgr0": (2, 1, 0, 4),
    "argb": (1, 2, 3, 4),
    "0rgb": (1, 2, 3, 4),
    "abgr": (3, 2, 1, 4),
    "0bgr": (3, 2, 1, 4),
}
_RGB16: Final = {
    "rgb48": (0, 1, 2, 3),
    "bgr48": (2, 1, 0, 3),
    "rgba64": (0, 1, 2, 4),
    "bgra64": (2, 1, 0, 4),
}
_RGB_FIELDS: Final = {  # (shift, bits) of R, G, B inside a 16-bit word
    "rgb565": ((11, 5), (5, 6), (0, 5)),
    "bgr565": ((0, 5), (5, 6), (11, 5)),
    "rgb555": ((10, 5), (5, 5), (0, 5)),
    "bgr555": ((0, 5), (5, 5), (10, 5)),
    "rgb444": ((8, 4), (4, 4), (0, 4)),
    "bgr444": ((0, 4), (4, 4), (8, 4)),
}


def extract_luma(frame: av.VideoFrame, *, matrix: int = 1) -> Plane:
    """Copy the luma plane out of a frame, which may be freed afterwards.

    Args:
        frame: a decoded frame in any software pixel format.
        matrix: H.273 code point for RGB formats, see ``rgb_matrix``.

    Returns:
        ``(H, W)`` uint8 for a depth of 8, else native uint16; depth and range as
        ``pixel_layout`` and ``is_full_range`` say.
    """
    layout = pixel_layout(frame.format.name)
    if layout.is_rgb:
        return _rgb_luma(frame, layout, matrix)
    if layout.name in ("monow", "monob"):
        bits = np.unpackbits(_rows(frame, 0, np.uint8), axis=1)[:, : frame.width]
        return (255 * (1 - bits if layout.name == "monow" else bits)).astype(np.uint8)
    if layout.is_float:
        return _float_codes(_samples(frame, layout, _packed_steps(layout)))
    if layout.name in _WORD_SHIFT:
        words = _native(_rows(frame, 0, np.uint32)[:, : frame.width], layout.big_endian)
        return ((words >> _WORD_SHIFT[layout.name]) & 1023).astype(np.uint16)
    steps = _packed_steps(layout)
    if steps is None:
        wide = "yuv444p16le" if layout.bits > 8 else "yuv444p"
        return extract_luma(frame.reformat(format=wide))
    return _shifted(_samples(frame, layout, steps), layout)


def _packed_steps(layout: PixelLayout) -> tuple[int, int, int] | None:
    """Return (bytes per sample, samples per pixel, index of the luma), None where unknown."""
    if layout.name in _PACKED:
        return _PACKED[layout.name]
    size = (layout.bits + 7) // 8
    if layout.name.startswith("yaf"):
        return size, 2, 0
    if layout.is_gray or layout.name.startswith(("yuv", "nv", "p0", "p2", "p4")):
        return size, 1, 0
    return None


def _rows(frame: av.VideoFrame, plane: int, dtype: type[Any]) -> npt.NDArray[Any]:
    """View a plane as rows of samples, line padding included; no copy."""
    return plane_rows(frame.planes[plane], dtype)


def _native(samples: npt.NDArray[Any], big_endian: bool) -> npt.NDArray[Any]:
    """Return the same view, or a byte-swapped copy where the stored order isn't this machine's."""
    return samples.byteswap() if big_endian != (sys.byteorder == "big") else samples


def _samples(
    frame: av.VideoFrame, layout: PixelLayout, steps: tuple[int, int, int] | None
) -> npt.NDArray[Any]:
    """Copy the luma samples out of plane 0: ``(H, W)``, contiguous, native."""
    size, per_pixel, index = steps or (layout.bits // 8, 1, 0)
    if layout.is_float:
        dtype: type[Any] = np.float32 if size == 4 else np.float16
    else:
        dtype = {1: np.uint8, 2: np.uint16, 4: np.uint32}[size]
    rows = _rows(frame, 0, dtype)[:, index : index + frame.width * per_pixel : per_pixel]
    swapped = _native(rows, layout.big_endian and size > 1)
    return np.array(swapped, order="C") if swapped is rows else swapped


def _shifted(samples: npt.NDArray[Any], layout: PixelLayout) -> Plane:
    """Move codes that sit in the upper bits of their words down."""
    if samples.dtype == np.uint32:
        return (samples >> np.uint32(16)).astype(np.uint16)
    upper = layout.name.startswith(_UPPER_BITS) or "msb" in layout.name
    if upper and samples.dtype == np.uint16:
        samples >>= np.uint16(16 - layout.bits)
    return samples


def _float_codes(samples: npt.NDArray[Any]) -> Plane:
    """Quantise floats to 16-bit codes; values outside 0..1 and NaN are clipped."""
    clean = np.nan_to_num(samples.astype(np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    codes = np.rint(np.clip(clean, 0.0, 1.0) * np.float32(65535))
    return cast(Plane, codes.astype(np.uint16))


def _rgb_luma(frame: av.VideoFrame, layout: PixelLayout, matrix: int) -> Plane:
    """Weigh R, G and B in float32, rounded to nearest; an error of 0.01 code at 16 bit."""
    if layout.name.startswith("xyz"):
        return _cinema_luma(frame, layout)
    kr, kb = LUMA_WEIGHTS[matrix]
    weights = (kr, 1.0 - kr - kb, kb)
    if layout.name.startswith("gbr"):
        return _planar_rgb_luma(frame, layout, weights)
    if layout.name in _RGB_FIELDS:
        return _word_rgb_luma(frame, layout, weights)
    if layout.is_float and layout.name.startswith("rgb"):
        return _packed_float_luma(frame, layout, weights)
    table = _RGB8 if layout.name in _RGB8 else _RGB16
    if layout.name not in table:
        return extract_luma(frame.reformat(format=_plain_rgb(layout)), matrix=matrix)
    red, green, blue, count = table[layout.name]
    dtype = np.uint8 if table is _RGB8 else np.uint16
    rows = _rows(frame, 0, dtype)[:, : frame.width * count]
    if table is _RGB16:
        rows = _native(rows, layout.big_endian)
    pixels = np.ascontiguousarray(rows).reshape(frame.height, frame.width, count)
    row = np.zeros((1, count), np.float32)
    row[0, [red, green, blue]] = weights
    return cast(Plane, cv2.transform(pixels, row).reshape(frame.height, frame.width))


@cache
def _cinema_codes() -> Plane:
    """For each 12-bit code of Y', the code of the same luminance by the sRGB curve.

    SMPTE ST 428-1: luminance is 52.37 cd/m2 times the code to the power of 2.6; white is 48 cd/m2.
    """
    light = np.minimum((np.arange(4096) / 4095) ** 2.6 * (52.37 / 48), 1.0)
    codes = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return cast(Plane, np.rint(4095 * codes).astype(np.uint16))


def _cinema_luma(frame: av.VideoFrame, layout: PixelLayout) -> Plane:
    """Luma of packed X'Y'Z', 12 bits in the upper ones of 16."""
    rows = _native(_rows(frame, 0, np.uint16), layout.big_endian)
    return cast(Plane, _cinema_codes()[rows[:, 1 : 3 * frame.width : 3] >> np.uint16(4)])


def _planar_rgb_luma(
    frame: av.VideoFrame, layout: PixelLayout, weights: tuple[float, float, float]
) -> Plane:
    """Luma of gbrp and its kin: planes are G, B, R."""
    size = (layout.bits + 7) // 8
    if layout.is_float:
        dtype: type[Any] = np.float32 if size == 4 else np.float16
    else:
        dtype = np.uint8 if size == 1 else np.uint16
    total = np.zeros((frame.height, frame.width), np.float32)
    for plane, weight in zip((2, 0, 1), weights, strict=True):
        rows = _native(_rows(frame, plane, dtype)[:, : frame.width], layout.big_endian and size > 1)
        total += rows.astype(np.float32) * np.float32(weight)
    if layout.is_float:
        return _float_codes(total)
    if "msb" in layout.name:
        total /= np.float32(1 << (16 - layout.bits))
    return cast(Plane, np.rint(total).astype(np.uint8 if layout.depth == 8 else np.uint16))


def _word_rgb_luma(
    frame: av.VideoFrame, layout: PixelLayout, weights: tuple[float, float, float]
) -> Plane:
    """Luma of 15- and 16-bit words, of which libswscale reads the big-endian ones wrongly."""
    words = _native(_rows(frame, 0, np.uint16)[:, : frame.width], layout.big_endian)
    total = np.zeros((frame.height, frame.width), np.float32)
    for (shift, bits), weight in zip(_RGB_FIELDS[layout.name], weights, strict=True):
        limit = (1 << bits) - 1
        total += ((words >> shift) & limit).astype(np.float32) * np.float32(weight * 255 / limit)
    return np.rint(total).astype(np.uint8)


def _packed_float_luma(
    frame: av.VideoFrame, layout: PixelLayout, weights: tuple[float, float, float]
) -> Plane:
    """Luma of rgbf32, rgbaf16 and their kin."""
    count = 4 if layout.has_alpha else 3
    dtype = np.float32 if layout.bits == 32 else np.float16
    rows = _native(_rows(frame, 0, dtype)[:, : frame.width * count], layout.big_endian)
    pixels = np.ascontiguousarray(rows).reshape(frame.height, frame.width, count)
    return _float_codes(pixels[..., :3].astype(np.float32) @ np.array(weights, np.float32))


def _plain_rgb(layout: PixelLayout) -> str:
    """Name the plain RGB format that libswscale unpacks a rare one into, nothing lost."""
    if layout.bits <= 8:
        return "rgb24"
    return "gbrp10le" if layout.bits == 10 else "rgb48le"
