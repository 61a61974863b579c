"""The size and orientation of the picture that a network is given."""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor

from vidcolor.color import resize
from vidcolor.models.spec import RENDER_UNIT_PX, WorkingSize
from vidcolor.types import VideoInfo


def working_size(
    spec: WorkingSize, width: int, height: int, *, render_factor: int, sar: Fraction = Fraction(1)
) -> tuple[int, int]:
    """Height and width, in pixels, of what the network is given.

    Args:
        spec: the model's rule.
        width: of the upright picture.
        height: of the upright picture.
        render_factor: in units of 16 pixels.
        sar: sample aspect ratio: how much wider than high a pixel is shown.
    """
    side = render_factor * RENDER_UNIT_PX
    if spec.shape == "square":
        side = _to_multiple(side, spec.multiple)
        return side, side
    shown = float(width * sar), float(height)
    scale = side / min(shown)
    # Bounds the size of panoramas and banners.
    scale = min(scale, 6.0 * side / max(shown))
    return _to_multiple(shown[1] * scale, spec.multiple), _to_multiple(
        shown[0] * scale, spec.multiple
    )


def working_size_of(
    spec: WorkingSize, film: VideoInfo, *, render_factor: int | None
) -> tuple[int, int]:
    """Height and width of the network's input for a film; None is the model's own factor."""
    across = film.rotation % 180 == 0
    width, height = (film.width, film.height) if across else (film.height, film.width)
    return working_size(
        spec, width, height,
        render_factor=render_factor or spec.video, sar=film.sar if across else 1 / film.sar,
    )  # fmt: skip


def upright(lightness: Tensor, rotation: int) -> Tensor:
    """Turn ``(B, C, H, W)`` clockwise by ``rotation`` degrees (0, 90, 180, 270), for display."""
    return torch.rot90(lightness, -(rotation // 90) % 4, dims=(2, 3))


def as_stored(ab: Tensor, rotation: int) -> Tensor:
    """Undo ``upright``."""
    return torch.rot90(ab, (rotation // 90) % 4, dims=(2, 3))


def resize_lightness(lightness: Tensor, size: tuple[int, int], *, antialias: bool = True) -> Tensor:
    """Resample ``(B, 1, H, W)`` to ``size`` (H, W), see ``resize``; stays in [0, 1]."""
    if tuple(lightness.shape[-2:]) == size:
        return lightness
    return resize(lightness, size, antialias=antialias).clamp_(0.0, 1.0)


def _to_multiple(length: float, multiple: int) -> int:
    return max(multiple, round(length / multiple) * multiple)
