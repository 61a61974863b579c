"""Does a picture have colours? Near-grey noise in digitised film is none."""

from __future__ import annotations

from typing import Final

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import Interpolation

from vidcolor.media.pixels.layout import pixel_layout
from vidcolor.media.pixels.planes import plane_view

_WIDTH: Final = 64
_HEIGHT: Final = 48
# Measured on 64x48 area averages, which cancel noise: digitised grey films stay below 2 codes at
# every percentile, colour films have 95th percentiles of 6 to 130. A small coloured object
# moves only the highest percentile.
_BROAD: Final = 6.0
_SMALL: Final = 16.0


def measure_chroma(frame: av.VideoFrame) -> tuple[float, float]:
    """Measure how far a picture is from grey.

    Args:
        frame: a decoded frame in any software pixel format.

    Returns:
        The 95th and the 99.5th percentile of the distance from neutral in the (Cb, Cr) plane,
        in 8-bit codes, over a 64x48 reduction of the picture; zeros for gray formats.
    """
    if pixel_layout(frame.format.name).is_gray:
        return 0.0, 0.0
    try:
        small = frame.reformat(_WIDTH, _HEIGHT, "yuv444p", interpolation=Interpolation.AREA)
    except (FFmpegError, ValueError):
        return 0.0, 0.0
    distance = np.zeros((_HEIGHT, _WIDTH))
    for plane in small.planes[1:3]:
        codes = plane_view(plane, np.uint8)
        distance += (codes.astype(np.float64) - 128.0) ** 2
    broad, small_area = np.percentile(np.sqrt(distance), (95.0, 99.5))
    return float(broad), float(small_area)


def has_color(frame: av.VideoFrame) -> bool:
    """Tell whether a picture is visibly coloured (a tint counts, noise doesn't)."""
    broad, small_area = measure_chroma(frame)
    return broad >= _BROAD or small_area >= _SMALL
