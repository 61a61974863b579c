"""Bilinear resampling: one function for lightness, ab and whatever else lies on a grid."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor


def resize(planes: Tensor, size: Sequence[int], *, antialias: bool = True) -> Tensor:
    """Resample to another size: bilinear, antialiased along each axis that shrinks.

    Args:
        planes: ``(B, C, h, w)`` float32.
        size: (H, W) in pixels.
        antialias: False skips pixels where an axis shrinks, as OpenCV's ``INTER_LINEAR`` does.

    Returns:
        ``(B, C, H, W)`` float32, contiguous; ``planes`` itself if it has that size and layout.
    """
    planes = planes.contiguous()  # networks may return channels last, which is slow from here on
    height, width = planes.shape[-2:]
    if (height, width) == tuple(size):
        return planes
    # Along an axis that grows, PyTorch's antialiasing filter is the plain bilinear one.
    shrinks = antialias and (size[0] < height or size[1] < width)
    return F.interpolate(planes, size=tuple(size), mode="bilinear", antialias=shrinks)
