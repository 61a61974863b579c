"""Luma for more than 8 bits, and for curves other than sRGB's: every pixel has its own lightness.

A block's chroma, as stored, adds the same three offsets to the luma of all its pixels. With the
sRGB curve, the formula of ``luma_correction`` is put right at each block's darkest and brightest
pixel. Where it was far off there (a channel is on the straight part of the curve, or out of range,
where players clip it), and with other curves, each pixel is solved by itself.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vidcolor.color.blocks import (
    KNEE_OFFSET,
    LEAST_SLOPE,
    along_lines,
    correct_luma,
    luma_correction,
    luminance,
)
from vidcolor.color.curves import SRGB
from vidcolor.color.gamut import indices_below_zero, pick
from vidcolor.color.lab import Channels
from vidcolor.color.spaces import RgbSpace

_FAR = 2e-3
"""Code value by which the formula may be off at a block's darkest or brightest pixel; blocks beyond
are solved pixel by pixel. Smaller is more exact and slower. Error of L* at 10 bits, on noisy
photographs with chroma up to 1.3 times theirs: 99th percentile 0.06 to 0.08 (0.06 is rounding),
99.9th 0.08 to 0.17, largest 0.5."""


class Blocks(NamedTuple):
    """Grey codes of blocks, one sample each.

    Attributes:
        darkest: of the block's darkest pixel.
        mean: over the block.
        brightest: of its brightest pixel.
    """

    darkest: Tensor
    mean: Tensor
    brightest: Tensor


def exact_luma(
    grey: Tensor, blocks: Blocks, offsets: Channels, shift: tuple[int, int], space: RgbSpace
) -> Tensor:
    """Luma that has, with the chroma of its block, the luminance of each pixel's grey code.

    Args:
        grey: ``(B, 1, H, W)`` float32 codes in [0, 1], in whole blocks.
        blocks: the same, block by block.
        offsets: of chroma as stored, see ``chroma_offsets``, one sample for a block.
        shift: log2 of the block's (width, height).
        space: of the output.

    Returns:
        ``(B, 1, H, W)`` float32, not clipped.
    """
    if space.curve is not SRGB:
        return _all_pixels(grey, offsets, shift, space)
    mean, bend = luma_correction(offsets, blocks.mean, space, steps=1, bent_slope=True)
    far = _put_right(mean, bend, blocks, offsets, space)
    luma = correct_luma(grey, mean, bend, shift)
    pixels = _pixels_of(far, int(grey.shape[-1]), shift)
    red, green, blue = (few.repeat_interleave(1 << sum(shift)) for few in pick(far, *offsets))
    few_grey, guess = pick(pixels, grey, luma)
    solved = _solve(guess, few_grey, (red, green, blue), space, rounds=1)
    luma.view(-1).index_copy_(0, pixels, solved)
    return luma


def _put_right(
    mean: Tensor, bend: Tensor, blocks: Blocks, offsets: Channels, space: RgbSpace
) -> Tensor:
    """Change ``mean`` and ``bend`` in place: right at each block's darkest and brightest pixel.

    Returns:
        Flat indices of the blocks in which one of them was far off.
    """
    (dark, near), (light, away) = (
        _miss(mean, bend, code, offsets, space) for code in (blocks.darkest, blocks.brightest)
    )
    far = indices_below_zero(_FAR - torch.maximum(dark.abs(), light.abs()))
    tilt = (dark - light).div_((near - away).clamp_min_(1e-2))
    bend.add_(tilt)
    mean.add_(light).sub_(tilt.mul_(away))
    return far


def _miss(
    mean: Tensor, bend: Tensor, code: Tensor, offsets: Channels, space: RgbSpace
) -> tuple[Tensor, Tensor]:
    """How far luma is above the right one, by one step, and ``1 / (code + 0.055)``."""
    near = (code + KNEE_OFFSET).reciprocal_()
    bent = bend * near
    error = _error((code - mean).sub_(bent), code, offsets, space)
    slope = bent.mul_(near).neg_().add_(1.0).clamp_min_(LEAST_SLOPE)
    return error.div_(slope), near


def _all_pixels(grey: Tensor, offsets: Channels, shift: tuple[int, int], space: RgbSpace) -> Tensor:
    batch, _, height, width = grey.shape
    lines = grey.view(batch, height >> shift[1], 1 << shift[1], width)
    red, green, blue = (along_lines(offset, shift) for offset in offsets)
    middle = (red + green + blue) / 3.0
    return _solve(lines - middle, lines, (red, green, blue), space, rounds=4).view_as(grey)


def _error(luma: Tensor, grey: Tensor, offsets: Channels, space: RgbSpace) -> Tensor:
    """How much too large the grey code of the luminance shown is; players clip R', G' and B'."""
    red, green, blue = ((luma + offset).clamp_(0.0, 1.0) for offset in offsets)
    return space.curve.from_linear(luminance((red, green, blue), space)).sub_(grey)


def _solve(
    luma: Tensor, grey: Tensor, offsets: Channels, space: RgbSpace, *, rounds: int
) -> Tensor:
    """Secant method: the grey code of the luminance against luma is nearly a line of slope 1.

    Args:
        luma: where to start, any shape.
        grey: the code that is wanted, of that shape.
        offsets: of that shape, or one that broadcasts to it.
        space: of the output.
        rounds: corrections after the first.
    """
    slope = torch.ones_like(luma)
    error = _error(luma, grey, offsets, space)
    for _ in range(rounds):
        change = error / slope
        luma = luma - change
        before, error = error, _error(luma, grey, offsets, space)
        found = (before - error).div_(change)
        slope = torch.where(change.abs() > 1e-6, found, slope).clamp_(0.25, 4.0)
    return luma - error / slope


def _pixels_of(blocks: Tensor, width: int, shift: tuple[int, int]) -> Tensor:
    """Flat indices of all pixels of blocks, ``(N,)`` to ``(N * pixels,)``, block by block."""
    across, down = (1 << log for log in shift)
    in_row = width >> shift[0]
    first = (blocks // in_row) * (down * width) + (blocks % in_row) * across
    lines = torch.arange(down, device=blocks.device).view(-1, 1) * width
    within = (lines + torch.arange(across, device=blocks.device)).view(-1)
    return (first.view(-1, 1) + within).view(-1)
