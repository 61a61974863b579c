"""Code values of a luma plane to lightness, exactly, by table."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from vidcolor.color.lab import grey_to_lightness


def luma_to_lightness(codes: Tensor, *, depth: int, full_range: bool) -> Tensor:
    """Lightness of the grey (Y', Y', Y') on code values with the sRGB curve, whatever the transfer.

    The primaries of the source don't matter: R' = G' = B' is grey in all of them, since white is
    R = G = B by definition. Where white isn't D65, it is taken as adapted to, as viewers are.

    Args:
        codes: integer code values, any shape (uint8, uint16 or int32).
        depth: bits per sample, 8 to 16.
        full_range: codes span 0..2**depth - 1; otherwise 16..235 << (depth - 8), and codes outside
            are clipped to black or white.

    Returns:
        L*/100 in [0, 1], float32, of the same shape.

    Raises:
        ValueError: if ``depth`` is outside 8..16.
    """
    table = _lightness_table(depth, full_range, codes.device)
    # The same as table[codes], five times as fast on CPUs.
    return table.index_select(0, codes.to(torch.int32).reshape(-1)).view(codes.shape)


@lru_cache(maxsize=16)
def _lightness_table(depth: int, full_range: bool, device: torch.device) -> Tensor:
    if not 8 <= depth <= 16:
        raise ValueError(f"depth must be 8 to 16, got {depth = }")
    codes = torch.arange(1 << depth, dtype=torch.float64, device="cpu")
    unit = float(1 << (depth - 8))
    grey = codes / codes[-1] if full_range else (codes / unit - 16.0) / 219.0
    lightness = grey_to_lightness(grey.clamp(0.0, 1.0)).clamp(0.0, 1.0)
    return lightness.to(device=device, dtype=torch.float32)
