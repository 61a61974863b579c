"""Colours outside sRGB are brought inside by lowering chroma; lightness and hue stay."""

from __future__ import annotations

import torch
from torch import Tensor

from vidcolor.color.lab import lab_to_linear

_TOLERANCE = 5e-5
"""Linear light by which a colour may lie outside before it counts: below half an 8-bit code."""

_STEPS = 12
"""Halvings of the search: the chroma found is within 1/4096 of the largest that fits."""


def map_into_gamut(lightness: Tensor, ab: Tensor) -> Tensor:
    """Scale ab, per pixel, by the largest factor in [0, 1] that sRGB can show at that lightness.

    Args:
        lightness: ``(B, 1, H, W)`` float32, L*/100 in [0, 1].
        ab: ``(B, 2, H, W)`` float32.

    Returns:
        ``(B, 2, H, W)`` float32; pixels inside the gamut are untouched.
    """
    outside = ~_inside(lab_to_linear(lightness, ab))
    if not bool(outside.any()):
        return ab
    where = outside[:, 0].nonzero(as_tuple=True)
    few_l = lightness[:, 0][where].view(-1, 1, 1, 1)
    few_ab = ab.permute(0, 2, 3, 1)[where].view(-1, 2, 1, 1)
    scaled = few_ab * _largest_scale(few_l, few_ab)
    result = ab.permute(0, 2, 3, 1).clone()
    result[where] = scaled.view(-1, 2)
    return result.permute(0, 3, 1, 2).contiguous()


def _largest_scale(lightness: Tensor, ab: Tensor) -> Tensor:
    low = torch.zeros_like(lightness)
    high = torch.ones_like(lightness)
    for _ in range(_STEPS):
        middle = (low + high) * 0.5
        fits = _inside(lab_to_linear(lightness, ab * middle))
        low = torch.where(fits, middle, low)
        high = torch.where(fits, high, middle)
    return low


def _inside(linear: Tensor) -> Tensor:
    low, high = linear.amin(dim=1, keepdim=True), linear.amax(dim=1, keepdim=True)
    return (low >= -_TOLERANCE) & (high <= 1.0 + _TOLERANCE)
