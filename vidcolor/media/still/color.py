"""Tell coloured photos from grey and toned ones (sepia, selenium, a yellowed print)."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.media.still.raster import Samples, to_depth
from vidcolor.types import Plane

CHROMA_SPREAD = 8.0
"""Distance from the picture's tone, in Lab units, from which on a pixel counts as coloured."""

COLORED_SHARE = 0.035
"""Share of such pixels from which on the picture counts as coloured."""

TONE_LIMIT, TONE_SHARE = 40.0, 0.05
"""Toning stays below a chroma of 40: a share of 5 % above it is colour (flags)."""

_SIDE = 256

_Floats = npt.NDArray[np.float32]


def has_visible_color(rgb: Samples, alpha: Plane | None = None) -> bool:
    """Whether more than toning is coloured.

    A toned print has one chroma per lightness: shadows brown, highlights cream. So the median a
    and b of each of 24 steps of lightness is taken off, and what is left is the spread of real
    colours. The picture is reduced to 256 pixels first, which takes out chroma noise and the
    colour fringes of a scanner. Measured on 100 photos: all true-colour pictures count as coloured
    but five faded slides of nearly one hue; of 40 toned or stained prints one counts as coloured.

    Args:
        rgb: ``(H, W, 3)`` sRGB codes.
        alpha: ``(H, W)``; pixels that are more than half transparent don't count.
    """
    small = _reduce(_thin(rgb))
    lab = cv2.cvtColor(small.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB)
    pixels = cast(_Floats, lab.reshape(-1, 3))
    if alpha is not None:
        seen = _reduce(_thin(alpha)).reshape(-1) > 127
        pixels = pixels[seen]
    if len(pixels) == 0:
        return False
    spread, tone = _spread_and_tone(pixels)
    return bool(
        np.mean(spread > CHROMA_SPREAD) > COLORED_SHARE or np.mean(tone > TONE_LIMIT) > TONE_SHARE
    )


def _thin(samples: Samples) -> Samples:
    """Every n-th sample in 8 bits, so that reducing a large picture is cheap."""
    step = max(1, min(samples.shape[:2]) // (_SIDE * 4))
    return to_depth(np.ascontiguousarray(samples[::step, ::step]), 8)


def _reduce(samples: Samples) -> Samples:
    height, width = samples.shape[:2]
    scale = _SIDE / max(height, width)
    if scale >= 1:
        return samples
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(samples, size, interpolation=cv2.INTER_AREA)


def _spread_and_tone(lab: _Floats) -> tuple[_Floats, _Floats]:
    """Per pixel: distance of (a, b) from the median of its step of lightness, and its chroma."""
    step = np.clip(lab[:, 0] * (24 / 100), 0, 23).astype(np.intp)
    spread, tone = np.zeros(len(lab), np.float32), np.zeros(len(lab), np.float32)
    for index in np.unique(step):
        inside = step == index
        chroma = lab[inside, 1:]
        middle = np.median(chroma, axis=0)
        spread[inside] = np.linalg.norm(chroma - middle, axis=1)
        tone[inside] = np.linalg.norm(middle)
    return spread, tone
