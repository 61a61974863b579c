"""Is a picture transparent anywhere? Many codecs have an alpha channel that nobody has used."""

from __future__ import annotations

from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt

from vidcolor.media.pixels.layout import PixelLayout, pixel_layout
from vidcolor.media.pixels.planes import plane_view

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
_OPAQUE: Final = 1 - 1 / 256
"""Share of full alpha from which on a pixel counts as opaque: less than one step of 8 bits."""


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
    is_planar = layout.name.startswith(("yuva", "gbrap"))
    if not is_planar and (layout.is_float or layout.name not in _PACKED):
        return bool(frame.to_ndarray(format="rgba")[..., 3].min() < 255)
    codes = _codes(frame, layout)
    full = 1.0 if layout.is_float else float((1 << layout.bits) - 1)
    return bool(codes.min() < full * _OPAQUE)


def _codes(frame: av.VideoFrame, layout: PixelLayout) -> npt.NDArray[Any]:
    """A view of the alpha codes, ``(H, W)``."""
    place, count = _PACKED.get(layout.name, (0, 1))
    plane = frame.planes[0 if layout.name in _PACKED else _ALPHA_PLANE]
    kind, size = "f" if layout.is_float else "u", (layout.bits + 7) // 8
    dtype = f"{'>' if layout.big_endian else '<'}{kind}{size}"
    return plane_view(plane, dtype, per_pixel=count)[:, place::count]
