"""A decoded photo and the arithmetic on its samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, cast

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.media.still.metadata.record import StillMetadata
from vidcolor.types import Plane

Samples = npt.NDArray[Any]
"""``(H, W)`` or ``(H, W, C)`` code values, uint8 or uint16, full range."""

Model = Literal["gray", "rgb", "cmyk", "lab", "icclab"]
"""What the samples mean; CMYK counts ink (full range is solid ink); "icclab" is TIFF's ICCLab."""


@dataclass(slots=True)
class Raster:
    """One decoded picture, as stored (not yet turned upright, not yet converted by its profile).

    Attributes:
        samples: ``(H, W)`` for gray, else ``(H, W, C)``; uint8 or uint16, full range.
        model: what the samples mean.
        alpha: ``(H, W)`` in the samples' dtype, straight (not premultiplied), or None.
        format: container name as Pillow spells it.
        orientation: EXIF orientation still to be applied, 1 to 8.
        icc: the embedded profile, or None.
        gamma: PNG's gAMA where there is no profile and no sRGB chunk, or None.
        pages: pages or frames in the file.
        metadata: what is copied to the output.
        warnings: lines for the user, without the file's name.
    """

    samples: Samples
    model: Model
    alpha: Plane | None
    format: str
    orientation: int = 1
    icc: bytes | None = None
    gamma: float | None = None
    pages: int = 1
    metadata: StillMetadata = field(default_factory=StillMetadata)
    warnings: list[str] = field(default_factory=list)


def full_scale(samples: Samples) -> int:
    """The code value of white: 255 for uint8, 65535 for uint16."""
    return int(np.iinfo(samples.dtype).max)


def luma_601(rgb: Samples) -> Plane:
    """Y' by BT.601's weights (0.299, 0.587, 0.114) on code values; R = G = B gives exactly R.

    Args:
        rgb: ``(H, W, 3)`` uint8 or uint16.

    Returns:
        ``(H, W)`` in the same dtype, rounded.
    """
    return cast(Plane, cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY))


def scale_bits(samples: Samples, bits: int) -> Plane:
    """Stretch codes of ``bits`` bits to full 8 bit (up to 8 bits) or full 16 bit, rounded."""
    if bits in (8, 16):
        return cast(Plane, samples.astype(np.uint8 if bits == 8 else np.uint16, copy=False))
    top = (1 << bits) - 1
    target = 255 if bits < 8 else 65535
    codes = np.arange(top + 1, dtype=np.uint64)
    table = ((codes * target + top // 2) // top).astype(np.uint8 if bits < 8 else np.uint16)
    return cast(Plane, table[np.minimum(samples, top)])


def to_depth(samples: Samples, depth: int) -> Samples:
    """Convert between 8 and 16 bit code values: up by 257, down with rounding (exact inverses)."""
    have = samples.dtype.itemsize * 8
    if have == depth:
        return samples
    if depth == 16:
        return samples.astype(np.uint16) * np.uint16(257)
    codes = np.arange(65536, dtype=np.uint32)
    table = ((codes + 128) // 257).astype(np.uint8)
    return table[samples]


def unpremultiply(samples: Samples, alpha: Plane) -> Samples:
    """Undo associated alpha: ``c * white / a``, rounded and limited; 0 where alpha is 0."""
    white = np.float32(full_scale(samples))
    gain = np.where(alpha == 0, np.float32(0), white / np.maximum(alpha, 1).astype(np.float32))
    if samples.ndim == 3:
        gain = gain[..., None]
    straight = np.minimum(samples * gain + np.float32(0.5), white)
    return straight.astype(samples.dtype)


def ink_to_rgb(cmyk: Samples) -> Samples:
    """The usual conversion of CMYK without a profile: ``R = (1 - C) (1 - K)``, and so on.

    Args:
        cmyk: ``(H, W, 4)`` uint8 or uint16, full scale is solid ink.

    Returns:
        ``(H, W, 3)`` in the same dtype.
    """
    white = full_scale(cmyk)
    paper = white - cmyk.astype(np.uint32)
    light = (paper[..., :3] * paper[..., 3:] + white // 2) // white
    return light.astype(cmyk.dtype)


def split_channels(pixels: Samples) -> tuple[Samples, Samples | None, Model]:
    """Samples, alpha and model of ``(H, W)`` or ``(H, W, 1 to 4)`` pixels."""
    if pixels.ndim == 2:
        return pixels, None, "gray"
    channels = pixels.shape[2]
    alpha = None
    if channels in (2, 4):
        alpha = np.ascontiguousarray(pixels[..., -1])
        if int(alpha.min()) == full_scale(alpha):
            alpha = None
    if channels <= 2:
        return np.ascontiguousarray(pixels[..., 0]), alpha, "gray"
    return np.ascontiguousarray(pixels[..., :3]), alpha, "rgb"
