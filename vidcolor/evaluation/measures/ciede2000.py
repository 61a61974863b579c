"""Colour difference CIEDE2000 (CIE 142-2001).

Formulas as numbered in Sharma, Wu and Dalal, "The CIEDE2000 Color-Difference Formula:
Implementation Notes, Supplementary Test Data, and Mathematical Observations" (2005).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_POW_25_7 = 25.0**7


def ciede2000(lab: Tensor, truth: Tensor) -> Tensor:
    """Difference of each pixel, with k_L = k_C = k_H = 1; about 1 is just visible.

    Args:
        lab: ``(3, H, W)`` L* in [0, 100], a*, b*; float32 or float64.
        truth: the same; the formula is symmetric.

    Returns:
        ``(H, W)`` in the dtype of the input.
    """
    l1, l2 = lab[0], truth[0]
    c1, h1, c2, h2 = _primed(lab, truth)
    product = c1 * c2
    grey = product == 0.0
    turn = _turn(h2 - h1).masked_fill(grey, 0.0)
    delta_hue = 2.0 * product.sqrt() * torch.sin(torch.deg2rad(turn) / 2.0)  # (11)
    mean_l, mean_c = (l1 + l2) / 2.0, (c1 + c2) / 2.0
    mean_h = torch.where(grey, h1 + h2, _mean_hue(h1, h2))
    bowl = (mean_l - 50.0).square()
    s_l = 1.0 + 0.015 * bowl / (20.0 + bowl).sqrt()  # (16)
    s_c = 1.0 + 0.045 * mean_c  # (17)
    s_h = 1.0 + 0.015 * mean_c * _t(mean_h)  # (18)
    light, chroma, hue = (l2 - l1) / s_l, (c2 - c1) / s_c, delta_hue / s_h
    squared = light.square() + chroma.square() + hue.square()
    return (squared + _rotation(mean_c, mean_h) * chroma * hue).clamp_min(0.0).sqrt()  # (22)


def _primed(lab: Tensor, truth: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Chroma C' and hue h' in degrees of both, with a* stretched for near-greys: (2) to (7)."""
    mean = (torch.hypot(lab[1], lab[2]) + torch.hypot(truth[1], truth[2])) / 2.0
    stretch = 1.5 - 0.5 * _saturating(mean)
    out: list[Tensor] = []
    for each in (lab, truth):
        a, b = each[1] * stretch, each[2]
        out += [torch.hypot(a, b), torch.rad2deg(torch.atan2(b, a)) % 360.0]
    return out[0], out[1], out[2], out[3]


def _saturating(chroma: Tensor) -> Tensor:
    seventh = chroma**7
    return (seventh / (seventh + _POW_25_7)).sqrt()


def _turn(difference: Tensor) -> Tensor:
    """A hue difference the short way round, in [-180, 180]: (10)."""
    too_far = difference.abs() > 180.0
    return torch.where(too_far, difference - 360.0 * torch.sign(difference), difference)


def _mean_hue(h1: Tensor, h2: Tensor) -> Tensor:
    """The hue half way between, the short way round: (14)."""
    total = h1 + h2
    around = torch.where(total < 360.0, total + 360.0, total - 360.0)
    return torch.where((h1 - h2).abs() > 180.0, around, total) / 2.0


def _t(hue: Tensor) -> Tensor:
    """How much a hue difference counts around this hue: (15)."""
    terms = ((-0.17, 1.0, -30.0), (0.24, 2.0, 0.0), (0.32, 3.0, 6.0), (-0.20, 4.0, -63.0))
    total = torch.ones_like(hue)
    for weight, times, offset in terms:
        total = total + weight * torch.cos(torch.deg2rad(times * hue + offset))
    return total


def _rotation(chroma: Tensor, hue: Tensor) -> Tensor:
    """R_T, which turns the ellipses of blue: (12), (13), (20)."""
    angle = 30.0 * torch.exp(-(((hue - 275.0) / 25.0) ** 2))
    return -2.0 * _saturating(chroma) * torch.sin(angle * (2.0 * math.pi / 180.0))
