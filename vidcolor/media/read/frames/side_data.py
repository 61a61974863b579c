"""What decoded frames carry besides pixels: captions, HDR metadata, the display matrix."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any, Final, cast

import av
from av.error import FFmpegError

from vidcolor.media.source import SideDatum

_PER_FRAME: Final = frozenset(
    {"A53_CC", "S12M_TIMECODE", "GOP_TIMECODE", "AFD", "DYNAMIC_HDR_PLUS", "DOVI_RPU_BUFFER"}
)
_PER_STREAM: Final = frozenset({"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"})
_NAMED_PROFILES: Final = frozenset({"png", "apng"})
"""Codecs whose frames' colour profile has a name: PyAV 18 frees it with what it made to show the
side data, libav frees it with the frame, and the program crashes some time later."""


def _items(frame: av.VideoFrame, codec: str) -> Iterable[tuple[str, bytes]]:
    """List (kind, payload); empty if PyAV fails at one, or doesn't know its kind."""
    if codec in _NAMED_PROFILES:
        return []
    try:
        return [(item.type.name, bytes(item)) for item in cast("Iterable[Any]", frame.side_data)]
    except (ValueError, KeyError, TypeError):
        return []


def collect_side_data(frame: av.VideoFrame, codec: str) -> tuple[SideDatum, ...]:
    """Copy what the writer can carry over; keeps no reference to the frame's pixels."""
    found = [
        item for item in _items(frame, codec) if item[0] in _PER_FRAME or item[0] in _PER_STREAM
    ]
    if not found:
        return ()
    carrier: av.VideoFrame | None = None
    if any(kind in _PER_FRAME for kind, _ in found):
        try:
            carrier = frame.reformat(16, 16, "gray")
        except (FFmpegError, ValueError):
            carrier = None
    return tuple(
        SideDatum(kind, data, carrier if kind in _PER_FRAME else None) for kind, data in found
    )


def display_matrix(frame: av.VideoFrame, codec: str) -> tuple[int, ...] | None:
    """Return the nine integers of a frame's display matrix, None where absent or degenerate."""
    for kind, data in _items(frame, codec):
        if kind == "DISPLAYMATRIX" and len(data) >= 36:
            matrix = struct.unpack("=9i", data[:36])
            a, b, _, c, d = matrix[:5]
            if a * d - b * c == 0 or matrix == (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30):
                return None
            return matrix
    return None
