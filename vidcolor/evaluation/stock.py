"""Lightness as film stock of another sensitivity than the eye's saw it."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
import torch

from vidcolor.color import grey_to_lightness

_MOST_RED = 0.15
"""Largest share of red in the grey of orthochromatic stock (most film before 1930)."""

_GREEN = (0.15, 0.7)
"""Green's share of what is left: the least is blue-sensitive stock, as used before 1905."""


def orthochromatic(rgb: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Lightness on stock that hardly sees red: red lips dark, blue skies white.

    Stocks, filters and light differed, so the shares of red, green and blue are drawn at random:
    red up to 0.15, green 0.15 to 0.7 of the rest, blue what is left. They weigh sRGB codes, not
    light.

    Args:
        rgb: ``(H, W, 3)``.
        rng: source of chance.

    Returns:
        ``(H, W)`` float32, L*/100.
    """
    red = rng.uniform(0.0, _MOST_RED)
    green = rng.uniform(*_GREEN) * (1.0 - red)
    weights = np.array([[red, green, 1.0 - red - green]], np.float32)
    grey = cv2.transform(rgb, weights)
    return np.asarray(cv2.LUT(grey.reshape(rgb.shape[:2]), _lightness_of_codes()), np.float32)


@cache
def _lightness_of_codes() -> npt.NDArray[np.float32]:
    codes = torch.arange(256, dtype=torch.float32) / 255.0
    return grey_to_lightness(codes).numpy()
