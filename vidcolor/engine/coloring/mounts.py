"""Mounts, mats and mattes: the even surround of a picture, which is kept without colour.

A network colours the paper around a photograph as if it were sky or a wall. A surround has one tone
(that may change evenly across the picture, as under a lamp) and touches the edges. It is believed
if what it encloses has the shape of a picture: compact (a rectangle, also a tilted one, an oval, a
film gate with round corners), or bounded by four straight lines at which the tone jumps. Skies and
backdrops are even too, but enclose no such shape.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

_Plane = npt.NDArray[np.float32]
_Mask = npt.NDArray[np.bool_]

_TOLERANCE: Final = 0.035
"""How far a pixel of the surround may be from its tone, in L*/100: grain and texture of paper."""

_BLACK: Final = 0.08
"""L*/100 up to which a surround may lie on two opposite sides only, as the mattes of films do."""

_LEAST_WIDTH: Final = 0.008
"""Width of the surround, as a share of the picture's shorter side."""

_Range = tuple[float, float]
"""Below the first number there is no belief, from the second on full belief; linear between."""

_TOUCHING: Final[_Range] = (0.93, 0.98)
"""Share of the edges that the surround touches."""

_SOLIDITY: Final[_Range] = (0.92, 0.96)
"""Area of what is enclosed over that of its convex hull; 1 for a rectangle or an oval."""

_ENCLOSED: Final[_Range] = (0.25, 0.35)
"""Share of the picture that is enclosed: a small thing on a backdrop is no picture."""

_DIFFERING: Final[_Range] = (0.25, 0.45)
"""Share of a straight border along which the picture is of another tone than the surround."""


def find_surround(lightness: Tensor) -> Tensor:
    """Find what surrounds the picture, for each picture of a batch.

    Args:
        lightness: ``(B, 1, H, W)`` float32, L*/100 in [0, 1].

    Returns:
        ``(B, 1, H, W)`` float32 in [0, 1] on the same device: 1 where a pixel is surround for sure,
        0 everywhere in a picture that has none.
    """
    planes = lightness[:, 0].float().cpu().numpy()
    found = np.stack([_surround_of(plane) for plane in planes])
    return torch.from_numpy(found)[:, None].to(lightness.device)


def colored_share(lightness: Tensor, size: tuple[int, int]) -> Tensor:
    """How much of their colour samples keep: none where any of a sample is surround.

    Args:
        lightness: ``(B, 1, H, W)`` float32, L*/100 in [0, 1].
        size: ``(h, w)`` of the samples, at most H, W.

    Returns:
        ``(B, 1, h, w)`` float32 in [0, 1], on the same device.
    """
    surround = find_surround(lightness)
    if not surround.any():
        return lightness.new_ones(len(lightness), 1, *size)
    return 1.0 - F.adaptive_max_pool2d(surround, size)


class _Band(NamedTuple):
    """The pixels within the surround's least width from the edges of a picture; N of them.

    Attributes:
        where: ``(N,)`` their places in the picture, row by row.
        across: ``(N,)`` float32, column over width.
        down: ``(N,)`` float32, row over height.
    """

    where: npt.NDArray[np.intp]
    across: _Plane
    down: _Plane


class _Tone(NamedTuple):
    """A tone that changes evenly: ``level + across * x / width + down * y / height``, L*/100."""

    level: np.float32
    across: np.float32
    down: np.float32


def _surround_of(lightness: _Plane) -> _Plane:
    """The surround of one picture, ``(H, W)``."""
    smooth = cv2.GaussianBlur(lightness, (3, 3), 0).astype(np.float32, copy=False)
    band = _band(smooth.shape)
    edge = smooth.reshape(-1)[band.where]
    best, belief = np.zeros(lightness.shape, np.bool_), 0.0
    for tone in (None, _edge_tone(edge, band)):
        at_edge = np.zeros(smooth.shape, np.bool_)
        at_edge.reshape(-1)[band.where] = _is_surround(edge, tone, band.across, band.down)
        if _touching(at_edge, is_black=tone is None) <= belief:
            continue  # most pictures end here, before anything that takes time
        pixels = _is_surround(smooth, tone, *_coordinates(smooth.shape))
        region, lines = _at_edges(pixels), _rectangle(pixels)
        outside, compact = _outside(region)
        compact *= _touching(region, is_black=tone is None)
        straight = _touching(lines, is_black=tone is None) * _difference_along(pixels, lines)
        for mask, value in ((lines, straight), (outside, compact)):
            if value > belief:
                best, belief = mask, value
    return best.astype(np.float32) * np.float32(belief)


def _is_surround(lightness: _Plane, tone: _Tone | None, across: _Plane, down: _Plane) -> _Mask:
    """Which pixels are near a tone, or as dark as a film's matte where it is None."""
    if tone is None:
        return lightness <= _BLACK
    expected = (tone.level + tone.across * across + tone.down * down).astype(np.float32)
    near: _Mask = np.abs(lightness - expected) <= _TOLERANCE
    return near


def _coordinates(shape: tuple[int, ...]) -> tuple[_Plane, _Plane]:
    """Column over width ``(W,)`` and row over height ``(H, 1)``."""
    height, width = shape
    across = np.arange(width, dtype=np.float32) / np.float32(width)
    return across, np.arange(height, dtype=np.float32)[:, None] / np.float32(height)


@lru_cache(maxsize=8)
def _band(shape: tuple[int, ...]) -> _Band:
    height, width = shape
    mask = np.ones(shape, np.bool_)
    wide = _band_width(shape)
    mask[wide : height - wide, wide : width - wide] = False
    across, down = (np.broadcast_to(axis, shape)[mask] for axis in _coordinates(shape))
    return _Band(np.flatnonzero(mask), across, down)


def _edge_tone(values: _Plane, band: _Band) -> _Tone:
    """The tone of the edges, continued over the picture as a plane (least squares)."""
    near = np.abs(values - np.median(values)) <= 3 * _TOLERANCE
    terms = np.stack([np.ones_like(values), band.across, band.down], axis=1)
    return _Tone(*np.linalg.lstsq(terms[near], values[near], rcond=None)[0])


def _band_width(shape: tuple[int, ...]) -> int:
    return max(1, round(_LEAST_WIDTH * min(shape)))


def _at_edges(pixels: _Mask) -> _Mask:
    """Those pixels that hang together with one at an edge of the picture."""
    count, labels = cv2.connectedComponents(pixels.astype(np.uint8), connectivity=4)
    at_edge = np.zeros(count, np.bool_)
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        at_edge[side] = True
    at_edge[0] = False  # what isn't among the pixels
    found: _Mask = at_edge.take(
        np.asarray(labels, np.int32)
    )  # a third of the time of at_edge[labels]
    return found


def _touching(region: _Mask, *, is_black: bool) -> float:
    """Belief by how much of the edges a region touches, in its least width."""
    wide = _band_width(region.shape)
    top, bottom = (_share(lines, 0) for lines in (region[:wide], region[-wide:]))
    left, right = (_share(lines, 1) for lines in (region[:, :wide], region[:, -wide:]))
    if is_black:
        return _ramp(max(min(top, bottom), min(left, right)), _TOUCHING)
    return _ramp(min(top, bottom, left, right), _TOUCHING)


def _outside(region: _Mask) -> tuple[_Mask, float]:
    """What of a region lies outside of the convex hull of the picture, and belief by its shape.

    Where dark parts of the picture hang together with a black surround, the hull divides them.
    """
    outlines, _ = cv2.findContours(
        (~region).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    if not outlines:
        return region, 0.0
    largest: Any = max(outlines, key=cv2.contourArea)
    hull = cv2.convexHull(largest)
    area = cv2.contourArea(largest)
    belief = _ramp(area / max(cv2.contourArea(hull), 1.0), _SOLIDITY)
    picture = cv2.fillConvexPoly(np.zeros(region.shape, np.uint8), hull, 1).astype(np.bool_)
    return region & ~picture, belief * _ramp(area / region.size, _ENCLOSED)


def _rectangle(pixels: _Mask) -> _Mask:
    """The whole rows and columns of such pixels at the four sides."""
    rows = pixels.mean(1) >= _TOUCHING[1]
    top, bottom = _leading(rows), _leading(rows[::-1])
    middle = pixels[top : len(rows) - bottom]
    columns = middle.mean(0) >= _TOUCHING[1] if len(middle) else np.zeros(0, np.bool_)
    left, right = _leading(columns), _leading(columns[::-1])
    lines = np.ones(pixels.shape, np.bool_)
    lines[top : pixels.shape[0] - bottom, left : pixels.shape[1] - right] = False
    return lines


def _leading(flags: npt.NDArray[np.bool_]) -> int:
    """How many flags are set before the first that isn't."""
    return len(flags) if flags.all() else int(np.argmin(flags))


def _difference_along(pixels: _Mask, lines: _Mask) -> float:
    """Belief by how much of the inner border is of another tone, and by what is enclosed."""
    inside = ~lines  # a rectangle
    y, x = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    if not len(y):
        return 0.0
    part = ~pixels[y.min() : y.max() + 1, x.min() : x.max() + 1]
    height, width = pixels.shape
    sides = (
        (y.min() > 0, part[:2].any(0)),
        (y.max() < height - 1, part[-2:].any(0)),
        (x.min() > 0, part[:, :2].any(1)),
        (x.max() < width - 1, part[:, -2:].any(1)),
    )
    least = min((line.mean() for is_border, line in sides if is_border), default=0.0)
    return _ramp(least, _DIFFERING) * _ramp(part.size / pixels.size, _ENCLOSED)


def _share(lines: _Mask, axis: int) -> float:
    """Share of the lines along an axis that are set all through."""
    flags = np.asarray(lines.all(axis))
    return np.count_nonzero(flags) / flags.size  # a fifth of the time of flags.mean()


def _ramp(value: float, limits: _Range) -> float:
    low, high = limits
    return min(max((float(value) - low) / (high - low), 0.0), 1.0)
