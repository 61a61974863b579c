"""The join by compiled loops, for 8-bit output with the sRGB curve, where numba is installed.

``join_planes`` uses it; results are those of the tensors' arithmetic, but for two codes in
100,000, which differ by 1: sums are rounded in another order.
"""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vidcolor.color.blocks import chroma_offsets, lowest_factor
from vidcolor.color.curves import SRGB
from vidcolor.color.gamut import largest_scale
from vidcolor.color.lab import (
    WHITE_XYZ_TO_RGB,
    channels_to_linear,
    lightness_to_grey,
    linear_to_srgb,
    srgb_to_linear,
)
from vidcolor.color.spaces import RgbSpace
from vidcolor.types import LUMA_WEIGHTS, PlanarFormat

if TYPE_CHECKING:
    from vidcolor.color.kernels import Floats

_LEAST_PIXELS = 100_000
"""Smaller frames take the tensors' way: loading the compiled code would cost more."""


@lru_cache(maxsize=1)
def _has_numba() -> bool:
    try:
        importlib.import_module("vidcolor.color.kernels")
    except ImportError:  # not there, or not with this NumPy
        return False
    return True


def can_fuse(lightness: Tensor, target: PlanarFormat, space: RgbSpace) -> bool:
    """Whether ``join_fused`` can make these planes here.

    Args:
        lightness: ``(B, 1, H, W)``.
        target: the planes' format.
        space: of the output.
    """
    return (
        lightness.device.type == "cpu"
        and len(lightness) == 1
        and lightness.numel() >= _LEAST_PIXELS
        and target.depth == 8
        and target.chroma_shift in ((1, 1), (1, 0))
        and space.curve is SRGB
        and space.from_bt709 is None
        and _has_numba()
    )


def join_fused(
    lightness: Tensor, ab: Tensor, target: PlanarFormat, space: RgbSpace,
    scale: tuple[float, float], luma_range: tuple[float, float],
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Y, Cb and Cr codes of one frame, each ``(1, 1, ...)`` uint8.

    Args:
        lightness: ``(1, 1, H, W)`` float32, in whole blocks, contiguous.
        ab: ``(1, 2, h, w)`` float32, at the chroma planes' size.
        target: the planes' format.
        space: of the output.
        scale: of chroma codes, and their middle.
        luma_range: codes of black and white.
    """
    from vidcolor.color import kernels

    across, down = 1 << target.chroma_shift[0], 1 << target.chroma_shift[1]
    light, (a, b) = lightness[0, 0].numpy(), ab[0].contiguous().numpy()
    matrix = np.array(LUMA_WEIGHTS[target.matrix], np.float32)
    weights = np.array(space.luminance, np.float32)
    tables = _tables()
    grey = np.empty_like(light)
    small = np.empty((11, *a.shape), np.float32)
    darkest, mean, brightest, red, green, blue, room, cb, cr, certain, _ = small
    kernels.prepare(
        light, a, b, tables[0], tables[3], grey, darkest, mean, brightest, red, green, blue, room,
        down, across,
    )  # fmt: skip
    _map_into_gamut(small[3:7], light, a, b, down, across)
    kernels.chroma(
        red, green, blue, darkest, brightest, tables[1], matrix, weights, cb, cr, certain
    )
    _lower_chroma(cb, cr, certain, darkest, brightest, LUMA_WEIGHTS[target.matrix], space)
    luma = np.empty(light.shape, np.uint8)
    codes = np.empty((2, *a.shape), np.uint8)
    ranges = np.array((*scale, *luma_range), np.float32)
    kernels.finish(
        grey, mean, cb, cr, tables[2], matrix, weights, ranges, luma, codes[0], codes[1],
        down, across,
    )  # fmt: skip
    y, u, v = (torch.from_numpy(plane)[None, None] for plane in (luma, codes[0], codes[1]))
    return y, u, v


def _map_into_gamut(
    found: Floats, light: Floats, a: Floats, b: Floats, down: int, across: int
) -> None:
    """Lower the chroma of colours outside; ``found`` has red, green, blue and room."""
    where = np.flatnonzero(found[3] < 0.0)
    if not len(where):
        return
    rows, columns = np.divmod(where, a.shape[1])
    means = np.zeros(len(where), np.float32)
    for row in range(down):
        for column in range(across):
            means += light[rows * down + row, columns * across + column]
    lightness = torch.from_numpy(means / np.float32(down * across))
    some = torch.minimum(lightness, 1.0 - lightness).mul_(1e5).clamp_(0.0, 1.0)
    few_a, few_b = (torch.from_numpy(plane.reshape(-1)[where]) * some for plane in (a, b))
    scale = largest_scale(lightness, few_a, few_b)
    mapped = channels_to_linear(lightness, few_a * scale, few_b * scale)
    for plane, values in zip(found[:3], mapped, strict=True):
        plane.reshape(-1)[where] = values.numpy()


def _lower_chroma(
    cb: Floats, cr: Floats, certain: Floats, darkest: Floats, brightest: Floats,
    matrix: tuple[float, float], space: RgbSpace,
) -> None:  # fmt: skip
    """Multiply chroma by ``chroma_factor`` where it may have to be lowered."""
    where = np.flatnonzero(certain < 0.0)
    if not len(where):
        return
    few = [torch.from_numpy(p.reshape(-1)[where]) for p in (cb, cr, darkest, brightest)]
    offsets = torch.stack(chroma_offsets(few[0], few[1], matrix))
    factor = lowest_factor(offsets, few[2], few[3], space).numpy()
    for plane in (cb, cr):
        plane.reshape(-1)[where] *= factor


@lru_cache(maxsize=1)
def _tables() -> tuple[Floats, Floats, Floats, Floats]:
    """Lightness to grey code, light to code, code to light, and XYZ to RGB."""
    from vidcolor.color.kernels import CURVE_STEPS, TO_LINEAR_FROM, TO_LINEAR_TO

    grey = lightness_to_grey(torch.linspace(0.0, 1.0, 1 << 16))
    light = torch.arange(CURVE_STEPS + 2, dtype=torch.float64) / CURVE_STEPS
    steps = round((TO_LINEAR_TO - TO_LINEAR_FROM) * CURVE_STEPS)
    codes = torch.arange(steps + 2, dtype=torch.float64) / CURVE_STEPS + TO_LINEAR_FROM
    tables = (grey, linear_to_srgb(light), srgb_to_linear(codes), torch.tensor(WHITE_XYZ_TO_RGB))
    first, second, third, fourth = (table.to(torch.float32).numpy() for table in tables)
    return first, second, third, fourth
