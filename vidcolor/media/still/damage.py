"""Truncated and damaged photos: what decoders refuse, and what they fill with grey in silence.

libjpeg fills what is missing and says nothing. libav's JPEG decoder, told to stop at the first
error, is asked too: it takes a tenth of a second for 12 megapixels and agrees with all of a hundred
intact files from cameras, scanners and web tools.
"""

from __future__ import annotations

import re
import struct

import av
import numpy as np
from av.error import InvalidDataError
from PIL import Image, UnidentifiedImageError

from vidcolor.errors import InputError
from vidcolor.media.pixels.limits import MAX_PHOTO_PIXELS
from vidcolor.media.still.open import StillFile
from vidcolor.media.still.raster import Raster, Samples

_CUT_WORDS = re.compile(
    r"truncat|unexpected end|broken data|premature|incomplete|not enough data|past end", re.I
)


def explain(file: StillFile, error: Exception) -> InputError:
    """Word a decoder's exception in one line: too large, truncated, or damaged."""
    detail = re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
    if isinstance(error, MemoryError):
        return InputError(f"{file.name}: not enough memory to decode it")
    if isinstance(error, Image.DecompressionBombError):
        pixels = re.search(r"\d{7,}", detail)
        size = f"{int(pixels[0]) / 1e6:,.0f} megapixels" if pixels else "too many pixels"
        return InputError(f"{file.name}: {size}; the limit is {MAX_PHOTO_PIXELS / 1e6:.0f}")
    if is_cut(file.kind, file.data) or _CUT_WORDS.search(detail):
        return InputError(f"{file.name}: truncated: the file ends before the picture does")
    if isinstance(error, (UnidentifiedImageError, struct.error)):
        return InputError(f"{file.name}: damaged: its header makes no sense")
    return InputError(f"{file.name}: damaged or of an unsupported kind ({detail[:160]})")


def is_cut(kind: str, data: bytes) -> bool:
    """Whether a file's end is missing, by the lengths in its headers.

    Args:
        kind: format by content.
        data: the file.
    """
    if kind == "JPEG":
        return not data.rstrip(b"\0").endswith(b"\xff\xd9")
    if kind == "PNG":
        return b"IEND" not in data[-64:] and b"IEND" not in data
    if kind == "WEBP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if kind in ("AVIF", "HEIF", "JPEG2000") and not data.startswith(b"\xff\x4f"):
        return _boxes_end(data) > len(data)
    if kind == "JPEG2000":
        return not data.endswith(b"\xff\xd9")
    if kind == "TIFF":
        order = "<" if data.startswith(b"II") else ">"
        big = b"\x2b" in data[2:4]
        at, size = (8, "Q") if big else (4, "I")
        head = data[at : at + struct.calcsize(size)]
        whole = len(head) == struct.calcsize(size)
        return not whole or struct.unpack(order + size, head)[0] + 6 > len(data)
    return False


def _boxes_end(data: bytes) -> int:
    """The end of the last top-level box of an ISO file, by its header."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size < 8:  # 0: up to the end of the file
            return len(data) if size == 0 else at
        at += size
    return at


def is_sound(data: bytes) -> bool:
    """Whether libav decodes a JPEG without an error (kinds that it doesn't know count as sound)."""
    codec = av.CodecContext.create("mjpeg", "r")
    codec.options = {"err_detect": "explode"}
    try:
        codec.decode(av.Packet(data))
    except InvalidDataError:
        return False
    except Exception:  # "not implemented": lossless, arithmetic coding, 12 bit
        return True
    return True


def check_jpeg(file: StillFile, raster: Raster) -> None:
    """Refuse a picture whose lower part is missing; warn of damage within.

    Raises:
        InputError: the data ends early, and the rest of the picture is one flat colour.
    """
    if is_sound(file.data):
        return
    flat = _flat_rows(raster.samples)
    if flat >= 8:
        share = flat / raster.samples.shape[0]
        raise InputError(f"{file.name}: truncated: the lower {share:.0%} of the picture is missing")
    raster.warnings.append("damaged: parts of the picture may be wrong or blurred")


def whole_but_for_end(data: bytes) -> bool:
    """Whether a JPEG lacks nothing but its end marker."""
    return is_sound(data + b"\xff\xd9")


def _flat_rows(samples: Samples) -> int:
    """How many rows at the bottom repeat one single colour."""
    rows = samples.reshape(samples.shape[0], -1, samples.shape[2] if samples.ndim == 3 else 1)
    last = rows[-1, -1]
    uneven = np.flatnonzero((rows != last).any(axis=(1, 2)))
    return len(rows) - 1 - int(uneven[-1]) if len(uneven) else len(rows)
