"""Kinds of files by their first bytes, and what an input may be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from vidcolor.errors import InputError, Option
from vidcolor.media.files.inputs import shown
from vidcolor.media.files.patterns import is_pattern, pattern_of

Kind = Literal["image", "video", "audio", "sequence", "scan", "unknown"]
"""What an input is; "scan" is a single file of a scanned film, "sequence" all of them."""

RAW_JPEG_SUFFIXES: Final = frozenset({".mjpg", ".mjpeg"})
"""Names of raw Motion JPEG, which begins like a photo."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A kind of picture file.

    Attributes:
        kind: as Pillow spells it; "DPX" and "EXR" are read as scans only.
        pattern: matches the first bytes.
        codec: libav's decoder for scans of this kind; "" where they aren't read as scans.
        is_photo: a file that begins so is a photo.
        may_move: it may hold an animation.
    """

    kind: str
    pattern: re.Pattern[bytes]
    codec: str = ""
    is_photo: bool = True
    may_move: bool = False


def _signature(
    kind: str, pattern: bytes, codec: str = "", *, is_photo: bool = True, may_move: bool = False
) -> Signature:
    return Signature(kind, re.compile(pattern, re.DOTALL), codec, is_photo, may_move)


SIGNATURES: Final = (
    _signature("JPEG", rb"\xff\xd8\xff", "mjpeg"),
    _signature("PNG", rb"\x89PNG\r\n\x1a\n", "png", may_move=True),
    _signature("TIFF", rb"II[\x2a\x2b]\0|MM\0[\x2a\x2b]", "tiff"),
    _signature("GIF", rb"GIF8[79]a", may_move=True),
    _signature("WEBP", rb"RIFF....WEBP", may_move=True),
    _signature("JPEG2000", rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "jpeg2000"),
    _signature("AVIF", rb"....ftypavif"),
    _signature("AVIF", rb"....ftypavis", is_photo=False),
    _signature("HEIF", rb"....ftyp(hei[cxms]|hev[cxms]|mif1)"),
    _signature("HEIF", rb"....ftypmsf1", is_photo=False),
    _signature("BMP", rb"BM.{12}[\x0c-\x7c]\0\0\0", "bmp"),
    _signature("PPM", rb"P5\s", "pgm"),
    _signature("PPM", rb"P6\s", "ppm"),
    _signature("PPM", rb"P[1-7]\s"),
    _signature("PSD", rb"8BPS"),
    _signature("ICO", rb"\0\0\x01\0[\x01-\x40]\0...\0[\0\x01]\0[\0\x01\x04\x08\x10\x18\x20]\0"),
    _signature("DPX", rb"SDPX|XPDS", "dpx", is_photo=False),
    _signature("EXR", rb"\x76\x2f\x31\x01", "exr", is_photo=False),
)
"""All kinds of picture files that are recognised by their first bytes."""


def find_signature(head: bytes) -> Signature | None:
    """Return the kind of picture file that begins so, None where it is none.

    Args:
        head: at least the first 64 bytes.
    """
    return next((each for each in SIGNATURES if each.pattern.match(head)), None)


def needs_pillow(head: bytes) -> bool:
    """Tell by a file's first bytes whether it is an animated WebP or PNG: libav reads neither."""
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X":
        return bool(head[20] & 2)
    return head.startswith(b"\x89PNG") and head[37:41] == b"acTL"


def is_sequence(path: str | Path) -> bool:
    """Tell whether a name means numbered files: ``%d`` or ``%06d`` in it, and no such file."""
    return is_pattern(path) and not Path(path).exists()


def lone_scan(path: str | Path) -> InputError:
    """Why a "scan" isn't colorized by itself, with the command for the film that it belongs to."""
    pattern = pattern_of(path)
    if pattern is None:
        return InputError(
            f"{shown(path)}: is a single scan; numbered ones are read as a film"
            " ('scan_%06d.dpx', with ",
            Option("fps", 18),
            "), photos as TIFF or PNG",
        )
    name = shown(pattern)
    return InputError(
        f"{name}: scans of a film are read together: give '{name}' as input, with ",
        Option("fps", 18),
    )
