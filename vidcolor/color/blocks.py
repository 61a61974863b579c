"""Chroma that all pixels of a block share, and the luma that then keeps every pixel's lightness.

A block is what shares one chroma sample: 2x2 pixels at 4:2:0. With chroma fixed, R', G' and B' are
Y' plus three offsets. Powers are computed once per block; each pixel takes a few multiply-adds. At
8 bits that is exact enough; ``vidcolor.color.exact`` goes on from there for more.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vidcolor.color.curves import SRGB
from vidcolor.color.gamut import indices_below_zero, pick
from vidcolor.color.lab import Channels, srgb_to_linear
from vidcolor.color.spaces import RgbSpace

_SLACK = 1e-3
"""Error allowed at a block's darkest or brightest pixel: a quarter of an 8-bit code."""

KNEE_OFFSET = 0.055
"""Of the sRGB curve, ``((code + 0.055) / 1.055) ** 2.4``."""

LEAST_SLOPE = 0.4
"""Of the grey code of a luminance against luma, in a step towards the code that is wanted."""


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
    """The differences R' - Y', G' - Y' and B' - Y' of Cb and Cr in [-0.5, 0.5] (H.273).

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


def chroma_factor(offsets: Channels, darkest: Tensor, brightest: Tensor, space: RgbSpace) -> Tensor:
    """Factor on chroma with which a block's darkest and brightest pixel keep their lightness.

    The darkest grey that can be shown with offsets ``d`` is the one as light as ``d - min(d)``; the
    brightest is as light as ``1 + d - max(d)``. As the curve is nearly a power, the first is nearly
    proportional to chroma, and so is the second's distance to white: one correction makes up for
    "nearly".

    Args:
        offsets: ``chroma_offsets`` of the chroma that is meant.
        darkest: grey codes in [0, 1], of the same shape.
        brightest: likewise.
        space: of the output.

    Returns:
        Factors in [0, 1].
    """
    where = indices_below_zero(_certainty(offsets, darkest, brightest, space))
    red, green, blue, few_dark, few_bright = pick(where, *offsets, darkest, brightest)
    lowest = lowest_factor(torch.stack((red, green, blue)), few_dark, few_bright, space)
    factor = torch.ones_like(darkest)
    factor.view(-1).index_copy_(0, where, lowest)
    return factor


def _certainty(offsets: Channels, darkest: Tensor, brightest: Tensor, space: RgbSpace) -> Tensor:
    """Above 0 where chroma surely needn't be lowered, by bounds that need no power.

    Every curve is convex: luminance is at least that of the mean code. The grey is at most the
    largest code; and sRGB's curve is a power below 3, so there, but for codes near the knee, below
    which it is a line, it is at most the mean of power 3.
    """
    low, high = _extremes(offsets)
    light = _weighted(offsets, space.luminance).sub_(high).sub_(brightest).add_(1.0)
    dark = (low - high).add_(darkest)
    if space.curve is SRGB:
        lift = KNEE_OFFSET - low
        red, green, blue = ((offset + lift).pow_(3) for offset in offsets)
        mean = _weighted((red, green, blue), space.luminance)
        power = (darkest + KNEE_OFFSET).pow_(3).sub_(mean)
        dark = torch.maximum(dark, torch.minimum(power, darkest - 0.05))
    return torch.minimum(light, dark)


def _extremes(channels: Channels) -> tuple[Tensor, Tensor]:
    red, green, blue = channels
    low = torch.minimum(torch.minimum(red, green), blue)
    return low, torch.maximum(torch.maximum(red, green), blue)


def lowest_factor(offsets: Tensor, darkest: Tensor, brightest: Tensor, space: RgbSpace) -> Tensor:
    """``chroma_factor`` by powers; offsets ``(3, N)``, the others ``(N,)``.

    Both ends are worked out together: ``anchor`` plus offsets is a grey at some distance from it.
    """
    from_end = torch.stack((offsets - offsets.amin(dim=0), offsets - offsets.amax(dim=0)))
    distance = torch.stack((darkest, 1.0 - brightest)).add_(_SLACK)
    anchor = offsets.new_tensor((0.0, 1.0)).view(2, 1, 1)
    weights = offsets.new_tensor(space.luminance).view(3, 1)
    factor = torch.ones_like(distance)
    for _ in range(2 if space.curve is SRGB else 6):  # other curves are less of a power
        linear = space.curve.to_linear(torch.addcmul(anchor, from_end, factor.unsqueeze(1)))
        reached = space.curve.from_linear(linear.mul_(weights).sum(dim=1))
        reached.sub_(anchor[:, 0]).abs_()
        factor.mul_(distance).div_(reached.clamp_min_(1e-6)).clamp_(0.0, 1.0)
    return factor.amin(dim=0)


def luminance(codes: Channels, space: RgbSpace) -> Tensor:
    """Relative luminance of R', G' and B'."""
    red, green, blue = (space.curve.to_linear(code) for code in codes)
    weights = space.luminance
    return red.mul_(weights[0]).add_(green, alpha=weights[1]).add_(blue, alpha=weights[2])


def luma_correction(
    offsets: Channels, grey: Tensor, space: RgbSpace, *, steps: int, bent_slope: bool = False
) -> tuple[Tensor, Tensor]:
    """The difference between a pixel's grey code and the luma that has its lightness with chroma.

    As a power, the sRGB curve makes the luma of a pixel with grey code ``g`` nearly
    ``g - mean - bend / (g + 0.055)``: the offsets' mean, and their variance bent by the curve,
    which counts the more the darker the pixel. The mean is linear in chroma; the bend is chosen so
    that the luma is right at the block's own grey.

    Args:
        offsets: ``chroma_offsets`` of the chroma as stored.
        grey: the block's mean grey code, in [0, 1].
        space: of the output, with the sRGB curve.
        steps: of Newton's method, from what a parabola through the curve says, with the slope at
            ``grey``. One is enough for 8 bits and blocks of pixels; each divides the error by 5.
        bent_slope: correct that slope by the parabola: a step divides the error by 20.

    Returns:
        Mean and bend.
    """
    mean = _weighted(offsets, space.luminance)
    red, green, blue = (d * d for d in offsets)
    variance = _weighted((red, green, blue), space.luminance).sub_(mean * mean)
    lifted = grey + KNEE_OFFSET
    first_bend = variance.mul_(0.7).div_(lifted)
    luma = (grey - mean).sub_(first_bend)
    goal = srgb_to_linear(grey)
    # The curve's slope: of a power 2.4, of the line below the knee.
    slope = (goal * 2.4).div_(lifted).clamp_min_(1.0 / 12.92)
    if bent_slope:
        slope.mul_(first_bend.div_(lifted).neg_().add_(1.0).clamp_min_(LEAST_SLOPE))
    for _ in range(steps):
        red, green, blue = (luma + offset for offset in offsets)
        luma.sub_(luminance((red, green, blue), space).sub_(goal).div_(slope))
    return mean, (grey - mean).sub_(luma).mul_(lifted)


def correct_luma(
    grey: Tensor,
    mean: Tensor,
    bend: Tensor,
    shift: tuple[int, int],
    *,
    scale: float = 1.0,
    offset: float = 0.0,
) -> Tensor:
    """Luma of every pixel, from ``luma_correction`` of its block (which is overwritten).

    Args:
        grey: ``(B, 1, H, W)`` codes in [0, 1], in whole blocks.
        mean: one sample for a block.
        bend: likewise.
        shift: log2 of the block's (width, height).
        scale: of the result.
        offset: added to it.

    Returns:
        ``(B, 1, H, W)`` float32, not clipped.
    """
    batch, _, height, width = grey.shape
    lines = grey.view(batch, height >> shift[1], 1 << shift[1], width)
    mean, bend = (
        along_lines(part, shift) for part in (mean.mul_(scale).sub_(offset), bend.mul_(scale))
    )
    bent = torch.div(bend, lines + KNEE_OFFSET)
    return (lines * scale).sub_(bent).sub_(mean).view_as(grey)


def along_lines(blocks: Tensor, shift: tuple[int, int]) -> Tensor:
    """Repeat samples of blocks ``(B, 1, h, w)`` along lines: ``(B, h, 1, W)``."""
    batch, _, height, width = blocks.shape
    across = 1 << shift[0]
    spread = blocks.new_empty(batch, height, 1, width, across)
    for column in range(across):  # half the time of repeat_interleave
        spread[..., column] = blocks.view(batch, height, 1, width)
    return spread.view(batch, height, 1, width * across)


def _weighted(channels: Channels, weights: tuple[float, float, float]) -> Tensor:
    red, green, blue = channels
    mean = (red * weights[0]).add_(green, alpha=weights[1])
    return mean.add_(blue, alpha=weights[2])
