"""Photos of more than 8 bits that Pillow would reduce: PNG, JPEG 2000, AVIF and HEIC."""

from __future__ import annotations

import io
from typing import Any

import imagecodecs
import numpy as np

from vidcolor.media.still.boxes import read_facts
from vidcolor.media.still.open import StillFile
from vidcolor.media.still.png import only_picture
from vidcolor.media.still.raster import Samples, full_scale, scale_bits


def decode_deep(file: StillFile) -> Samples | None:
    """``(H, W)`` or ``(H, W, C)`` uint16 pixels of a picture that has more than 8 bits.

    Args:
        file: a file whose header (and so size) has been checked.

    Returns:
        The pixels, as stored (not turned); None where 8 bits hold all there is.

    Raises:
        Exception: whatever the decoders raise for damaged files; the caller words it.
    """
    depth = stored_depth(file)
    if depth <= 8:
        return None
    if file.kind == "PNG":
        return np.asarray(imagecodecs.png_decode(only_picture(file.data)))
    if file.kind == "JPEG2000":
        return scale_bits(imagecodecs.jpeg2k_decode(file.data), depth)
    if file.kind == "AVIF":
        return scale_bits(imagecodecs.avif_decode(file.data), depth)
    return _decode_heif(file, depth)


def stored_depth(file: StillFile) -> int:
    """Bits per sample in the file, for the formats where Pillow may show fewer."""
    if file.kind == "PNG":
        return file.data[24]
    if file.kind == "JPEG2000":
        facts = read_facts(file.data)
        return facts.depth if facts.components in (1, 2, 3, 4) else 8
    if file.kind == "AVIF":
        at = file.data.find(b"av1C")
        flags = file.data[at + 6] if 0 < at < len(file.data) - 6 else 0
        return (12 if flags & 0x20 else 10) if flags & 0x40 else 8
    if file.kind == "HEIF":
        at = file.data.find(b"hvcC")
        return (file.data[at + 21] & 7) + 8 if 0 < at < len(file.data) - 21 else 8
    return 8


def split_channels(pixels: Samples) -> tuple[Samples, Samples | None, Any]:
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


def _decode_heif(file: StillFile, depth: int) -> Samples:
    """HEIC above 8 bits: libheif gives the codes in the upper bits of 16."""
    import pillow_heif

    opened = pillow_heif.open_heif(io.BytesIO(file.data), convert_hdr_to_8bit=False)
    pixels = np.asarray(opened)
    if pixels.dtype != np.uint16:
        return pixels
    return scale_bits(pixels >> (16 - depth), depth)
