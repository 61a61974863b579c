"""The frame rate that scanners write into the headers of DPX and OpenEXR files."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Final

from vidcolor.media.kinds import find_signature

_HEAD_BYTES: Final = 1 << 16
_DPX_RATES: Final = (1724, 1940)
"""Offsets of 32-bit floats: the film header's frame rate, the television header's (SMPTE 268M)."""
_RATES: Final = (1.0, 240.0)
_FILES: Final = 10
"""As many of the first files are looked at: some may be damaged."""


def header_rate(files: Iterable[Path]) -> Fraction | None:
    """Frames per second by the first header that has a rate; None where none has."""
    for _, file in zip(range(_FILES), files, strict=False):
        try:
            with file.open("rb") as stream:
                head = stream.read(_HEAD_BYTES)
        except OSError:  # reading the whole file will report it
            continue
        found = find_signature(head[:64])
        if found is None:  # damaged
            continue
        if found.kind not in ("DPX", "EXR"):
            return None
        rate = rate_in(head)
        if rate is not None:
            return rate
    return None


def rate_in(head: bytes) -> Fraction | None:
    """Frames per second in the header of one scan; None where it has no plausible rate.

    Args:
        head: the first bytes of a file of any kind.
    """
    if head[:4] in (b"SDPX", b"XPDS"):
        order = ">" if head[:4] == b"SDPX" else "<"
        picture_at = min(struct.unpack_from(order + "I", head, 4)[0], len(head)) if head[8:] else 0
        said = (
            struct.unpack_from(order + "f", head, at)[0]
            for at in _DPX_RATES
            if at + 4 <= picture_at  # short headers end before: what follows is the picture
        )
        return next((rate for each in said if (rate := _plausible(each))), None)
    if head[:4] == b"\x76\x2f\x31\x01":
        return _exr_rate(head)
    return None


def _exr_rate(head: bytes) -> Fraction | None:
    """The attribute ``framesPerSecond``: a rational of an int and an unsigned int."""
    at = 8
    while at < len(head) and head[at]:
        name_end = head.find(b"\0", at)
        type_end = head.find(b"\0", name_end + 1)
        if name_end < 0 or type_end < 0 or type_end + 5 > len(head):
            return None
        size = int.from_bytes(head[type_end + 1 : type_end + 5], "little")
        value = head[type_end + 5 : type_end + 5 + size]
        if head[at:name_end] == b"framesPerSecond" and len(value) == 8:
            number, divisor = struct.unpack("<iI", value)
            return _plausible(number / divisor) if divisor else None
        at = type_end + 5 + size
    return None


def _plausible(rate: float) -> Fraction | None:
    """The rate as a fraction: whole, one of television's (30000/1001), else as it is."""
    if not math.isfinite(rate) or not _RATES[0] <= rate <= _RATES[1]:
        return None
    for exact in (Fraction(round(rate)), Fraction(math.ceil(rate) * 1000, 1001)):
        if abs(rate - exact) < 0.002:
            return exact
    return Fraction(rate).limit_denominator(1000)
