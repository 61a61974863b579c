"""One picture in memory: code values and ab to R'G'B', strip by strip."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vidcolor.color import join_rgb, luma_to_lightness, resize
from vidcolor.temporal import shift_exposure
from vidcolor.types import Plane

_STRIP_PIXELS = 1_000_000
"""Pictures are joined in strips of about this many pixels: scratch memory stays near 100 MB."""

Rgb = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""``(H, W, 3)`` code values, full range."""


def lightness_of(luma: Plane, device: torch.device, *, depth: int, full_range: bool) -> Tensor:
    """L*/100 of a luma plane ``(H, W)``, as ``(1, 1, H, W)`` float32 on the device."""
    # Some readers hand out read-only arrays, which torch warns of.
    codes = torch.from_numpy(np.require(luma, requirements=["C", "W"]))[None, None]
    return luma_to_lightness(codes.to(device), depth=depth, full_range=full_range)


def picture_rgb(
    luma: Plane, ab: Tensor, *, depth: int, full_range: bool = True, exposure: float = 0.0
) -> Rgb:
    """Join a picture's lightness with colours.

    Args:
        luma: ``(H, W)`` code values.
        ab: ``(1, 2, h, w)`` float32, Lab ab of the same picture at any size; its device works.
        depth: bits per code value, 8 to 16.
        full_range: whether the codes span the whole range.
        exposure: change of exposure, in logits of lightness.

    Returns:
        ``(H, W, 3)``, uint8 for 8 bits, else uint16 of 16 bits.
    """
    height, width = luma.shape
    rows = max(1, _STRIP_PIXELS // width)
    rgb = np.empty((height, width, 3), np.uint8 if depth == 8 else np.uint16)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        part = lightness_of(luma[top:bottom], ab.device, depth=depth, full_range=full_range)
        joined = join_rgb(
            shift_exposure(part, [exposure]),
            _strip(ab, (height, width), top, bottom),
            depth=8 if depth == 8 else 16,
        )
        rgb[top:bottom] = joined[0].permute(1, 2, 0).cpu().numpy()
    return rgb


def _strip(ab: Tensor, size: tuple[int, int], top: int, bottom: int) -> Tensor:
    """Rows ``top`` to ``bottom`` of ab as ``resize`` to ``size`` gives them, without the others."""
    height, width = ab.shape[2:]
    if size[0] < height:  # rows are averaged: few of them, and seldom more than one strip
        return resize(resize(ab, (size[0], width))[:, :, top:bottom], (bottom - top, size[1]))
    at = (torch.arange(top, bottom, device=ab.device) + 0.5) * (height / size[0]) - 0.5
    at = at.clamp(0.0, height - 1.0)
    first = at.floor().long()
    second = (first + 1).clamp_max(height - 1)
    rows = torch.lerp(ab[:, :, first], ab[:, :, second], (at - first).view(1, 1, -1, 1))
    return resize(rows, (bottom - top, size[1]))
