"""Gamut mapping to sRGB by lowering chroma, at constant lightness and hue."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vidcolor.color.lab import WHITE_XYZ_TO_RGB, Channels, channels_to_linear, cie_f_inverse

_TOLERANCE = 5e-5
"""Linear light by which a colour may lie outside before it counts: below half an 8-bit code."""

_HALVINGS = 8
"""Bisection steps for the largest factor; a secant through the last two points follows.

The secant's mean error is below 1e-5. Where it fails, at an edge of the gamut, the largest factor
that bisection found inside is used, within 1/256 of the right one.
"""


def linear_in_gamut(lightness: Tensor, ab: Tensor) -> Channels:
    """Linear sRGB of ab times the largest factor in [0, 1], per pixel, that is inside the gamut.

    Args:
        lightness: ``(B, 1, H, W)`` float32, L*/100 in [0, 1], contiguous.
        ab: ``(B, 2, H, W)`` float32, contiguous.

    Returns:
        R, G and B, each ``(B, 1, H, W)`` float32, within ``_TOLERANCE`` of [0, 1].
    """
    # Black and white have no colour; without this, black bars would be searched for it.
    some = torch.minimum(lightness, 1.0 - lightness).mul_(1e5).clamp_(0.0, 1.0)
    a, b = ab[:, 0:1] * some, ab[:, 1:2] * some
    linear = channels_to_linear(lightness, a, b)
    where = indices_below_zero(_room(linear))
    few_l, few_a, few_b = pick(where, lightness, a, b)
    scale = largest_scale(few_l, few_a, few_b)
    mapped = channels_to_linear(few_l, few_a * scale, few_b * scale)
    for channel, values in zip(linear, mapped, strict=True):
        channel.view(-1).index_copy_(0, where, values)
    return linear


def indices_below_zero(plane: Tensor) -> Tensor:
    """Flat indices ``(N,)`` of negative samples; NumPy's search takes a fifth of PyTorch's time."""
    if plane.device.type != "cpu":
        return (plane.reshape(-1) < 0.0).nonzero().view(-1)
    return torch.from_numpy(np.flatnonzero(plane.detach().numpy() < 0.0))


def pick(where: Tensor, *planes: Tensor) -> list[Tensor]:
    """The samples of planes of one shape at flat indices ``where``, ``(N,)`` each."""
    return [plane.reshape(-1).index_select(0, where) for plane in planes]


def largest_scale(lightness: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """The largest factors with room left for colours outside; all ``(N,)``.

    Channels are stacked, so that a step takes few operations: there are few pixels and many steps.
    """
    room_at = _RoomAlongChroma(lightness, a, b)
    step, scale = 0.5, torch.full_like(lightness, 0.5)
    inside = torch.zeros_like(lightness)
    before, room = torch.ones_like(scale), room_at(torch.ones_like(scale))
    for _ in range(_HALVINGS):
        last, before_last, before = room, before, scale
        room = room_at(scale)
        inside = torch.where(room >= 0.0, scale, inside)
        step *= 0.5
        scale = torch.add(scale, room.sign(), alpha=step)
    slope = (room - last).div_(before - before_last).clamp_max_(-1e-6)
    # The root is within two steps of the last point.
    change = (room / slope).clamp_(-2.0 * step, 2.0 * step)
    scale = (before - change).clamp_(0.0, 1.0)
    return torch.where(room_at(scale) >= -0.5 * _TOLERANCE, scale, inside)


class _RoomAlongChroma:
    """``_room`` of ``(N,)`` colours whose chroma is scaled, lightness staying."""

    def __init__(self, lightness: Tensor, a: Tensor, b: Tensor) -> None:
        self._fy = (lightness * 100.0).add_(16.0).div_(116.0)
        self._slopes = torch.stack((a / 500.0, b / -200.0))
        matrix = lightness.new_tensor(WHITE_XYZ_TO_RGB)
        self._grey = matrix[:, 1:2] * cie_f_inverse(self._fy)
        self._x_column, self._z_column = matrix[:, 0:1], matrix[:, 2:3]

    def __call__(self, scale: Tensor) -> Tensor:
        """Of factors ``(N,)``."""
        x, z = cie_f_inverse(torch.addcmul(self._fy, self._slopes, scale))
        linear = torch.addcmul(self._grey, self._x_column, x).addcmul_(self._z_column, z)
        highest = linear.amax(dim=0)
        return torch.minimum(linear.amin(dim=0), highest.neg_().add_(1.0)).add_(_TOLERANCE)


def _room(linear: Channels) -> Tensor:
    """Distance to the nearest side of the gamut, in linear light; negative outside."""
    red, green, blue = linear
    low = torch.minimum(torch.minimum(red, green), blue)
    high = torch.maximum(torch.maximum(red, green), blue)
    return torch.minimum(low, high.neg_().add_(1.0)).add_(_TOLERANCE)
