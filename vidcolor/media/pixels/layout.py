"""What a pixel format holds, its range, and the matrix that goes with RGB sources."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from av.video.format import VideoFormat

from vidcolor.types import LUMA_WEIGHTS, UNSPECIFIED, ColorTags

FULL_RANGE: Final = 2
LIMITED_RANGE: Final = 1
_SD_HEIGHT: Final = 576

_MATRIX_OF_PRIMARIES: Final = {1: 1, 4: 5, 5: 5, 6: 6, 7: 7, 9: 9}


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """What a pixel format holds, as far as lightness is concerned.

    Attributes:
        name: FFmpeg's name without the endianness suffix.
        bits: stored bits per luma (or R, G, B) sample; 32 or 16 with ``is_float``.
        depth: bits of the luma codes that come out, 8 to 16.
        is_rgb: RGB, palette, Bayer or XYZ: luma is computed.
        is_gray: no chroma at all.
        is_float: samples are IEEE floats, 0..1.
        has_alpha: there is an alpha channel.
        big_endian: samples above 8 bit are stored high byte first.
        chroma_shift: log2 of chroma subsampling (horizontal, vertical).
    """

    name: str
    bits: int
    depth: int
    is_rgb: bool
    is_gray: bool
    is_float: bool
    has_alpha: bool
    big_endian: bool
    chroma_shift: tuple[int, int]


@cache
def pixel_layout(pix_fmt: str) -> PixelLayout:
    """Describe a pixel format.

    Raises:
        ValueError: libav knows no format of that name.
    """
    wanted = VideoFormat(pix_fmt, 64, 64)
    components = wanted.components
    big_endian = pix_fmt.endswith("be")
    name = pix_fmt[:-2] if pix_fmt.endswith(("le", "be")) else pix_fmt
    is_rgb = wanted.is_rgb or wanted.has_palette or wanted.is_bayer or name.startswith("xyz")
    is_gray = not is_rgb and sum(not part.is_alpha for part in components) == 1
    bits = max((part.bits for part in components if not part.is_alpha), default=8)
    if wanted.has_palette:
        bits = 8
    elif wanted.is_bayer:
        bits = 16 if "16" in name else 8
    is_float = name.endswith(("f32", "f16")) and bits >= 16
    shift = (0, 0)
    if not is_rgb and not is_gray:
        shift = tuple(  # type: ignore[assignment]
            (64 // size).bit_length() - 1
            for size in (wanted.chroma_width(64), wanted.chroma_height(64))
        )
    return PixelLayout(
        name=name,
        bits=bits,
        depth=16 if is_float else min(16, max(8, bits)),
        is_rgb=is_rgb,
        is_gray=is_gray,
        is_float=is_float,
        has_alpha=any(part.is_alpha for part in components) or wanted.has_palette,
        big_endian=big_endian,
        chroma_shift=shift,
    )


def is_full_range(pix_fmt: str, color_range: int) -> bool:
    """Tell whether luma codes of such frames span the whole range.

    Args:
        pix_fmt: FFmpeg's pixel format name.
        color_range: FFmpeg's code: 0 unspecified, 1 limited, 2 full.
    """
    layout = pixel_layout(pix_fmt)
    if layout.is_rgb or layout.is_float or pix_fmt.startswith("yuvj"):
        return True
    if layout.is_gray:
        return color_range != LIMITED_RANGE
    return color_range == FULL_RANGE


def rgb_matrix(tags: ColorTags, height: int) -> int:
    """Choose the matrix (H.273 code point) by which RGB sources are turned into luma and YUV.

    Tags decide where they say anything: the matrix, else the one that goes with the primaries;
    else BT.709 above 576 lines and BT.601 (SMPTE 170M) up to there, as players assume.
    """
    if tags.matrix in LUMA_WEIGHTS:
        return tags.matrix
    if tags.matrix in (UNSPECIFIED, 0) and tags.primaries in _MATRIX_OF_PRIMARIES:
        return _MATRIX_OF_PRIMARIES[tags.primaries]
    return 1 if height > _SD_HEIGHT else 6
