"""Plain figures of one photograph, by which unsuitable ones are told."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.data.photos import Photo

_GRID_PX = 48
"""Colour is judged on means over so many cells a side: little noise, no JPEG blocks."""

_GREY_CHROMA = 4.0
_DEGREE = 3  # of the curve through L*; a tone has no more bends

_Plane = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of a photograph; chroma in Lab units, shares in [0, 1].

    Attributes:
        width: pixels.
        height: pixels.
        chroma: mean of the cells' chroma.
        grey: share of cells whose chroma is below 4.
        rest: root mean square of what is left of ab after a cubic curve through L* is taken off.
            0 for black and white and for toned pictures, however strong the tone.
        rest_most: 99th percentile of the same.
        one_hue: length of the mean ab over the mean chroma: 1 if all cells have one hue.
        hue: angle of the mean ab in degrees: red 40, yellow 100, green 136, blue 306, 0 to 360.
        cast: chroma of the cell that only 5 % undercut: how far the least coloured are from grey.
        contrast: standard deviation of L*.
        flat: share of pixels, black and white ones left out, that equal their neighbours exactly.
        colours: how many of 32,768 colours (5 bits a channel) are in it.
        bright: share of cells that are white (L* above 96, chroma below 4).
        dark: share of cells with L* below 4.
    """

    width: int
    height: int
    chroma: float
    grey: float
    rest: float
    rest_most: float
    one_hue: float
    hue: float
    cast: float
    contrast: float
    flat: float
    colours: int
    bright: float
    dark: float


def measure(photo: Photo) -> Figures:
    """Figures of a photograph.

    Args:
        photo: ``(H, W, 3)`` RGB.
    """
    height, width = photo.shape[:2]
    cells = cv2.resize(photo, (_GRID_PX, _GRID_PX), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(cells.astype(np.float32) / 255.0, cv2.COLOR_RGB2Lab).reshape(-1, 3)
    lightness, ab = lab[:, 0].astype(np.float32), lab[:, 1:].astype(np.float32)
    chroma = np.hypot(ab[:, 0], ab[:, 1])
    mean = ab.mean(axis=0)
    rest = _off_curve(lightness, ab)
    flat, colours = _drawn(photo)
    return Figures(
        width=width,
        height=height,
        chroma=float(chroma.mean()),
        grey=float((chroma < _GREY_CHROMA).mean()),
        rest=float(np.sqrt((rest**2).mean())),
        rest_most=float(np.percentile(rest, 99)),
        one_hue=float(np.hypot(*mean) / max(float(chroma.mean()), 1e-3)),
        hue=float(np.degrees(np.arctan2(mean[1], mean[0])) % 360.0),
        cast=float(np.percentile(chroma, 5)),
        contrast=float(lightness.std()),
        flat=flat,
        colours=colours,
        bright=float(((lightness > 96) & (chroma < _GREY_CHROMA)).mean()),
        dark=float((lightness < 4).mean()),
    )


def _off_curve(lightness: _Plane, ab: _Plane) -> _Plane:
    """Distance of each ab from a curve through all of them, by lightness."""
    powers = np.vander(lightness / 50.0 - 1.0, _DEGREE + 1)
    curve, *_ = np.linalg.lstsq(powers, ab, rcond=None)
    off = ab - powers @ curve
    return np.asarray(np.hypot(off[:, 0], off[:, 1]), np.float32)


def _drawn(photo: Photo) -> tuple[float, int]:
    """Share of flat pixels, and number of colours."""
    red, green, blue = (photo[..., channel].astype(np.int32) for channel in range(3))
    code = (red << 16) | (green << 8) | blue
    same = (code[:-1, :-1] == code[:-1, 1:]) & (code[:-1, :-1] == code[1:, :-1])
    same &= ((green > 5) & (green < 250))[:-1, :-1]
    coarse = (code >> 9 & 0x7C00) | (code >> 6 & 0x3E0) | (code >> 3 & 0x1F)
    return float(same.mean()), int(np.count_nonzero(np.bincount(coarse.ravel(), minlength=1 << 15)))
