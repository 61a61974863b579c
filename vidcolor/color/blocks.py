"""Chroma that all pixels of a block share, and the luma that then keeps every pixel's lightness.

A block is what shares one chroma sample: 2x2 pixels at 4:2:0. With chroma fixed, R', G' and B' are
Y' plus three offsets. All that is dear is worked out once per block; per pixel there remain a few
multiply-adds.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vidcolor.color.gamut import pick
from vidcolor.color.lab import LUMINANCE, Channels, linear_to_srgb, srgb_to_linear

_SLACK = 1e-3
"""Code value by which a block's darkest or brightest pixel may miss: a quarter of an 8-bit code."""

KNEE_OFFSET = 0.055
"""Of the sRGB curve, ``((code + 0.055) / 1.055) ** 2.4``."""


def pool(
    plane: Tensor, shift: tuple[int, int], merge: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """Merge neighbours in pairs until every block is one sample.

    Args:
        plane: ``(B, 1, H, W)``, in whole blocks.
        shift: log2 of the block's (width, height).
        merge: of two tensors, such as ``torch.maximum``.
    """
    for _ in range(shift[1]):
        plane = merge(plane[..., 0::2, :], plane[..., 1::2, :])
    for _ in range(shift[0]):
        plane = merge(plane[..., 0::2], plane[..., 1::2])
    return plane


def mean_of(first: Tensor, second: Tensor) -> Tensor:
    """The mean of two tensors, for ``pool``."""
    return (first + second).mul_(0.5)


def chroma_offsets(cb: Tensor, cr: Tensor, matrix: tuple[float, float]) -> Channels:
    """What Cb and Cr, in [-0.5, 0.5], add to Y' to give R', G' and B' (H.273).

    Args:
        cb: of any shape.
        cr: of the same.
        matrix: Kr and Kb.
    """
    kr, kb = matrix
    red, blue = 2.0 * (1.0 - kr), 2.0 * (1.0 - kb)
    green = 1.0 - kr - kb
    mixed = (cb * (-kb * blue / green)).sub_(cr, alpha=kr * red / green)
    return cr * red, mixed, cb * blue


def chroma_factor(offsets: Channels, darkest: Tensor, brightest: Tensor) -> Tensor:
    """How far chroma must be lowered so that a block's extremes can be shown with their lightness.

    The darkest grey that can be shown with offsets ``d`` is the one as light as ``d - min(d)``; the
    brightest is as light as ``1 + d - max(d)``. As the curve is nearly a power, the first is nearly
    proportional to chroma, and so is the second's distance to white: one correction makes up for
    "nearly".

    Args:
        offsets: ``chroma_offsets`` of the chroma that is meant.
        darkest: grey codes in [0, 1], of the same shape.
        brightest: likewise.

    Returns:
        Factors in [0, 1].
    """
    where = (_certainty(offsets, darkest, brightest) < 0.0).view(-1).nonzero().view(-1)
    red, green, blue, few_dark, few_bright = pick(where, *offsets, darkest, brightest)
    lowest = _lowest_factor(torch.stack((red, green, blue)), few_dark, few_bright)
    factor = torch.ones_like(darkest)
    factor.view(-1).index_copy_(0, where, lowest)
    return factor


def _certainty(offsets: Channels, darkest: Tensor, brightest: Tensor) -> Tensor:
    """Above 0 where chroma surely needn't be lowered, by bounds that need no power.

    The curve is convex: luminance is at least that of the mean code. And it is a power below 3, so
    the grey is at most the mean of power 3; near the knee, below which it is a line, at most the
    largest.
    """
    low, high = _extremes(offsets)
    light = _weighted(offsets).sub_(high).sub_(brightest).add_(1.0)
    lift = KNEE_OFFSET - low
    red, green, blue = ((offset + lift).pow_(3) for offset in offsets)
    dark = (darkest + KNEE_OFFSET).pow_(3).sub_(_weighted((red, green, blue)))
    dark = torch.minimum(dark, darkest - 0.05)
    dark = torch.maximum(dark, low.sub_(high).add_(darkest))
    return torch.minimum(light, dark)


def _extremes(channels: Channels) -> tuple[Tensor, Tensor]:
    red, green, blue = channels
    low = torch.minimum(torch.minimum(red, green), blue)
    return low, torch.maximum(torch.maximum(red, green), blue)


def _lowest_factor(offsets: Tensor, darkest: Tensor, brightest: Tensor) -> Tensor:
    """``chroma_factor`` by powers; offsets ``(3, N)``, the others ``(N,)``.

    Both ends are worked out together: ``anchor`` plus offsets is a grey at some distance from it.
    """
    from_end = torch.stack((offsets - offsets.amin(dim=0), offsets - offsets.amax(dim=0)))
    distance = torch.stack((darkest, 1.0 - brightest)).add_(_SLACK)
    anchor = offsets.new_tensor((0.0, 1.0)).view(2, 1, 1)
    weights = offsets.new_tensor(LUMINANCE).view(3, 1)
    factor = torch.ones_like(distance)
    for _ in range(2):
        linear = srgb_to_linear(torch.addcmul(anchor, from_end, factor.unsqueeze(1)))
        reached = linear_to_srgb(linear.mul_(weights).sum(dim=1)).sub_(anchor[:, 0]).abs_()
        factor.mul_(distance).div_(reached.clamp_min_(1e-6)).clamp_(0.0, 1.0)
    return factor.amin(dim=0)


def luminance(codes: Channels) -> Tensor:
    """Relative luminance of R', G' and B'."""
    red, green, blue = (srgb_to_linear(code) for code in codes)
    red.mul_(LUMINANCE[0]).add_(green, alpha=LUMINANCE[1])
    return red.add_(blue, alpha=LUMINANCE[2])


def luma_correction(offsets: Channels, grey: Tensor, *, steps: int) -> tuple[Tensor, Tensor]:
    """What to take from a pixel's grey code, to have with chroma the lightness it had without.

    Seen as a power, the sRGB curve makes the luma of a pixel with grey code ``g`` nearly
    ``g - mean - bend / (g + 0.055)``: the offsets' mean, and their variance bent by the curve,
    which counts the more the darker the pixel. The mean is linear in chroma; the bend is chosen so
    that the luma is right at the block's own grey.

    Args:
        offsets: ``chroma_offsets`` of the chroma as stored.
        grey: the block's mean grey code, in [0, 1].
        steps: of Newton's method, from what a parabola through the curve says, with the slope at
            ``grey``. One is enough for 8 bits and blocks of pixels; each divides the error by 5.

    Returns:
        Mean and bend.
    """
    mean = _weighted(offsets)
    red, green, blue = (d * d for d in offsets)
    variance = _weighted((red, green, blue)).sub_(mean * mean)
    lifted = grey + KNEE_OFFSET
    luma = (grey - mean).sub_(variance.mul_(0.7).div_(lifted))
    goal = srgb_to_linear(grey)
    # The curve's slope: of a power 2.4, of the line below the knee.
    slope = (goal * 2.4).div_(lifted).clamp_min_(1.0 / 12.92)
    for _ in range(steps):
        red, green, blue = (luma + offset for offset in offsets)
        luma.sub_(luminance((red, green, blue)).sub_(goal).div_(slope))
    return mean, (grey - mean).sub_(luma).mul_(lifted)


def _weighted(channels: Channels) -> Tensor:
    red, green, blue = channels
    mean = (red * LUMINANCE[0]).add_(green, alpha=LUMINANCE[1])
    return mean.add_(blue, alpha=LUMINANCE[2])
