"""Small films for tests of repair."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.temporal import LumaFilter, MarkedFrame
from vidcolor.types import LumaFrame, Plane

Codes = npt.NDArray[np.uint8]


def scene(frames: int, *, step_px: float = 1.5, height: int = 120, width: int = 160) -> list[Codes]:
    """A soft, textured scene that moves to the left."""
    rng = np.random.default_rng(4)
    wide = cv2.resize(rng.uniform(50, 200, (12, 40)).astype(np.float32), (width * 3, height),
                      interpolation=cv2.INTER_CUBIC)  # fmt: skip
    wide += cv2.GaussianBlur(rng.normal(0, 12, wide.shape).astype(np.float32), (0, 0), 1.0)
    made = []
    for at in range(frames):
        way = np.array([[1.0, 0.0, -step_px * at - 20.0], [0.0, 1.0, 0.0]])
        made.append(np.clip(cv2.warpAffine(wide, way, (width, height)), 0, 255).astype(np.uint8))
    return made


def marked(frames: Sequence[Plane], *, depth: int = 8, first: int = 0) -> list[MarkedFrame]:
    """The frames of one shot."""
    return [
        MarkedFrame(LumaFrame(luma, depth, True, at, Fraction(1, 25)), at, at == first)
        for at, luma in enumerate(frames, start=first)
    ]


def through(filtering: LumaFilter, frames: Sequence[MarkedFrame]) -> list[Plane]:
    """Luma as a filter leaves it."""
    ready = filtering.push(frames) + filtering.flush()
    return [each.frame.luma for each in ready]


def speck(frame: Plane, row: int, column: int, *, side: int = 5, value: int = 255) -> Plane:
    """The frame with a bright square on it."""
    dirty = frame.copy()
    dirty[row : row + side, column : column + side] = value
    return dirty
