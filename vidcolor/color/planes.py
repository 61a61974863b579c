"""Lightness and ab to the planes that an encoder takes.

Chroma is computed at the output's chroma resolution. Luma is then solved so that the pixel that a
player shows, with the chroma as stored, has the lightness of the source: a colour and the grey of
its lightness differ in Y', and subsampled, rounded chroma differs from the exact one. ``blocks``
and ``exact`` have the arithmetic, ``spaces`` the primaries and curves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.color.blocks import (
    chroma_factor,
    chroma_offsets,
    correct_luma,
    luma_correction,
    mean_of,
    pool,
)
from vidcolor.color.curves import SRGB
from vidcolor.color.exact import Blocks, exact_luma
from vidcolor.color.fused import can_fuse, join_fused
from vidcolor.color.gamut import linear_in_gamut
from vidcolor.color.lab import Channels, lightness_to_grey, linear_to_srgb, srgb_to_linear
from vidcolor.color.resize import resize
from vidcolor.color.spaces import RgbSpace, rgb_space
from vidcolor.types import LUMA_WEIGHTS, PlanarFormat

_STRIP_PIXELS = 400_000
"""Pixels joined at a time on CPUs, so that temporaries stay in the caches."""

_TABLE_DEPTH = 12
"""Bits per sample up to which grey codes come from a table."""

Planes = tuple[Tensor, Tensor, Tensor]


def join_rgb(lightness: Tensor, ab: Tensor, *, depth: int = 8) -> Tensor:
    """Lightness and ab to RGB code values.

    Args:
        lightness: ``(B, 1, H, W)`` float32, L*/100 in [0, 1].
        ab: ``(B, 2, h, w)`` float32, any size; resized to the frame.
        depth: bits per sample, 8 to 16.

    Returns:
        ``(B, 3, H, W)`` uint8 (8 bit) or int32 (more) full-range code values.
    """
    lightness, full = lightness.contiguous(), resize(ab, _size(lightness))
    scale = float((1 << depth) - 1)
    return torch.cat(
        [
            _quantise(linear_to_srgb(channel), scale, 0.0, depth)
            for channel in linear_in_gamut(lightness, full)
        ],
        dim=1,
    )


def join_planes(
    lightness: Tensor, ab: Tensor, target: PlanarFormat
) -> tuple[Tensor, Tensor, Tensor]:
    """Lightness and ab to the three planes of ``target``.

    Args:
        lightness: ``(B, 1, H, W)`` float32, L*/100 in [0, 1].
        ab: ``(B, 2, h, w)`` float32, any size.
        target: the planes' format.

    Returns:
        Three tensors ``(B, H', W')``, uint8 (8 bit) or int32 (more): Y, Cb, Cr, or R, G, B.

    Raises:
        ValueError: for a matrix that vidcolor doesn't write.
    """
    if target.model == "rgb":
        rgb = join_rgb(lightness, ab, depth=target.depth)
        return rgb[:, 0], rgb[:, 1], rgb[:, 2]
    if target.matrix not in LUMA_WEIGHTS:
        raise ValueError(f"no coefficients for {target.matrix = }")
    height, width = _size(lightness)
    across, down = target.chroma_shift
    lightness = _whole_blocks(lightness, target.chroma_shift)
    ab = resize(ab, (lightness.shape[-2] >> down, lightness.shape[-1] >> across))
    space = rgb_space(target.primaries, target.transfer)
    if can_fuse(lightness, target, space):
        y, cb, cr = (
            plane[:, 0]
            for plane in join_fused(
                lightness, ab, target, space, _chroma_scale(target), _luma_range(target)
            )
        )
        return y[..., :height, :width], cb, cr
    rows = _strip_rows(lightness, 1 << down)
    planes = tuple(
        lightness.new_empty(len(lightness), 1, *_size(like), dtype=_code_type(target.depth))
        for like in (lightness, ab, ab)
    )
    with _one_of_two_threads():
        for top in range(0, height, rows):
            lines = slice(top, top + rows)
            chroma_lines = slice(top >> down, (top + rows) >> down)
            joined = _join_strip(lightness[..., lines, :], ab[..., chroma_lines, :], target)
            for plane, part, at in zip(
                planes, joined, (lines, chroma_lines, chroma_lines), strict=True
            ):
                plane[..., at, :] = part
    y, cb, cr = (plane[:, 0] for plane in planes)
    return y[..., :height, :width], cb, cr


def _whole_blocks(lightness: Tensor, shift: tuple[int, int]) -> Tensor:
    """Pad to whole blocks by repeating the last row and column."""
    height, width = _size(lightness)
    right, below = -width % (1 << shift[0]), -height % (1 << shift[1])
    return (
        F.pad(lightness, (0, right, 0, below), mode="replicate")
        if right or below
        else lightness.contiguous()
    )


@contextmanager
def _one_of_two_threads() -> Iterator[None]:
    """On two cores, leave one to encoder and decoder.

    Sharing many small operations between two threads costs half as much CPU time again.
    """
    threads = torch.get_num_threads()
    if threads != 2:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _strip_rows(lightness: Tensor, block: int) -> int:
    height, width = _size(lightness)
    if lightness.device.type != "cpu":
        return height
    return max(1, _STRIP_PIXELS // (width * len(lightness) * block)) * block


def _join_strip(lightness: Tensor, ab: Tensor, target: PlanarFormat) -> Planes:
    """Y, Cb and Cr codes, each ``(B, 1, ...)``, of whole blocks; ab at the chroma planes' size."""
    shift, matrix = target.chroma_shift, LUMA_WEIGHTS[target.matrix]
    space = rgb_space(target.primaries, target.transfer)
    grey = _grey(lightness, target.depth)
    blocks = _blocks(grey, shift)
    cb, cr = _chroma(pool(lightness, shift, mean_of), ab, matrix, space)
    if shift != (0, 0):
        offsets = chroma_offsets(cb, cr, matrix)
        factor = chroma_factor(offsets, blocks.darkest, blocks.brightest, space)
        cb.mul_(factor)
        cr.mul_(factor)
    cb, cr = (_chroma_codes(c, target) for c in (cb, cr))
    offsets = chroma_offsets(_chroma_values(cb, target), _chroma_values(cr, target), matrix)
    return _luma(grey, blocks, offsets, target, space), cb, cr


def _blocks(grey: Tensor, shift: tuple[int, int]) -> Blocks:
    if shift == (0, 0):
        return Blocks(grey, grey, grey)
    merges = (torch.minimum, mean_of, torch.maximum)
    return Blocks(*(pool(grey, shift, merge) for merge in merges))


def _grey(lightness: Tensor, depth: int) -> Tensor:
    """Grey codes in [0, 1] of lightness; by table, exact to 1e-5, where that is enough."""
    if depth > _TABLE_DEPTH:
        return lightness_to_grey(lightness)
    table = _grey_table(lightness.device)
    at = (lightness * (len(table) - 1)).round_().to(torch.int32)
    return table.index_select(0, at.view(-1)).view_as(lightness)


@lru_cache(maxsize=4)
def _grey_table(device: torch.device) -> Tensor:
    return lightness_to_grey(torch.linspace(0.0, 1.0, 1 << 16)).to(device)


def _chroma(
    lightness: Tensor, ab: Tensor, matrix: tuple[float, float], space: RgbSpace
) -> tuple[Tensor, Tensor]:
    """Cb and Cr in [-0.5, 0.5] of colours brought into gamut."""
    channels = space.convert(linear_in_gamut(lightness, ab))
    if space.curve is not SRGB:
        # The same chromaticity, with the light that the grey code has on this curve.
        code = lightness_to_grey(lightness)
        gain = space.curve.to_linear(code).div_(srgb_to_linear(code).clamp_min_(1e-9))
        for channel in channels:
            channel.mul_(gain)
    red, green, blue = (space.curve.from_linear(c).clamp_(0.0, 1.0) for c in channels)
    kr, kb = matrix
    y = green.mul_(1.0 - kr - kb).add_(red, alpha=kr).add_(blue, alpha=kb)
    return blue.sub_(y).div_(2.0 * (1.0 - kb)), red.sub_(y).div_(2.0 * (1.0 - kr))


def _luma(
    grey: Tensor, blocks: Blocks, offsets: Channels, target: PlanarFormat, space: RgbSpace
) -> Tensor:
    """Y codes, not yet cut to integers, that have the lightness of each pixel's grey code."""
    shift = target.chroma_shift
    black, white = _luma_range(target)
    scale, offset = white - black, black + 0.5
    if space.curve is SRGB and (target.depth == 8 or shift == (0, 0)):
        steps = 3 if shift == (0, 0) else 1
        mean, bend = luma_correction(offsets, blocks.mean, space, steps=steps)
        codes = correct_luma(grey, mean, bend, shift, scale=scale, offset=offset)
    else:
        codes = exact_luma(grey, blocks, offsets, shift, space).mul_(scale).add_(offset)
    return codes.clamp_(black, white + 0.5)


def _luma_range(target: PlanarFormat) -> tuple[float, float]:
    """Codes of black and white."""
    if target.full_range:
        return 0.0, float((1 << target.depth) - 1)
    unit = float(1 << (target.depth - 8))
    return 16.0 * unit, 235.0 * unit


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
    codes = (value * scale).add_(offset).round_().clamp_(0.0, float((1 << depth) - 1))
    return codes.to(_code_type(depth))


def _code_type(depth: int) -> torch.dtype:
    return torch.uint8 if depth == 8 else torch.int32


def _size(tensor: Tensor) -> tuple[int, int]:
    return int(tensor.shape[-2]), int(tensor.shape[-1])
