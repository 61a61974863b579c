"""Which way up a picture is stored: display matrices and EXIF's numbers (1 is upright)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[Any]

_BY_TURN = {
    (0, False): 1, (0, True): 2, (180, False): 3, (180, True): 4,
    (90, True): 5, (90, False): 6, (270, True): 7, (270, False): 8,
}  # fmt: skip
"""By degrees clockwise to turn for display, and whether left and right are exchanged then."""


def rotation(matrix: tuple[int, ...] | None) -> int:
    """Return degrees clockwise that put the stored picture the right way up, in steps of 90.

    Without mirroring, minus ``av_display_rotation_get``; with it, what makes the picture upright
    but for left and right. A stored point (x, y) is shown at (ax + cy, bx + dy).
    """
    if matrix is None:
        return 0
    a, _, _, c, _ = matrix[:5]
    sign = -1 if is_mirrored(matrix) else 1
    # What is stored in the direction (-c, a), or against it, is shown downwards.
    angle = math.degrees(math.atan2(-c * sign, a * sign))
    return round(angle / 90.0) * 90 % 360


def is_mirrored(matrix: tuple[int, ...] | None) -> bool:
    """Whether the picture is shown as in a mirror."""
    if matrix is None:
        return False
    a, b, _, c, d = matrix[:5]
    return a * d - b * c < 0


def matrix_orientation(matrix: tuple[int, ...] | None) -> int:
    """The orientation nearest to a display matrix; 1 for None."""
    return _BY_TURN[rotation(matrix), is_mirrored(matrix)]


def turn_upright(samples: Samples, orientation: int) -> Samples:
    """Apply an EXIF orientation (1 to 8; others count as 1) to ``(H, W, ...)`` samples."""
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    return np.ascontiguousarray(samples)
