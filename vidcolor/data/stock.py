"""Lightness as film stock that sees colours otherwise than the eye recorded them."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.data.photos import Photo

_MOST_RED = 0.06
"""Largest share of red light in an exposure: orthochromatic stock ends near 590 nm, below most of
the light of the sRGB red."""

_GREEN = (0.1, 0.65)
"""Green's share of the rest: little on blue-sensitive stock, up to two thirds on orthochromatic."""


def draw_weights(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Shares of red, green and blue light in an exposure; they sum to 1, so grey stays grey.

    Stocks, filters and lamps differed, so they are drawn anew for each picture: from blue-sensitive
    plates to orthochromatic film (most film before 1930).

    Returns:
        ``(3,)`` float32.
    """
    red = rng.uniform(0.0, _MOST_RED)
    green = (1.0 - red) * rng.uniform(*_GREEN)
    return np.array([red, green, 1.0 - red - green], np.float32)


def lightness_on_stock(rgb: Photo, weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What stock with these sensitivities recorded: red lips dark, blue skies white.

    Exposure is a sum of linear light; its CIE lightness is what a print shows.

    Args:
        rgb: ``(H, W, 3)`` sRGB.
        weights: ``(3,)``, shares of red, green and blue light that sum to 1.

    Returns:
        ``(H, W)`` float32, L*/100.
    """
    exposure = cv2.transform(cv2.LUT(rgb, _linear_codes()), weights[None])
    neutral = np.repeat(exposure.reshape(*rgb.shape[:2], 1), 3, axis=2)
    lab = cv2.cvtColor(neutral, cv2.COLOR_LRGB2Lab)
    return np.multiply(lab[..., 0], 0.01, dtype=np.float32)


def orthochromatic(rgb: Photo, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Lightness ``(H, W)``, L*/100, of an ``(H, W, 3)`` sRGB picture on stock drawn at random."""
    return lightness_on_stock(rgb, draw_weights(rng))


@cache
def _linear_codes() -> npt.NDArray[np.float32]:
    """Linear light of the 256 sRGB codes (IEC 61966-2-1)."""
    codes = np.arange(256, dtype=np.float64) / 255.0
    curve = ((codes + 0.055) / 1.055) ** 2.4
    return np.where(codes <= 0.04045, codes / 12.92, curve).astype(np.float32)
