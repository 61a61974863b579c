"""Scratches of films: thin lines along the film that stay at one place while the scene moves.

A line shows itself by persistence: the same column stands out from both of its sides over most of
the height, in most of the frames around. A thing in the scene does so too where nothing moves, so
there nothing is taken for a scratch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.repair.network import Mask

Codes = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float32]

_BANDS = 48
"""Bands of rows over which a line is averaged."""
_APART_PX = 5
"""Distance of a line's sides from its middle; at most 2 less than that wide."""
_STEP = 2.5
"""Codes of 8 bits by which a band of a line has to stand out from both sides."""
_COVERED = 0.6
"""Least share of bands in which it does."""
_PERSISTS = 0.7
"""Least share of the frames around in which the line is there too."""
_DRIFT_PX = 2
"""How far a line may move over the frames around."""
_MOST = 6
"""Lines in a frame: more are a fence."""


@dataclass(frozen=True, slots=True)
class Stripes:
    """What one frame shows of lines.

    Attributes:
        over: ``(bands, W)`` float32, codes by which a place is brighter than both of its sides.
        under: the same for darker.
        bright: ``(W,)`` float32, share of bands in which a column's line is brighter.
        dark: the same for darker.
    """

    over: Values
    under: Values
    bright: Values
    dark: Values


@dataclass(frozen=True, slots=True)
class Line:
    """A scratch in one frame.

    Attributes:
        column, lean: its middle is at ``column + lean * (row / height)``.
        half: half of its width in pixels, at least 1.
    """

    column: float
    lean: float
    half: int


def stripes_of(codes: Codes) -> Stripes:
    """See ``Stripes``; codes are ``(H, W)``."""
    height, width = codes.shape
    bands = min(_BANDS, height)
    low = cv2.resize(codes, (width, bands), interpolation=cv2.INTER_AREA).astype(np.float32)
    middle = cv2.blur(low, (2, 1))
    side = cv2.blur(low, (3, 1))
    left = cv2.copyMakeBorder(side, 0, 0, _APART_PX, 0, cv2.BORDER_REFLECT)[:, :width]
    right = cv2.copyMakeBorder(side, 0, 0, 0, _APART_PX, cv2.BORDER_REFLECT)[:, _APART_PX:]
    over = np.asarray(middle - np.maximum(left, right), np.float32)
    under = np.asarray(np.minimum(left, right) - middle, np.float32)
    return Stripes(over, under, _covered(over), _covered(under))


def _covered(response: Values) -> Values:
    # A line that leans by a pixel or two is in neighbouring columns.
    wide = cv2.dilate(response, np.ones((1, 3), np.uint8))
    return np.asarray((wide > _STEP).mean(axis=0), np.float32)


def find_lines(at: int, around: Sequence[Stripes], *, moves: Callable[[], bool]) -> list[Line]:
    """The scratches of a frame.

    Args:
        at: which of ``around`` it is.
        around: frames of the same shot, in order; fewer than 3 tell nothing.
        moves: whether the scene moves under a line between these frames; asked only where
            something looks like one.
    """
    if len(around) < 3:
        return []
    own = around[at]
    found: list[Line] = []
    for name in ("bright", "dark"):
        share: Values = getattr(own, name)
        others = [
            _widened(getattr(each, name), min(_DRIFT_PX, abs(k - at)))
            for k, each in enumerate(around) if k != at
        ]  # fmt: skip
        lasting = np.mean([other >= _COVERED for other in others], axis=0)
        peak = (share >= _COVERED) & (lasting >= _PERSISTS)
        peak[: 2 * _APART_PX] = peak[-2 * _APART_PX :] = False  # the gate's edge
        response = own.over if name == "bright" else own.under
        found += _lines_at(peak, share, response)
    return found if found and len(found) <= _MOST and moves() else []


def _widened(share: Values, reach_px: int) -> Values:
    return np.asarray(cv2.dilate(share[None], np.ones((1, 2 * reach_px + 1), np.uint8))[0])


def _lines_at(peak: Mask, share: Values, response: Values) -> list[Line]:
    lines = []
    count, labels = cv2.connectedComponents(peak.astype(np.uint8)[None], connectivity=8)
    for label in range(1, count):
        columns = np.flatnonzero(labels[0] == label)
        if len(columns) > 2 * _APART_PX:
            continue
        first, last = max(columns[0] - 3, 0), columns[-1] + 4
        part = np.maximum(response[:, first:last], 0.0)
        lines.append(_fitted(part, first))
    return lines


def _fitted(part: Values, first: int) -> Line:
    """A straight line through the response of bands."""
    bands, width = part.shape
    weight = part.sum(axis=1)
    middle = (part @ np.arange(width, dtype=np.float32)) / np.maximum(weight, 1e-3) + first
    rows = (np.arange(bands) + 0.5) / bands
    tells = weight > _STEP
    lean, column = np.polyfit(rows[tells], middle[tells], 1, w=np.sqrt(weight[tells]))
    lean = float(np.clip(lean, -6.0, 6.0))
    column = float(np.average(middle[tells] - lean * rows[tells], weights=weight[tells]))
    # The profile across the line, from where it stands out by a quarter of its height.
    profile = part[tells].mean(axis=0)
    wide = int((profile > 0.25 * profile.max()).sum())
    return Line(column, lean, int(np.clip((wide + 1) // 2, 1, _APART_PX - 2)))


def mask_of(line: Line, shape: tuple[int, ...]) -> Mask:
    """Where a line is in a frame."""
    middle = _middle(line, shape[0])[:, None]
    return np.asarray(np.abs(np.arange(shape[1])[None] - middle) <= line.half)


def fill_from_sides(codes: npt.NDArray[np.generic], line: Line) -> Values:
    """A frame's codes with a line filled from both of its sides, ``(H, W)`` float32."""
    height, width = codes.shape
    x = codes.astype(np.float32)
    middle = _middle(line, height)
    rows = np.arange(height)
    left = np.clip(middle - line.half - 1, 0, width - 1)
    right = np.clip(middle + line.half + 1, 0, width - 1)
    a, b = x[rows, left], x[rows, right]
    for offset in range(-line.half, line.half + 1):
        share = np.float32((offset + line.half + 1) / (2 * line.half + 2))
        at = np.clip(middle + offset, 0, width - 1)
        x[rows, at] = a + share * (b - a)
    return x


def _middle(line: Line, height: int) -> npt.NDArray[np.int64]:
    rows = (np.arange(height) + 0.5) / height
    return np.rint(line.column + line.lean * rows).astype(np.int64)
