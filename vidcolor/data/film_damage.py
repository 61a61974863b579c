"""Damage drawn on films: dust that lasts one frame, scratches that stay, flicker of the exposure.

For measuring repair. As in ``damage``, what is drawn is known, so that what is found can be judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.data.damage import Plane

_UNIT_PX = 480.0
"""Sizes are given for frames of this height."""

_LEAST_CHANGE = 0.03
"""Of lightness: what changes less is not counted as damage."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class DirtyFrame:
    """A frame with drawn damage.

    Attributes:
        lightness: ``(H, W)`` float32 in [0, 1].
        whole: the same without dust and scratches, with its flicker.
        dust: ``(H, W)`` bool, where dust is seen.
        scratches: likewise.
    """

    lightness: Plane
    whole: Plane
    dust: Mask
    scratches: Mask


@dataclass(slots=True)
class _Scratch:
    """A line from top to bottom that stays for some frames."""

    column: float
    lean: float
    width_px: float
    opacity: float
    shade: float
    left: int


def dirty_film(
    frames: Iterable[Plane], seed: int, *, dust: float = 6.0, scratches: float = 1.0,
    flicker: float = 0.02,
) -> Iterator[DirtyFrame]:  # fmt: skip
    """Draw damage on the frames of a film.

    Args:
        frames: lightness ``(H, W)`` float32 in [0, 1], all of one size.
        seed: the same seed gives the same damage.
        dust: specks and hairs per frame, in the mean.
        scratches: that are there at a time, in the mean.
        flicker: standard deviation of the frames' gain.
    """
    rng = np.random.default_rng((seed, 0xF11))
    lines: list[_Scratch] = []
    for frame in frames:
        height, width = frame.shape
        gain = np.float32(1.0 + rng.normal(0.0, flicker)) if flicker else np.float32(1.0)
        whole = np.clip(frame * gain, 0.0, 1.0)
        x = whole.copy()
        lines = [line for line in lines if line.left > 0]
        if len(lines) < 2 * scratches and rng.random() < scratches / 40.0:
            lines.append(_new_scratch(width, rng))
        _draw_scratches(x, lines, rng)
        with_lines = x.copy()
        for _ in range(rng.poisson(dust)):
            _draw_dust(x, rng)
        seen = np.abs(x - with_lines) >= _LEAST_CHANGE
        worn = np.abs(with_lines - whole) >= _LEAST_CHANGE
        yield DirtyFrame(x, whole, seen, worn)


def _new_scratch(width: int, rng: np.random.Generator) -> _Scratch:
    return _Scratch(
        column=rng.uniform(0.05, 0.95) * width, lean=rng.normal(0.0, 2.0),
        width_px=rng.uniform(0.8, 2.0), opacity=rng.uniform(0.3, 0.9),
        shade=0.95 if rng.random() < 0.6 else 0.05, left=int(rng.integers(20, 80)),
    )  # fmt: skip


def _draw_scratches(x: Plane, lines: list[_Scratch], rng: np.random.Generator) -> None:
    height, width = x.shape
    rows = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None]
    columns = np.arange(width, dtype=np.float32)[None]
    for line in lines:
        line.column += rng.normal(0.0, 0.3)
        line.left -= 1
        middle = np.float32(line.column) + np.float32(line.lean) * rows
        half = np.float32(line.width_px * height / _UNIT_PX / 2.0)
        part = np.clip(half + 0.5 - np.abs(columns - middle), 0.0, 1.0) * np.float32(line.opacity)
        x += part * (np.float32(line.shade) - x)


def _draw_dust(x: Plane, rng: np.random.Generator) -> None:
    """One speck, flake or hair, bright or dark, into ``x``."""
    height, width = x.shape
    unit = height / _UNIT_PX
    canvas = np.zeros(x.shape, np.uint8)
    place = rng.uniform(0, [width, height])
    chance = rng.random()
    if chance < 0.85:
        count = int(rng.integers(5, 10))
        angles = np.sort(rng.uniform(0, 2 * np.pi, count))
        radius = max(rng.lognormal(np.log(2.2), 0.6) * unit, 0.8)
        reach = rng.uniform(0.6, 1.0, count) * radius
        points = np.stack([np.cos(angles) * reach, np.sin(angles) * reach], 1) + place
        cv2.fillPoly(canvas, [_fixed(points)], 255, cv2.LINE_AA, 4)
    else:
        steps = rng.normal(0.0, 2.0 * unit, (10, 2)) + rng.normal(0.0, 1.5 * unit, 2)
        points = steps.cumsum(axis=0) + place
        cv2.polylines(canvas, [_fixed(points)], False, 255, 1, cv2.LINE_AA, 4)
    part = canvas.astype(np.float32) * np.float32(rng.uniform(0.5, 1.0) / 255.0)
    if rng.random() < 0.5:
        part = np.asarray(cv2.GaussianBlur(part, (0, 0), 0.6 * max(unit, 0.5)))
    shade = rng.uniform(0.75, 1.0) if rng.random() < 0.5 else rng.uniform(0.0, 0.2)
    x += part * (np.float32(shade) - x)


def _fixed(points: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    return (points * 16.0).round().astype(np.int32)
