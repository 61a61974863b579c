"""Is a picture transparent anywhere? Many codecs have an alpha channel that nobody has used."""

from __future__ import annotations

from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt

from vidcolor.media.pixels.layout import pixel_layout

_PACKED: Final = {  # place of alpha, samples per pixel
    "rgba": (3, 4),
    "bgra": (3, 4),
    "argb": (0, 4),
    "abgr": (0, 4),
    "rgba64": (3, 4),
    "bgra64": (3, 4),
    "ya8": (1, 2),
    "ya16": (1, 2),
}
_ALPHA_PLANE: Final = 3


def is_transparent(frame: av.VideoFrame) -> bool:
    """Whether any pixel of a decoded frame isn't opaque.

    Args:
        frame: in any software pixel format; those without alpha are opaque.
    """
    layout = pixel_layout(frame.format.name)
    if not layout.has_alpha:
        return False
    if layout.name == "pal8":
        indices, palette = frame.to_ndarray()
        alpha = np.asarray(palette)[:, 0]  # A, R, G, B
        return bool(alpha.min() < 255) and bool((alpha[np.unique(indices)] < 255).any())
    if layout.is_float or not (layout.name in _PACKED or layout.name.startswith(("yuva", "gbrap"))):
        return bool(frame.to_ndarray(format="rgba")[..., 3].min() < 255)
    codes = _codes(frame, layout.name, big_endian=layout.big_endian, deep=layout.bits > 8)
    full = (1 << layout.bits) - 1
    return bool(codes.min() < full - (full >> 8))  # less than one step of 8 bits isn't seen


def _codes(frame: av.VideoFrame, name: str, *, big_endian: bool, deep: bool) -> npt.NDArray[Any]:
    """A view of the alpha codes, ``(H, W)``."""
    place, count = _PACKED.get(name, (0, 1))
    plane = frame.planes[0 if name in _PACKED else _ALPHA_PLANE]
    dtype = np.dtype((">u2" if big_endian else "<u2") if deep else np.uint8)
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, abs(plane.line_size))
    samples = rows[: frame.height, : frame.width * count * dtype.itemsize].view(dtype)
    return samples[:, place::count]
