"""Small pictures of frames, and their similarity despite changes of exposure and camera motion.

In old film the exposure flickers and the camera moves, so neither may count: parts of one picture
are searched for in a neighbourhood of the other, and compared by zero-mean normalised
cross-correlation (Lewis, "Fast Normalized Cross-Correlation", 1995), after a band-pass that removes
what is coarse (uneven flicker, vignettes) and what is fine (grain, dust).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.color import luma_to_lightness
from vidcolor.types import LumaFrame

SIDE = 48
"""Side of a sketch, in pixels."""
_SAMPLED_PX = 480
"""Rows and columns of a frame that are averaged, about: of larger frames every second, third ...
is left out. A pixel of the sketch is then still the mean of 100."""
_FINE_PX = 0.8
"""Gaussian that takes grain away, standard deviation."""
_COARSE_PX = 3.0
"""Gaussian whose result is taken away: uneven light."""
_PARTS = 2
"""Parts per side that are looked for one by one, so that a thing passing spoils only some."""
_SEARCH_PX = 10
"""How far a part is looked for: a fifth of the picture's width."""
_WHOLE_SHARE = 0.35
"""Weight of the coarse whole picture, in place, beside the parts; fitted on real clips."""
_REACH_PX = 12
"""How far a pan may move per frame: a quarter of the picture's width."""
_RIM = 2
"""Pixels at the border left out of pans: the Gaussians have brought in what is beyond."""
_MOVED_SURELY, _MOVED_LEAST = 0.6, 0.4
"""Correlation of a pan's frames, whatever the way and along the known one. Across cuts of real
clips it is about 0.2, seldom 0.4, and along the way of their neighbours about 0.1."""
_ALIKE_PX = 2
"""Ways of neighbouring frames in a pan agree to so many pixels."""
_FLAT = 0.012
"""Standard deviation of L*/100 below which a picture has no structure: black, white, fog."""

Picture = npt.NDArray[np.float32]

_FAR = np.ones((2 * _REACH_PX + 1,) * 2, np.bool_)
"""Shifts that make a pan; in place or next to it gates and dirt fit as well."""
_FAR[_REACH_PX - 1 : _REACH_PX + 2, _REACH_PX - 1 : _REACH_PX + 2] = False


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """One frame, made ready for comparing.

    Attributes:
        light: ``(48, 48)`` float32, L*/100.
        whole: ``(24, 24)`` float32, zero mean and unit length; zero if flat.
        detail: ``(48, 48)`` float32, between coarse and fine.
        padded: ``detail`` mirrored at its borders by the search range.
        is_flat: nothing to compare: black, white, fog.
    """

    light: Picture
    whole: Picture
    detail: Picture
    padded: Picture
    is_flat: bool


def small_picture(frame: LumaFrame, rotation: int = 0) -> Tensor:
    """A frame's lightness at the size of a sketch; it depends on the frame alone.

    Args:
        frame: as the source has it.
        rotation: degrees clockwise by which stored frames are turned for display.

    Returns:
        ``(1, 1, 48, 48)`` float32, L*/100, on the CPU.
    """
    step = max(1, min(frame.luma.shape) // _SAMPLED_PX)
    codes: npt.NDArray[Any] = np.ascontiguousarray(frame.luma[::step, ::step])
    table = _lightness_table(frame.depth, frame.full_range)
    if codes.dtype == np.uint8:  # a fifth of the time of table[codes]
        lightness = cv2.LUT(codes.astype(np.uint8, copy=False), table)
    else:
        lightness = table[codes]
    small = cv2.resize(lightness, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    turned = np.rot90(small, -(rotation // 90) % 4)
    return torch.from_numpy(np.ascontiguousarray(turned, dtype=np.float32))[None, None]


@lru_cache(maxsize=16)
def _lightness_table(depth: int, full_range: bool) -> Picture:
    codes = torch.arange(1 << depth, dtype=torch.int32)
    return luma_to_lightness(codes, depth=depth, full_range=full_range).numpy()


def sketches(lightness: Tensor) -> list[Sketch]:
    """Sketch each frame of ``(B, 1, h, w)`` float32, L*/100, of any size and on any device."""
    small = F.adaptive_avg_pool2d(lightness.float(), (SIDE, SIDE))[:, 0].cpu().numpy()
    return [_sketch(light) for light in small]


def similarity(first: Sketch, second: Sketch) -> float:
    """From about 0 (nothing in common) to 1 (the same up to exposure and some motion).

    Pictures of different scenes have about 0.3 in common, as any part resembles something nearby.
    """
    if first.is_flat or second.is_flat:
        return 1.0 if first.is_flat and second.is_flat else 0.0
    # In a pan the whole may be as good as its own negative; that says no more than nothing does.
    whole = max(float(np.vdot(first.whole, second.whole)), 0.0)
    return _WHOLE_SHARE * whole + (1.0 - _WHOLE_SHARE) * _parts_found(first, second)


def _sketch(light: Picture) -> Sketch:
    fine = cv2.GaussianBlur(light, (0, 0), _FINE_PX)
    detail = (fine - cv2.GaussianBlur(fine, (0, 0), _COARSE_PX)).astype(np.float32)
    border = (_SEARCH_PX,) * 4
    padded = cv2.copyMakeBorder(detail, *border, cv2.BORDER_REFLECT_101).astype(np.float32)
    whole = cv2.resize(light, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA)
    whole = (whole - whole.mean()).astype(np.float32)
    spread = float(whole.std())
    whole = whole / (spread * SIDE / 2) if spread > 0 else whole
    return Sketch(light, whole, detail, padded, is_flat=spread < _FLAT)


def moved_as_one(
    before: Sketch | None, first: Sketch, second: Sketch, after: Sketch | None = None
) -> bool:
    """Whether the second picture is the first one moved: a fast pan, not another scene.

    The whole of one is laid over the other, shifted, and correlated where both are: that is four
    times the evidence of a quarter, and what comes in at the border doesn't count. A good fit is
    enough. Where grain drowns the picture, a poor fit will do if it is where the frame ``before``
    came from or the one ``after`` goes to: a pan keeps its way, and chance seldom hits it.
    """
    fits = _overlaid(first, second)
    if float(fits[_FAR].max()) > _MOVED_SURELY:
        return True
    return any(
        _fits_on_its_way(fits, _overlaid(one, other))
        for one, other in ((before, first), (second, after))
        if one is not None and other is not None
    )


def _fits_on_its_way(fits: Picture, known: Picture) -> bool:
    """Whether a pair's motion is about that of a neighbouring pair, and far enough."""
    y, x = np.unravel_index(int(known.argmax()), known.shape)
    top, left = max(int(y) - _ALIKE_PX, 0), max(int(x) - _ALIKE_PX, 0)
    near = (slice(top, int(y) + _ALIKE_PX + 1), slice(left, int(x) + _ALIKE_PX + 1))
    fit = float(np.where(_FAR, fits, 0.0)[near].max())
    return min(fit, float(known[y, x])) > _MOVED_LEAST


def _overlaid(first: Sketch, second: Sketch) -> Picture:
    """Correlation of the overlap for each shift: ``(25, 25)`` float32, no shift in the middle."""
    a = first.detail[_RIM:-_RIM, _RIM:-_RIM]
    b = _bordered(second.detail[_RIM:-_RIM, _RIM:-_RIM])
    ones = np.ones_like(a)
    energy = cv2.matchTemplate(_bordered(ones), a * a, cv2.TM_CCORR)
    energy = energy * cv2.matchTemplate(b * b, ones, cv2.TM_CCORR)
    # Of pictures without structure rounding leaves energies about 0, even below.
    fits = cv2.matchTemplate(b, a, cv2.TM_CCORR) / np.sqrt(np.maximum(energy, 1e-9))
    return np.asarray(fits, np.float32)


def _bordered(picture: Picture) -> Picture:
    border = (_REACH_PX,) * 4
    return cv2.copyMakeBorder(picture, *border, cv2.BORDER_CONSTANT).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Part:
    """Where a part of a picture is found in another one: pixels moved, correlation, structure."""

    x: int
    y: int
    found: float
    weight: float


def _parts_found(first: Sketch, second: Sketch) -> float:
    """Best correlation of each part of the first within the second, by the part's structure."""
    parts = _parts(first, second)
    return sum(p.weight * p.found for p in parts) / max(sum(p.weight for p in parts), 1e-6)


def _parts(first: Sketch, second: Sketch) -> list[_Part]:
    side, reach = SIDE // _PARTS, SIDE // _PARTS + 2 * _SEARCH_PX
    parts = []
    for y in range(0, SIDE, side):
        for x in range(0, SIDE, side):
            part = first.detail[y : y + side, x : x + side]
            around = second.padded[y : y + reach, x : x + reach]
            spread = float(part.std())
            _, best, _, (at_x, at_y) = cv2.minMaxLoc(
                cv2.matchTemplate(around, part, cv2.TM_CCOEFF_NORMED)
            )
            # A part without structure has no correlation; it has no weight either.
            found = best if spread > 1e-5 and np.isfinite(best) else 0.0
            parts.append(_Part(at_x - _SEARCH_PX, at_y - _SEARCH_PX, found, spread))
    return parts
