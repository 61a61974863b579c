"""Lightness and ab to the planes that an encoder takes.

Chroma is made at the output's own chroma resolution. Luma is then solved so that the pixel a
player shows, with the chroma as stored, has exactly the lightness of the source: in CIE Lab a
colour and the grey of its lightness differ in Y', and subsampled, rounded chroma differs from the
chroma that was meant.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.color.gamut import map_into_gamut
from vidcolor.color.lab import (
    LUMINANCE,
    lab_to_linear,
    lightness_to_luminance,
    linear_to_srgb,
    power_of,
    srgb_to_linear,
)
from vidcolor.types import PlanarFormat

MATRIX_COEFFICIENTS: dict[int, tuple[float, float]] = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}
"""Kr and Kb of each H.273 matrix that vidcolor writes."""

_NEWTON_STEPS = 1
"""From a parabola's guess, one step brings lightness within 0.1 Lab units (tests measure it)."""

Offsets = tuple[Tensor, Tensor, Tensor]


def resize_ab(ab: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample ab ``(B, 2, h, w)`` to ``size`` (H, W): bilinear, antialiased when shrinking."""
    if ab.shape[-2:] == size:
        return ab
    return F.interpolate(ab, size=size, mode="bilinear", antialias=size[0] < ab.shape[-2])


def join_rgb(lightness: Tensor, ab: Tensor, *, depth: int = 8) -> Tensor:
    """Lightness and ab to RGB code values.

    Args:
        lightness: ``(B, 1, H, W)`` float32, L*/100 in [0, 1].
        ab: ``(B, 2, h, w)`` float32, any size; resized to the frame.
        depth: bits per sample, 8 to 16.

    Returns:
        ``(B, 3, H, W)`` uint8 (8 bit) or int32 (more) full-range code values.
    """
    full = map_into_gamut(lightness, resize_ab(ab, _size(lightness)))
    rgb = linear_to_srgb(lab_to_linear(lightness, full))
    return _quantise(rgb, float((1 << depth) - 1), 0.0, depth)


def join_planes(
    lightness: Tensor, ab: Tensor, target: PlanarFormat
) -> tuple[Tensor, Tensor, Tensor]:
    """Lightness and ab to the three planes of ``target``.

    Args:
        lightness: ``(B, 1, H, W)`` float32, L*/100 in [0, 1].
        ab: ``(B, 2, h, w)`` float32, any size.
        target: what the writer wants.

    Returns:
        Three tensors ``(B, H', W')``, uint8 (8 bit) or int32 (more): Y, Cb, Cr, or R, G, B.

    Raises:
        ValueError: for a matrix that vidcolor doesn't write.
    """
    if target.model == "rgb":
        rgb = join_rgb(lightness, ab, depth=target.depth)
        return rgb[:, 0], rgb[:, 1], rgb[:, 2]
    if target.matrix not in MATRIX_COEFFICIENTS:
        raise ValueError(f"no coefficients for {target.matrix = }")
    cb, cr = _chroma(lightness, ab, target)
    cb_code, cr_code = (_chroma_codes(c, target) for c in (cb, cr))
    stored = [_spread(_chroma_values(c, target), _size(lightness)) for c in (cb_code, cr_code)]
    y = _solve_luma(lightness, _offsets(stored[0], stored[1], target.matrix))
    return _luma_codes(y, target)[:, 0], cb_code[:, 0], cr_code[:, 0]


def _chroma(lightness: Tensor, ab: Tensor, target: PlanarFormat) -> tuple[Tensor, Tensor]:
    """Cb and Cr in [-0.5, 0.5] at the chroma planes' size, fit for all pixels that share them."""
    block = (1 << target.chroma_shift[1], 1 << target.chroma_shift[0])
    mean = F.avg_pool2d(lightness, block, ceil_mode=True, count_include_pad=False)
    small = map_into_gamut(mean, resize_ab(ab, _size(mean)))
    rgb = linear_to_srgb(lab_to_linear(mean, small)).clamp(0.0, 1.0)
    kr, kb = MATRIX_COEFFICIENTS[target.matrix]
    r, g, b = rgb[:, 0:1], rgb[:, 1:2], rgb[:, 2:3]
    y = kr * r + (1.0 - kr - kb) * g + kb * b
    cb, cr = (b - y) / (2.0 * (1.0 - kb)), (r - y) / (2.0 * (1.0 - kr))
    if block == (1, 1):
        return cb, cr
    brightest = F.max_pool2d(lightness, block, ceil_mode=True)
    darkest = -F.max_pool2d(-lightness, block, ceil_mode=True)
    return _fit_block(cb, cr, darkest, brightest, target.matrix)


def _fit_block(
    cb: Tensor, cr: Tensor, darkest: Tensor, brightest: Tensor, matrix: int
) -> tuple[Tensor, Tensor]:
    """Lower chroma where the darkest or brightest pixel of a block couldn't keep its lightness.

    With chroma fixed, R', G', B' are Y' plus three offsets, so a pixel can be shown exactly when
    its luminance lies between those of the lowest and the highest Y' that keep all three in [0, 1].
    """
    low_y, high_y = lightness_to_luminance(darkest), lightness_to_luminance(brightest)
    bad = ~_shows(cb, cr, low_y, high_y, matrix)
    if not bool(bad.any()):
        return cb, cr
    few = [t[bad] for t in (cb, cr, low_y, high_y)]
    low, high = torch.zeros_like(few[0]), torch.ones_like(few[0])
    for _ in range(8):
        middle = (low + high) * 0.5
        fits = _shows(few[0] * middle, few[1] * middle, few[2], few[3], matrix)
        low, high = torch.where(fits, middle, low), torch.where(fits, high, middle)
    cb, cr = cb.clone(), cr.clone()
    cb[bad], cr[bad] = few[0] * low, few[1] * low
    return cb, cr


def _shows(cb: Tensor, cr: Tensor, low_y: Tensor, high_y: Tensor, matrix: int) -> Tensor:
    offsets = _offsets(cb, cr, matrix)
    smallest = torch.minimum(torch.minimum(offsets[0], offsets[1]), offsets[2])
    largest = torch.maximum(torch.maximum(offsets[0], offsets[1]), offsets[2])
    floor, ceiling = _luminance(-smallest, offsets), _luminance(1.0 - largest, offsets)
    return (floor <= low_y + 1e-4) & (ceiling >= high_y - 1e-3)


def _offsets(cb: Tensor, cr: Tensor, matrix: int) -> Offsets:
    """What Cb and Cr add to Y' to give R', G' and B'."""
    kr, kb = MATRIX_COEFFICIENTS[matrix]
    red, blue = 2.0 * (1.0 - kr), 2.0 * (1.0 - kb)
    green = 1.0 - kr - kb
    return cr * red, cb * (-kb * blue / green) - cr * (kr * red / green), cb * blue


def _luminance(y: Tensor, offsets: Offsets) -> Tensor:
    return sum(
        (
            srgb_to_linear((y + d).clamp(0.0, 1.0)) * w
            for d, w in zip(offsets, LUMINANCE, strict=True)
        ),
        start=torch.zeros_like(y),
    )


def _solve_luma(lightness: Tensor, offsets: Offsets) -> Tensor:
    """Y' in [0, 1] at which (Y', Cb, Cr) has the given lightness.

    Starts where a parabola through the curve at the grey's own code says (chroma always adds
    luminance to it, as the curve is convex), then takes a step of Newton's method.
    """
    goal = lightness_to_luminance(lightness)
    grey = linear_to_srgb(goal)
    spread = _spread_of(offsets).mul_(0.7).div_(grey + 0.055)
    y = grey.sub_(_mean_offset(offsets)).sub_(spread)
    for _ in range(_NEWTON_STEPS):
        value, slope = torch.zeros_like(y), torch.zeros_like(y)
        for offset, weight in zip(offsets, LUMINANCE, strict=True):
            linear, rise = _curve_and_slope(y + offset)
            value.add_(linear, alpha=weight)
            slope.add_(rise, alpha=weight)
        y.sub_(value.sub_(goal).div_(slope))
    return y.clamp_(0.0, 1.0)


def _mean_offset(offsets: Offsets) -> Tensor:
    return LUMINANCE[0] * offsets[0] + LUMINANCE[1] * offsets[1] + LUMINANCE[2] * offsets[2]


def _spread_of(offsets: Offsets) -> Tensor:
    """Variance of the offsets, weighted by luminance."""
    square = (
        LUMINANCE[0] * offsets[0] ** 2
        + LUMINANCE[1] * offsets[1] ** 2
        + LUMINANCE[2] * offsets[2] ** 2
    )
    return square - _mean_offset(offsets) ** 2


def _curve_and_slope(code: Tensor) -> tuple[Tensor, Tensor]:
    """The sRGB curve and its slope, continued beyond [0, 1] so that Newton sees no kink.

    Below the knee the slope is the curve's at the knee, 2 % steeper than the line: near enough.
    """
    bent = code.clamp_min(0.04045)
    base = (bent + 0.055).div_(1.055)
    power = power_of(base, 1.4)
    linear = (code - bent).div_(12.92).addcmul_(power, base)
    return linear, power.mul_(2.4 / 1.055)


def _luma_codes(y: Tensor, target: PlanarFormat) -> Tensor:
    unit = float(1 << (target.depth - 8))
    if target.full_range:
        return _quantise(y, float((1 << target.depth) - 1), 0.0, target.depth)
    return _quantise(y, 219.0 * unit, 16.0 * unit, target.depth)


def _chroma_codes(chroma: Tensor, target: PlanarFormat) -> Tensor:
    scale, middle = _chroma_scale(target)
    return _quantise(chroma, scale, middle, target.depth)


def _chroma_values(codes: Tensor, target: PlanarFormat) -> Tensor:
    scale, middle = _chroma_scale(target)
    return (codes.to(torch.float32) - middle) / scale


def _chroma_scale(target: PlanarFormat) -> tuple[float, float]:
    middle = float(1 << (target.depth - 1))
    scale = (
        float((1 << target.depth) - 1) if target.full_range else 224.0 * (1 << (target.depth - 8))
    )
    return scale, middle


def _quantise(value: Tensor, scale: float, offset: float, depth: int) -> Tensor:
    codes = (value * scale + offset).round_().clamp_(0.0, float((1 << depth) - 1))
    return codes.to(torch.uint8 if depth == 8 else torch.int32)


def _spread(plane: Tensor, size: tuple[int, int]) -> Tensor:
    """Chroma at the luma's size: each sample repeated over its block, as simple players do."""
    if plane.shape[-2:] == size:
        return plane
    down, across = -(-size[0] // plane.shape[-2]), -(-size[1] // plane.shape[-1])
    repeated = plane.repeat_interleave(down, dim=-2).repeat_interleave(across, dim=-1)
    return repeated[..., : size[0], : size[1]]


def _size(tensor: Tensor) -> tuple[int, int]:
    return int(tensor.shape[-2]), int(tensor.shape[-1])
