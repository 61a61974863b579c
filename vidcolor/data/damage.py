"""Damage drawn on pictures: cracks, scratches, dust, stains, tears, faded and missing parts.

For training and measuring repair, on the lightness of one picture with OpenCV. Texture of paper
and halftone cover a picture as a whole; they belong to the picture that repair should give back
(``textured``), since nothing under them is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]
"""``(H, W)`` float32, L*/100 in [0, 1]."""

_UNIT_PX = 128.0
"""Sizes of damage are given for pictures of this shorter side."""

_LEAST_COVER = 0.1
_LEAST_CHANGE = 0.04
"""Of lightness; smaller changes are hardly seen, and don't count as damage."""

_SHIFT = 4
"""Fractional bits of coordinates that OpenCV draws at."""

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Damaged:
    """A damaged picture.

    Attributes:
        lightness: ``(H, W)`` float32, L*/100 in [0, 1].
        mask: ``(H, W)`` bool: where it differs visibly from the whole picture.
    """

    lightness: Plane
    mask: npt.NDArray[np.bool_]


def damaged(lightness: Plane, strength: float, rng: Rng) -> Damaged:
    """Draw damage of several kinds, each by chance.

    Args:
        lightness: of one picture, ``(H, W)``, L*/100 in [0, 1].
        strength: 0 leaves it alone, 0.5 is a print that was handled, 1 one that is half gone.
        rng: source of chance; the same state gives the same damage.

    Returns:
        A picture of the same size; its mask is empty with a strength of 0.
    """
    x = lightness.astype(np.float32, copy=True)
    cover = np.zeros_like(x)
    if strength > 0:
        for kind, mean in _KINDS:
            for _ in range(min(rng.poisson(mean * strength), 24)):
                part = np.clip(kind(x, rng), 0.0, 1.0)
                np.maximum(cover, part, out=cover)
        np.clip(x, 0.0, 1.0, out=x)
    return Damaged(x, _visible(x, lightness, cover))


def textured(lightness: Plane, rng: Rng) -> Plane:
    """The picture on paper: grain of the sheet, a weave, or the dots of print; a new plane."""
    height, width = lightness.shape
    x = lightness.astype(np.float32, copy=True)
    chance = rng.random()
    if chance < 0.5:
        grain = _field(x.shape, rng.uniform(1.0, 4.0), rng)
        x += grain * np.float32(rng.uniform(0.005, 0.03))
    else:
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        angle, pitch = rng.uniform(0, np.pi), rng.uniform(2.5, 6.0)
        u = (np.cos(angle) * columns + np.sin(angle) * rows) * (2 * np.pi / pitch)
        v = (np.cos(angle) * rows - np.sin(angle) * columns) * (2 * np.pi / pitch)
        x += (np.sin(u) * np.sin(v)).astype(np.float32) * np.float32(rng.uniform(0.01, 0.08))
    return np.clip(x, 0.0, 1.0, out=x)


def _visible(x: Plane, whole: Plane, cover: Plane) -> npt.NDArray[np.bool_]:
    """Where cover and change count; pixels of a hole that happen to have the right value too."""
    change = np.abs(x - whole)
    nearby = cv2.dilate(change, np.ones((3, 3), np.uint8))
    covered = (cover >= _LEAST_COVER) & (nearby >= _LEAST_CHANGE)
    return np.asarray(covered | (change >= 2.0 * _LEAST_CHANGE))


# Each kind draws into ``x`` in place, and returns where and how opaque: ``(H, W)`` float32.


def _polygon(x: Plane, rng: Rng) -> Plane:
    """A piece that came off, or something that sticks to the picture."""
    unit = _unit(x)
    count = int(rng.integers(3, 10))
    angles = np.sort(rng.uniform(0, 2 * np.pi, count))
    radius = rng.lognormal(np.log(5.0), 0.7) * unit
    reach = rng.uniform(0.4, 1.0, count) * radius
    stretch = rng.uniform(0.4, 1.0)
    points = np.stack([np.cos(angles) * reach, np.sin(angles) * reach * stretch], 1)
    cover = _canvas(x)
    cv2.fillPoly(cover, [_fixed(points + _place(x, rng))], 255, cv2.LINE_AA, _SHIFT)
    return _lay(x, _share(cover, rng.uniform(0.4, 1.0), rng), rng)


def _crack(x: Plane, rng: Rng) -> Plane:
    """A crack of the emulsion, with branches; often a dark edge along a bright core."""
    unit = _unit(x)
    cover = _canvas(x)
    paths = _branching(_place(x, rng), rng.uniform(0, 2 * np.pi), rng.uniform(30, 160) * unit, rng)
    thick = max(1, round(rng.exponential(1.0) * unit))
    edge = rng.random() < 0.3
    if edge:
        for path in paths:
            cv2.polylines(cover, [_fixed(path)], False, 160, thick + 2, cv2.LINE_AA, _SHIFT)
        shade = np.float32(rng.uniform(0.0, 0.3))
        x += _share(cover, 1.0, rng) * (shade - x)
    core = _canvas(x)
    for depth, path in enumerate(paths):
        width = max(1, thick - (depth > 0))
        cv2.polylines(core, [_fixed(path)], False, 255, width, cv2.LINE_AA, _SHIFT)
    share = _lay(x, _share(core, rng.uniform(0.3, 1.0), rng), rng, bright=edge or None)
    edges: Plane = cover.astype(np.float32) / np.float32(255.0)
    return np.asarray(np.maximum(share, edges))


def _branching(
    start: npt.NDArray[np.float64], heading: float, length: float, rng: Rng, depth: int = 0
) -> list[npt.NDArray[np.float64]]:
    """Paths of a random walk that keeps its heading more or less, and of its branches."""
    steps = max(2, int(length / 4.0))
    turns = heading + rng.normal(0.0, 0.28, steps).cumsum()
    path = start + np.stack([np.cos(turns), np.sin(turns)], 1).cumsum(axis=0) * 4.0
    paths = [path]
    if depth < 2:
        for _ in range(rng.poisson(1.2)):
            at = int(rng.integers(steps))
            away = turns[at] + rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 1.3)
            paths += _branching(path[at], away, length * rng.uniform(0.2, 0.6), rng, depth + 1)
    return paths


def _fold(x: Plane, rng: Rng) -> Plane:
    """A crease over the whole picture: a nearly straight line, worn off here and there."""
    height, width = x.shape
    cover = _canvas(x)
    along = rng.random() < 0.5
    ends = rng.uniform(0.1, 0.9, 2)
    first, last = (
        ((0.0, ends[0] * height), (width, ends[1] * height)) if along
        else ((ends[0] * width, 0.0), (ends[1] * width, height))
    )  # fmt: skip
    share = np.linspace(0.0, 1.0, 24)[:, None]
    path = np.array(first) * (1 - share) + np.array(last) * share
    path += rng.normal(0.0, 0.5 * _unit(x), path.shape)
    thick = max(1, round(rng.uniform(0.7, 3.0) * _unit(x)))
    cv2.polylines(cover, [_fixed(path)], False, 255, thick, cv2.LINE_AA, _SHIFT)
    worn = np.clip(0.5 + _field(x.shape, 4.0 * _unit(x), rng), 0.0, 1.0)
    return _lay(x, _share(cover, rng.uniform(0.5, 1.0), rng) * worn, rng)


def _scratch(x: Plane, rng: Rng) -> Plane:
    """A thin line: straight, or a little bent."""
    unit = _unit(x)
    start, heading = _place(x, rng), rng.uniform(0, 2 * np.pi)
    length, bend = rng.exponential(50.0) * unit, rng.normal(0.0, 0.15)
    turns = heading + np.linspace(0.0, bend, 12)
    path = start + np.stack([np.cos(turns), np.sin(turns)], 1).cumsum(axis=0) * length / 12.0
    cover = _canvas(x)
    thick = 1 if rng.random() < 0.75 else max(1, round(2 * unit))
    cv2.polylines(cover, [_fixed(path)], False, 255, thick, cv2.LINE_AA, _SHIFT)
    return _lay(x, _share(cover, rng.uniform(0.2, 1.0), rng), rng)


def _dust(x: Plane, rng: Rng) -> Plane:
    """A cloud of specks, and perhaps a hair."""
    unit = _unit(x)
    cover = _canvas(x)
    for _ in range(1 + rng.poisson(5.0)):
        axes = np.maximum(rng.exponential(1.0, 2) * unit, 0.4)
        place, turn = _place(x, rng), float(rng.uniform(0, 180))
        cv2.ellipse(
            cover, _pair(place), _pair(axes), turn, 0, 360, int(rng.integers(90, 256)),
            -1, cv2.LINE_AA, _SHIFT,
        )  # fmt: skip
    if rng.random() < 0.25:
        steps = rng.normal(0.0, 1.0, 2) * 3 * unit + rng.normal(0.0, 2.0 * unit, (10, 2))
        path = steps.cumsum(axis=0) + _place(x, rng)
        cv2.polylines(cover, [_fixed(path)], False, 220, 1, cv2.LINE_AA, _SHIFT)
    return _lay(x, _share(cover, rng.uniform(0.5, 1.0), rng), rng)


def _stain(x: Plane, rng: Rng) -> Plane:
    """Water or glue: a blob through which the picture is still seen, often with a darker rim."""
    blob = _blob(x, rng, rng.uniform(6.0, 26.0))
    soft = _blurred(blob, 0.4 + rng.exponential(0.8) * _unit(x))
    gain = rng.uniform(0.4, 0.9) if rng.random() < 0.7 else rng.uniform(1.1, 1.4)
    x *= np.float32(1.0) + soft * np.float32(gain - 1.0)
    if rng.random() < 0.5:
        rim = np.abs(soft - _blurred(soft, 1.5 * _unit(x)))
        x *= 1.0 - np.clip(rim * np.float32(rng.uniform(0.3, 1.2)), 0.0, 0.8)
        soft = np.asarray(np.maximum(soft, np.clip(rim * 2, 0.0, 1.0)), np.float32)
    return soft


def _faded(x: Plane, rng: Rng) -> Plane:
    """A patch that lost contrast, towards bright, grey or dark."""
    blob = _blob(x, rng, rng.uniform(5.0, 24.0))
    soft = _blurred(blob, 0.5 + rng.exponential(1.5) * _unit(x))
    soft *= np.float32(rng.uniform(0.3, 0.9))
    x += soft * (np.float32(rng.uniform(0.1, 1.0)) - x)
    return soft


def _tear(x: Plane, rng: Rng) -> Plane:
    """A tear from an edge inwards, or a corner that is missing; what is under it shows."""
    height, width = x.shape
    size = np.array([width, height], np.float64)
    corner = rng.integers(0, 2, 2) * size
    if rng.random() < 0.5:  # a corner
        reach = rng.uniform(0.08, 0.4, 2) * size * np.where(corner > 0, -1.0, 1.0)
        ends = corner + np.diag(reach)
        share = np.linspace(0.0, 1.0, 12)[:, None]
        ragged = ends[0] * (1 - share) + ends[1] * share
        ragged += rng.normal(0.0, 1.5 * _unit(x), ragged.shape)
        outline = np.concatenate([corner[None], ragged])
    else:  # a wedge
        side = int(rng.integers(2))
        start = rng.uniform(0.1, 0.9, 2) * size
        start[side] = corner[side]
        inward = (size / 2 - start) * rng.uniform(0.3, 1.2) + rng.normal(0, 0.1, 2) * size
        share = np.linspace(0.0, 1.0, 14)[:, None]
        path = start + inward * share + rng.normal(0.0, 1.2 * _unit(x), (14, 2))
        across = np.array([-inward[1], inward[0]]) / (np.hypot(*inward) + 1e-6)
        half = rng.uniform(0.8, 4.0) * _unit(x) * (1 - share)
        outline = np.concatenate([path + across * half, (path - across * half)[::-1]])
    cover = _canvas(x)
    cv2.fillPoly(cover, [_fixed(outline)], 255, cv2.LINE_AA, _SHIFT)
    return _lay(x, _share(cover, 1.0, rng), rng)


_KINDS: tuple[tuple[Callable[[Plane, Rng], Plane], float], ...] = (
    (_stain, 0.7), (_faded, 0.7), (_polygon, 1.6), (_crack, 1.8), (_fold, 0.6), (_scratch, 4.0),
    (_dust, 2.0), (_tear, 0.6),
)  # fmt: skip
"""Kinds with the mean number of each on a picture of strength 1."""


def _lay(x: Plane, share: Plane, rng: Rng, *, bright: bool | None = None) -> Plane:
    """Cover ``x`` by bright, dark or grey matter with some texture; returns ``share``."""
    chance = rng.random()
    if bright or (bright is None and chance < 0.55):
        shade = rng.uniform(0.7, 1.0)
    else:
        shade = rng.uniform(0.0, 0.25) if chance < 0.85 else rng.uniform(0.25, 0.7)
    matter: Plane | np.float32 = np.float32(shade)
    if rng.random() < 0.5:
        rough = _field(x.shape, rng.uniform(0.6, 4.0), rng)
        matter = matter + rough * np.float32(rng.uniform(0.01, 0.06))
    x += share * (matter - x)
    return share


def _blob(x: Plane, rng: Rng, size: float) -> Plane:
    """A patch of irregular outline, 0 or 1."""
    height, width = x.shape
    unit = _unit(x)
    rows, columns = np.ogrid[0:height, 0:width]
    column, row = _place(x, rng)
    far = np.hypot(columns - column, (rows - row) * rng.uniform(0.6, 1.6)) / (size * unit)
    uneven = _field(x.shape, max(size * unit / 2.5, 1.0), rng) * np.float32(0.35)
    return np.asarray(far.astype(np.float32) + uneven < 1.0, np.float32)


def _field(shape: tuple[int, ...], grain_px: float, rng: Rng) -> Plane:
    """Noise of about unit variance, and of a grain as wide as said."""
    few = [max(2, round(n / max(grain_px, 1.0)) + 2) for n in shape]
    noise = rng.standard_normal(few, dtype=np.float32)
    size = (shape[1], shape[0])
    return np.asarray(cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _share(cover: npt.NDArray[np.uint8], opacity: float, rng: Rng) -> Plane:
    """Opacity from a canvas; sometimes with a soft edge."""
    share = cover.astype(np.float32) * np.float32(opacity / 255.0)
    if rng.random() < 0.3:
        share = _blurred(share, rng.uniform(0.4, 1.0))
    return share


def _blurred(plane: Plane, sigma_px: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma_px), np.float32)


def _unit(x: Plane) -> float:
    return float(min(x.shape)) / _UNIT_PX


def _place(x: Plane, rng: Rng) -> npt.NDArray[np.float64]:
    height, width = x.shape
    return rng.uniform(0, [width, height])


def _canvas(x: Plane) -> npt.NDArray[np.uint8]:
    return np.zeros(x.shape, np.uint8)


def _fixed(points: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    return np.asarray((points * 2**_SHIFT).round(), np.int32)


def _pair(values: npt.NDArray[np.float64]) -> tuple[int, int]:
    first, second = _fixed(values)
    return int(first), int(second)
