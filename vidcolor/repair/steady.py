"""Gate weave: small shifts and turns of the whole frame, taken out against a slowly moving mean.

The motion of the whole frame from one to the next is found on corners that most of the picture
agrees on. A frame's place is compared with the mean place of the frames around it, as many before
as after, so that a steady pan keeps its course. What is left is weave, and the frame is moved back
by it. Nothing is cropped: what comes in at a border is mirrored from the picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.repair.film import eight_bits
from vidcolor.repair.window import WindowFilter
from vidcolor.temporal import MarkedFrame
from vidcolor.types import Plane

REACH_FRAMES: int = 4
"""Frames before and after over which the mean is taken."""

_SIDE_PX = 360
"""Height at which motion is found."""
_MOST_SHIFT, _MOST_TURN = 0.015, 0.01
"""Of the frame's height, and in radians: weave is small, more is the camera."""
_LEAST_SHIFT_PX = 0.08
"""Below it a frame is steady, and stays as it is."""
_LEAST_CORNERS, _LEAST_AGREEING = 24, 0.5
"""Corners that must be found again, and the share of them that must move as one."""

Codes = npt.NDArray[np.uint8]
Place = npt.NDArray[np.float64]
"""Where a frame is: right, down (both in heights of it), turn (radians)."""


@dataclass(slots=True)
class _Held:
    marked: MarkedFrame
    small: Codes
    step: Place


class Steady(WindowFilter[_Held]):
    """Takes gate weave out of a film; a ``LumaFilter``."""

    name = "steady"
    memory_frames = REACH_FRAMES
    look_ahead_frames = REACH_FRAMES

    def _seen(self, marked: MarkedFrame) -> _Held:
        small = _small(eight_bits(marked.frame))
        before = self._held[-1].small if self._held else None
        step = np.zeros(3) if before is None else motion_of_frame(before, small)
        return _Held(marked, small, step)

    def _made(self, at: int) -> MarkedFrame:
        held = self._held[at]
        weave = self._weave(at)
        frame = held.marked.frame
        height = frame.luma.shape[0]
        if np.hypot(*weave[:2]) * height + abs(weave[2]) * height / 2 < _LEAST_SHIFT_PX:
            return held.marked
        return replace(held.marked, frame=replace(frame, luma=moved_back(frame.luma, weave)))

    def _weave(self, at: int) -> Place:
        """How far a frame is from the mean place of those around it."""
        reach = min(at, len(self._held) - 1 - at, REACH_FRAMES)
        # Places relative to the frame itself, by steps added up from there outwards: what came
        # before its neighbours must not count, not even by rounding.
        steps = np.stack([each.step for each in self._held])
        later = steps[at + 1 : at + reach + 1].cumsum(axis=0)
        earlier = -steps[at - reach + 1 : at + 1][::-1].cumsum(axis=0)[::-1]
        places = np.concatenate([earlier, np.zeros((1, 3)), later])
        weight = np.bartlett(2 * reach + 3)[1:-1]
        weave = -(weight[:, None] * places).sum(axis=0) / weight.sum()
        most = (_MOST_SHIFT, _MOST_SHIFT, _MOST_TURN)
        return np.asarray(np.clip(weave, np.negative(most), most))


def motion_of_frame(before: Codes, now: Codes) -> Place:
    """How the whole frame moved; 0 where too little of it moves as one.

    Args:
        before: ``(h, w)``, the earlier frame.
        now: ``(h, w)``, the later one.
    """
    still = np.zeros(3)
    corners = cv2.goodFeaturesToTrack(before, 160, 0.01, 8)
    if corners is None or len(corners) < _LEAST_CORNERS:
        return still
    found, status, _ = cv2.calcOpticalFlowPyrLK(before, now, corners, None, winSize=(15, 15))  # type: ignore[call-overload]
    good = status.ravel() == 1
    if good.sum() < _LEAST_CORNERS:
        return still
    cv2.setRNGSeed(1)  # the same frames give the same motion
    way, agree = cv2.estimateAffinePartial2D(
        corners[good], found[good], method=cv2.RANSAC, ransacReprojThreshold=0.7
    )
    if way is None or agree.mean() < _LEAST_AGREEING:
        return still
    height, width = now.shape
    middle = np.array([width / 2, height / 2])
    shift = way[:, :2] @ middle + way[:, 2] - middle
    return np.array([shift[0] / height, shift[1] / height, np.arctan2(way[1, 0], way[0, 0])])


def moved_back(luma: Plane, weave: Place) -> Plane:
    """A frame without its weave; what comes in at the borders is mirrored."""
    height, width = luma.shape
    middle = (width / 2, height / 2)
    way = cv2.getRotationMatrix2D(middle, np.degrees(weave[2]), 1.0)
    way[:, 2] -= weave[:2] * height
    return cv2.warpAffine(  # type: ignore[return-value]
        luma, way, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )


def _small(codes: Codes) -> Codes:
    height, width = codes.shape
    if height <= _SIDE_PX:
        return codes
    size = (round(width * _SIDE_PX / height), _SIDE_PX)
    return np.asarray(cv2.resize(codes, size, interpolation=cv2.INTER_AREA), np.uint8)
