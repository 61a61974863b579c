"""Dust and dirt of films: what is in one frame only, found by comparing along the motion.

A pixel is a candidate where it is brighter, or darker, than everything near its place in both
neighbouring frames, as far as those are registered (as SDIa and ROD do it: Kokaram 1998, "Motion
picture restoration"). Candidates that touch form a blob. A blob is dirt where both neighbours agree
on what is under it, where what is around it was found again in both (so that registration can be
trusted), where nothing like it flies past (so that confetti, birds and sparks stay), and where it
is not one of very many nearby (so that water, leaves and rain stay).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
import torch

from vidcolor.models.networks.damage.dust import PLANES, SIDE_PX, DustNet

Codes = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int32]
Values = npt.NDArray[np.float32]

_FLOW_HEIGHT_PX = 320
"""Height at which motion is found: neighbours need not fit better than a pixel or so."""
_EXPOSURE_PX = 16
"""Side of the cells by which a change of exposure is followed."""
_RING_PX = 5
"""Width of what is looked at around a blob."""
_BUSY_PX = 48
"""Side of the neighbourhood in which candidates are counted."""
_MOST_SHARE = 0.02
"""Of a frame's pixels that may be candidates: beyond, it is a flash or a failed registration."""


_STEP, _NOISE = 10.0, 3.5
"""How far a pixel must stand out: in codes of 8 bits, and in units of the frame's noise."""
_LEAST_AREA_PX = 3.0
_LEAST_CONTRAST = 1.2
"""Of a blob's difference to that of what is around it, and to that of both neighbours under it."""
_MOST_BUSY = 25.0
"""Candidate pixels near a blob, in units of its own."""
_LARGEST = 0.004
"""Of a blob, as a share of the frame."""
_ROW = 256
_MOST_BLOBS = 64
"""That are looked at closely, the clearest ones."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A frame's neighbours, moved to where its things are, in its exposure.

    Attributes:
        before, after: ``(H, W)`` uint8.
    """

    before: Codes
    after: Codes


@dataclass(frozen=True, slots=True)
class Way:
    """How a neighbour is moved.

    Attributes:
        flow: ``(H, W, 2)`` float32, where each pixel is found in the neighbour.
        lighter: ``(H, W)`` float32, what is added to it then, in codes of 8 bits.
    """

    flow: Values
    lighter: Values

    def moved(
        self, plane: npt.NDArray[np.generic], scale: float, where: npt.NDArray[np.bool_]
    ) -> Values:
        """A neighbour's plane of any depth, moved, at some pixels only, ``(n,)`` float32.

        Args:
            plane: ``(H, W)`` code values.
            scale: of its codes against those of 8 bits.
            where: ``(H, W)``, which n pixels.
        """
        place = self.flow[where]
        rows = -(-len(place) // _ROW)  # OpenCV takes no picture of more than 32767 rows
        wide = np.zeros((rows * _ROW, 2), np.float32)
        wide[: len(place)] = place
        found = _remap(plane, wide.reshape(rows, _ROW, 2)).ravel()[: len(place)]
        moved = found.astype(np.float32)
        return moved + self.lighter[where] * np.float32(scale)


class Motion:
    """Finds how neighbours of a frame are moved to its place."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def way(self, frame: Codes, other: Codes) -> tuple[Way, Codes]:
        """How ``other`` is moved to the place of ``frame``, and ``other`` itself moved, uint8."""
        height, width = frame.shape
        shrink = max(1.0, height / _FLOW_HEIGHT_PX)
        few = (max(round(width / shrink), 32), max(round(height / shrink), 32))
        # Medians take small dirt away, which motion shall not follow.
        small = [cv2.medianBlur(_area(each, few), 5) for each in (frame, other)]
        flow = self._flow.calc(small[0], small[1], None)  # type: ignore[call-overload]
        scale = np.array([width / few[0], height / few[1]], np.float32)
        flow = cv2.resize(flow * scale, (width, height), interpolation=cv2.INTER_LINEAR)
        flow = np.asarray(cv2.add(flow, _places(height, width)), np.float32)
        moved = np.asarray(_remap(other, flow), np.uint8)
        lighter = _exposure(frame, moved)
        return Way(flow, lighter), np.asarray(cv2.add(moved, lighter, dtype=cv2.CV_8U), np.uint8)


@lru_cache(maxsize=2)
def _places(height: int, width: int) -> Values:
    """Column and row of each pixel, ``(H, W, 2)``."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.stack((columns, rows), axis=-1)


def _remap(plane: npt.NDArray[np.generic], flow: Values) -> npt.NDArray[np.generic]:
    return np.asarray(
        cv2.remap(plane, flow, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    )


def _exposure(frame: Codes, moved: Codes) -> Values:
    """Slow differences of ``frame`` from ``moved``, ``(H, W)`` float32 in codes."""
    height, width = frame.shape
    few = (max(width // _EXPOSURE_PX, 4), max(height // _EXPOSURE_PX, 4))
    apart = _area(frame, few).astype(np.float32) - _area(moved, few)
    # The median leaves out what is dirt or new in a cell.
    slow = cv2.blur(cv2.medianBlur(apart, 5), (5, 5))
    wide = cv2.resize(slow, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(wide, np.float32)


def _area(codes: Codes, size: tuple[int, int]) -> Codes:
    return np.asarray(cv2.resize(codes, size, interpolation=cv2.INTER_AREA), np.uint8)


@dataclass(frozen=True, slots=True)
class Blobs:
    """Candidates of a frame and what is known of them; arrays have one entry per blob.

    Attributes:
        labels: ``(H, W)``, 0 where there is none, blob ``i`` has ``i + 1``.
        boxes: ``(n, 4)`` left, top, width, height.
        area: pixels.
        contrast: mean difference from the neighbours, in codes.
        around: mean difference of what is around it.
        apart: mean difference of the neighbours from each other under it.
        busy: candidate pixels nearby, those of the blob included.
        noise: the frame's usual difference from its neighbours, in codes.
    """

    labels: Labels
    boxes: npt.NDArray[np.int32]
    area: Values
    contrast: Values
    around: Values
    apart: Values
    busy: Values
    noise: float


def find_blobs(frame: Codes, near: Registered) -> Blobs | None:
    """Candidates of a frame; None where there are none, or too many to be dirt."""
    box = np.ones((3, 3), np.uint8)
    top = cv2.dilate(cv2.max(near.before, near.after), box)
    bottom = cv2.erode(cv2.min(near.before, near.after), box)
    over, under = cv2.subtract(frame, top), cv2.subtract(bottom, frame)
    apart = cv2.absdiff(near.before, near.after)
    noise = max(1.0, 1.48 * float(np.median(apart[::4, ::4])))
    seed = max(_STEP, _NOISE * noise)
    stands_out = cv2.max(over, under)
    core = stands_out >= seed
    if not core.any() or core.mean() > _MOST_SHARE:
        return None
    # Around a core it is enough to differ from the neighbours' own pixels.
    plain = _difference(frame, near)
    wide = ((plain >= 0.5 * seed) & (cv2.dilate(core.view(np.uint8), np.ones((7, 7))) > 0)) | core
    count, found, stats, _ = cv2.connectedComponentsWithStats(wide.view(np.uint8), connectivity=8)
    labels, boxes = np.asarray(found, np.int32), np.asarray(stats, np.int32)
    return _described(frame, near, labels, boxes, count, plain, noise)


def _difference(frame: Codes, near: Registered) -> Codes:
    """How far a frame is from the nearer of both neighbours, 0 where it is between them."""
    over = cv2.subtract(frame, cv2.max(near.before, near.after))
    under = cv2.subtract(cv2.min(near.before, near.after), frame)
    return np.asarray(cv2.max(over, under), np.uint8)


def _described(
    frame: Codes, near: Registered, labels: Labels, stats: npt.NDArray[np.int32], count: int,
    plain: Codes, noise: float,
) -> Blobs:  # fmt: skip
    side = 2 * _RING_PX + 1
    inside = labels > 0
    kind = np.uint16 if count < 2**16 else np.float32  # of both, OpenCV is quicker with the first
    spread = cv2.dilate(labels.astype(kind), np.ones((side, side), np.uint8))
    ring = (spread > 0) & (cv2.dilate(inside.view(np.uint8), np.ones((3, 3))) == 0)
    of_blob, of_ring = labels[inside], spread[ring].astype(np.int32)
    area = stats[1:, cv2.CC_STAT_AREA].astype(np.float32)
    off = cv2.max(cv2.absdiff(frame, near.before), cv2.absdiff(frame, near.after))
    counts = cv2.boxFilter(inside.view(np.uint8), cv2.CV_32F, (_BUSY_PX, _BUSY_PX), normalize=False)
    x, y, w, h = (stats[1:, i] for i in range(4))
    busy = counts[
        np.minimum(y + h // 2, len(counts) - 1), np.minimum(x + w // 2, counts.shape[1] - 1)
    ]
    (around,) = _means([off[ring]], of_ring, count)
    under = cv2.absdiff(near.before, near.after)[inside]
    contrast, apart = _means([plain[inside], under], of_blob, count)
    return Blobs(
        labels=labels, boxes=stats[1:, :4], area=area,
        contrast=contrast, around=around, apart=apart, busy=busy, noise=noise,
    )  # fmt: skip


def _means(planes: Sequence[npt.NDArray[np.generic]], labels: Labels, count: int) -> list[Values]:
    """Mean of each plane's values over each label but 0."""
    size = np.maximum(np.bincount(labels, minlength=count)[1:], 1)
    return [
        np.asarray(np.bincount(labels, plane, count)[1:] / size, np.float32) for plane in planes
    ]


def likely(blobs: Blobs) -> npt.NDArray[np.int64]:
    """Which blobs may be dirt, the clearest first: numbers from 0."""
    contrast = blobs.contrast / (1.0 + np.maximum(blobs.around, blobs.apart))
    may_be = (
        (blobs.area >= _LEAST_AREA_PX)
        & (blobs.area <= _LARGEST * blobs.labels.size)
        & (contrast >= _LEAST_CONTRAST)
        & (blobs.busy <= _MOST_BUSY * blobs.area)
    )
    found = np.flatnonzero(may_be)
    return found[np.argsort(-contrast[found], kind="stable")][:_MOST_BLOBS]


def cuttings(frame: Codes, near: Registered, blobs: Blobs, which: npt.NDArray[np.int64]) -> Values:
    """What ``DustNet`` sees of blobs, ``(n, 4, 32, 32)``: large ones are reduced to fit."""
    height, width = frame.shape
    pad = SIDE_PX * 4
    planes = [
        cv2.copyMakeBorder(each, pad, pad, pad, pad, cv2.BORDER_REFLECT)
        for each in (frame, near.before, near.after)
    ]
    made = np.empty((len(which), PLANES, SIDE_PX, SIDE_PX), np.float32)
    for at, number in enumerate(which):
        left, top, wide, high = (int(n) for n in blobs.boxes[number])
        side = int(min(max(SIDE_PX, 1.6 * max(wide, high)), 2 * pad))
        x, y = left + wide // 2 - side // 2 + pad, top + high // 2 - side // 2 + pad
        for plane, source in enumerate(planes):
            part = np.asarray(source[y : y + side, x : x + side], np.uint8)
            made[at, plane] = part if side == SIDE_PX else _area(part, (SIDE_PX, SIDE_PX))
        made[at, 3] = _mask_of(blobs, number, x - pad, y - pad, side)
    level = made[:, 1:3].mean(axis=(1, 2, 3), keepdims=True)
    made[:, :3] = (made[:, :3] - level) / np.float32(32.0)
    return made


def _mask_of(blobs: Blobs, number: np.int64, x: int, y: int, side: int) -> Values:
    height, width = blobs.labels.shape
    part = np.zeros((side, side), np.uint8)
    top, left, bottom, right = max(y, 0), max(x, 0), min(y + side, height), min(x + side, width)
    part[top - y : bottom - y, left - x : right - x] = (
        blobs.labels[top:bottom, left:right] == number + 1
    ).view(np.uint8) * np.uint8(255)
    small = part if side == SIDE_PX else _area(part, (SIDE_PX, SIDE_PX))
    return small.astype(np.float32) / np.float32(255.0)


def facts(blobs: Blobs, which: npt.NDArray[np.int64]) -> Values:
    """Figures that ``DustNet`` gets of blobs, ``(n, 6)``: logarithms of about unit size."""
    columns = (
        blobs.contrast / (1.0 + blobs.around), blobs.contrast / (1.0 + blobs.apart),
        blobs.contrast / blobs.noise, blobs.area, blobs.busy / blobs.area, 1.0 + blobs.busy / 16.0,
    )  # fmt: skip
    values = np.stack([np.log(column[which] + 1e-3) for column in columns], 1)
    return (values - 1.0).astype(np.float32)


def judge(seen: Values, known: Values, network: DustNet) -> Values:
    """The probability of each blob that it is dirt, ``(n,)``, from ``cuttings`` and ``facts``."""
    with torch.inference_mode():
        found = torch.sigmoid(network(torch.from_numpy(seen), torch.from_numpy(known)))
    return np.asarray(found.numpy(), np.float32)


def mask_of(blobs: Blobs, which: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Where these blobs are, and a pixel around them, for their edges are soft."""
    chosen = np.zeros(len(blobs.area) + 1, np.uint8)
    chosen[which + 1] = 1
    return cv2.dilate(chosen[blobs.labels], np.ones((3, 3), np.uint8)).astype(bool)
