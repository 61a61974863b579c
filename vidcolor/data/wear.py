"""Film-like wear: lightness as old film shows it, and where dirt covers it.

One picture at a time with OpenCV, in the order in which it happens to film: lens, development,
exposure, dirt, grain, then digitisation. Colours are not touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]
"""``(H, W)`` float32, L*/100 in [0, 1]."""

_UNIT_PX = 128.0
"""Sizes of dirt are given for pictures of this side."""

_BLOCK_PX = 16  # a macroblock of MPEG


@dataclass(frozen=True, slots=True)
class Worn:
    """A worn picture.

    Attributes:
        lightness: ``(H, W)`` float32, L*/100 in [0, 1].
        dirt: ``(H, W)`` float32 in [0, 1], the opacity of dust, hairs and scratches: 0 where there
            are none. Grain, blur and compression are not in it.
    """

    lightness: Plane
    dirt: Plane


def film_like(
    lightness: Plane, strength: float, rng: np.random.Generator, *, dirty: bool = True
) -> Worn:
    """Make modern lightness look filmed; each kind of wear comes by chance.

    Args:
        lightness: of one picture, ``(H, W)``, L*/100 in [0, 1].
        strength: 0 leaves it alone, 0.5 is film as it is mostly found, 1 an old worn reel.
        rng: source of chance.
        dirty: whether dirt may be among it.

    Returns:
        Lightness and dirt of the same size; with a strength of 0 the lightness given.
    """
    dirt = np.zeros_like(lightness)
    if strength <= 0:
        return Worn(lightness, dirt)
    x = _lens(lightness, strength, rng)
    x = _develop(x, strength, rng)
    x *= _exposure(x.shape, strength, rng)
    if dirty and rng.random() < 0.5 * strength:
        dirt = _dirt(x, strength, rng)
    x += _grain(x, strength, rng)
    np.clip(x, 0.0, 1.0, out=x)
    chance = rng.random()
    if chance < 0.3:
        x = _jpeg(x, int(rng.uniform(80 - 65 * strength, 90)))
    elif chance < 0.3 + 0.3 * strength:
        x = _mpeg(x, dirt, strength, rng)
    return Worn(x, dirt)


def _lens(x: Plane, strength: float, rng: np.random.Generator) -> Plane:
    """Softness: few pixels in the source, or blur; a new plane."""
    chance = rng.random()
    if chance < 0.3:
        height, width = x.shape
        factor = 1.0 + rng.uniform(0.2, 2.5) * strength
        few = (max(8, round(width / factor)), max(8, round(height / factor)))
        small = cv2.resize(x, few, interpolation=cv2.INTER_AREA)
        way = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
        return _plane(cv2.resize(small, (width, height), interpolation=way))
    if chance < 0.6:
        return _plane(cv2.GaussianBlur(x, (0, 0), 0.3 + rng.uniform(0.0, 1.2) * strength))
    return x.copy()


def _develop(x: Plane, strength: float, rng: np.random.Generator) -> Plane:
    """Tone: gamma, contrast by an S-curve or its opposite, faded blacks and dull whites."""
    tone = np.linspace(0.0, 1.0, 256) ** np.exp(rng.uniform(-0.5, 0.5) * strength)
    bend = rng.uniform(-0.8, 0.8) * strength
    tone = tone + bend * (tone * tone * (3.0 - 2.0 * tone) - tone)
    black = rng.uniform(0.0, 0.2) * strength * (rng.random() < 0.6)
    white = 1.0 - rng.uniform(0.0, 0.25) * strength * (rng.random() < 0.6)
    if rng.random() < 0.15:
        black -= rng.uniform(0.0, 0.15) * strength  # crushed, as dupes of dupes are
    table = np.clip(black + tone * (white - black), 0.0, 1.0).astype(np.float32)
    codes = cv2.convertScaleAbs(x, alpha=255.0)
    return _plane(cv2.LUT(codes, table))


def _exposure(shape: tuple[int, ...], strength: float, rng: np.random.Generator) -> Plane:
    """Gain over the picture: flicker, uneven light of the projector, vignette; mean about 1."""
    across = np.linspace(-1.0, 1.0, 7)
    field = 1.0 + rng.normal(0.0, 0.10) * strength
    centre = rng.normal(0.0, 0.15, 2)
    far = (across[:, None] - centre[0]) ** 2 + (across[None] - centre[1]) ** 2
    gain = field - rng.uniform(0.0, 0.35) * strength * (rng.random() < 0.5) * far / 2.0
    if rng.random() < 0.4:
        uneven = rng.normal(0.0, 0.08 * strength, (3, 3)).astype(np.float32)
        gain = gain + cv2.resize(uneven, (7, 7), interpolation=cv2.INTER_CUBIC)
    size = (shape[1], shape[0])
    return _plane(cv2.resize(gain.astype(np.float32), size, interpolation=cv2.INTER_LINEAR))


def _dirt(x: Plane, strength: float, rng: np.random.Generator) -> Plane:
    """Draw scratches along the film, dust and hairs, bright or dark, into ``x``; their opacity."""
    height, width = x.shape
    unit = min(height, width) / _UNIT_PX
    cover = np.zeros(x.shape, np.uint8)
    for _ in range(rng.poisson(2.0 * strength)):
        top, at, lean = rng.uniform(-1.0, 0.5), rng.uniform(0, width), rng.normal(0.0, 2.0)
        ends = [(at, top * height), (at + lean, rng.uniform(0.5, 2.0) * height)]
        _draw(cover, np.array(ends), rng)
    for _ in range(rng.poisson(8.0 * strength)):
        place = (int(rng.integers(width)), int(rng.integers(height)))
        axes = [max(0, round(a)) for a in rng.exponential(0.9 * unit, 2)]
        shade = int(rng.integers(120, 256))
        cv2.ellipse(cover, place, axes, float(rng.uniform(0, 180)), 0, 360, shade, -1, cv2.LINE_AA)
    if rng.random() < 0.3:
        steps = rng.normal(0.0, 6.0 * unit, (8, 2)).cumsum(axis=0)
        _draw(cover, steps + rng.uniform(0, [width, height]), rng)
    share = cover.astype(np.float32) * np.float32(rng.uniform(0.3, 1.0) / 255.0)
    shade_of_all = np.float32(1.0 if rng.random() < 0.6 else 0.05)
    x += share * (shade_of_all - x)
    return share


def _draw(
    cover: npt.NDArray[np.uint8], points: npt.NDArray[np.float64], rng: np.random.Generator
) -> None:
    """A thin bent line."""
    fixed = (points * 16.0).round().astype(np.int32)  # 4 fractional bits
    shade = int(rng.integers(70, 256))
    cv2.polylines(cover, [fixed], False, shade, 1, cv2.LINE_AA, shift=4)


def _grain(x: Plane, strength: float, rng: np.random.Generator) -> Plane:
    """Noise of some grain size, strongest in the mid-tones."""
    bank = _noise()[int(rng.integers(len(_noise())))]
    height, width = x.shape
    top = int(rng.integers(max(bank.shape[0] - height, 0) + 1))
    left = int(rng.integers(max(bank.shape[1] - width, 0) + 1))
    noise = bank[top : top + height, left : left + width]
    if noise.shape != x.shape:  # pictures larger than the bank
        noise = _plane(cv2.copyMakeBorder(
            noise, 0, height - noise.shape[0], 0, width - noise.shape[1], cv2.BORDER_REFLECT
        ))  # fmt: skip
    amount = np.float32(rng.uniform(0.0, 0.08) * strength)
    return noise * (amount * (np.float32(0.4) + np.float32(2.4) * x * (np.float32(1.0) - x)))


@cache
def _noise() -> list[Plane]:
    """Fields of noise of unit variance, grain about 1, 1.5, 2 and 3 pixels wide."""
    rng = np.random.default_rng(20)
    fields = [rng.standard_normal((512, 512), dtype=np.float32) for _ in range(4)]
    soft = [
        fields[0],
        *(cv2.GaussianBlur(f, (0, 0), s) for f, s in zip(fields[1:], (0.5, 0.8, 1.2), strict=True)),
    ]
    return [_plane(f / f.std()) for f in soft]


def _jpeg(x: Plane, quality: int) -> Plane:
    codes = cv2.convertScaleAbs(x, alpha=255.0)
    _, blob = cv2.imencode(".jpg", codes, [cv2.IMWRITE_JPEG_QUALITY, max(quality, 5)])
    worn = np.asarray(cv2.imdecode(blob, cv2.IMREAD_GRAYSCALE))
    return worn.astype(np.float32) / np.float32(255.0)


def _mpeg(x: Plane, dirt: Plane, strength: float, rng: np.random.Generator) -> Plane:
    """Coarse 8x8 blocks as of low bit rates, and macroblocks taken from the wrong place.

    A misplaced block of ``x`` brings its dirt along; ``dirt`` is changed in place.
    """
    worn = _jpeg(x, int(rng.uniform(10, 45 - 20 * strength)))
    height, width = x.shape
    for _ in range(rng.poisson(6.0 * strength)):
        row, column = (int(rng.integers(n // _BLOCK_PX)) * _BLOCK_PX for n in (height, width))
        length = int(rng.integers(1, 5)) * _BLOCK_PX
        down, right = (int(n) for n in rng.integers(-12, 13, 2))
        rows, columns = min(_BLOCK_PX, height - row), min(length, width - column)
        fetch_row = int(np.clip(row + down, 0, height - rows))
        fetch_column = int(np.clip(column + right, 0, width - columns))
        for plane in (worn, dirt):
            block = plane[fetch_row : fetch_row + rows, fetch_column : fetch_column + columns]
            plane[row : row + rows, column : column + columns] = block.copy()
    return worn


def _plane(values: npt.NDArray[np.generic] | cv2.typing.MatLike) -> Plane:
    return np.asarray(values, dtype=np.float32)
