"""The core of it: frames' lightness in, colour planes out. Video, photos and preview share it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from vidcolor.color import join_planes, luma_to_lightness, resize_ab
from vidcolor.engine.batching import Batcher
from vidcolor.engine.geometry import as_stored, resize_lightness, upright, working_size
from vidcolor.models.colorizer import Colorizer
from vidcolor.temporal import AbSmoother, CutDetector
from vidcolor.types import LumaFrame, PlanarFormat, Plane


class FrameColorist:
    """Colours frames of one film, in order, and remembers what smoothing and cuts need.

    Attributes:
        cuts: presentation times, in seconds, of the first frame after each cut.
    """

    def __init__(
        self, model: Colorizer, *, render_factor: int, batch_size: int, smoothing_s: float,
        saturation: float, rotation: int = 0, sar: Fraction = Fraction(1),
    ) -> None:  # fmt: skip
        self.model = model
        self._batcher = Batcher(model, batch_size)
        self._render_factor = render_factor
        self._saturation = saturation
        self._rotation, self._sar = rotation, sar
        self._smoother = AbSmoother(smoothing_s)
        self._detector = CutDetector()
        self.cuts: list[float] = []

    def lightness(self, frames: Sequence[LumaFrame]) -> Tensor:
        """L*/100 of frames of one format, ``(B, 1, H, W)`` float32 on the model's device."""
        codes = torch.from_numpy(np.stack([f.luma for f in frames])).unsqueeze(1)
        first = frames[0]
        return luma_to_lightness(
            codes.to(self.model.device), depth=first.depth, full_range=first.full_range
        )

    def ab(self, lightness: Tensor, seconds: Sequence[float]) -> Tensor:
        """Smoothed ab of consecutive frames, ``(B, 2, h, w)`` float32, turned as stored."""
        turned = upright(lightness, self._rotation)
        seen = resize_lightness(turned, self._size(turned))
        ab = self._batcher(seen)
        cuts = self._detector.find(seen)
        self.cuts.extend(at for at, is_cut in zip(seconds, cuts, strict=True) if is_cut)
        ab = self._smoother.push(seen, ab, seconds, cuts)
        return as_stored(ab, self._rotation) * self._saturation

    def _size(self, turned: Tensor) -> tuple[int, int]:
        sar = self._sar if self._rotation % 180 == 0 else 1 / self._sar
        height, width = turned.shape[-2:]
        return working_size(
            self.model.spec.working_size, width, height, render_factor=self._render_factor, sar=sar
        )


def color_planes(lightness: Tensor, ab: Tensor, target: PlanarFormat) -> tuple[Plane, Plane, Plane]:
    """Join one frame, ``(1, 1, H, W)`` and ``(1, 2, h, w)``, to planes in memory of the host."""
    y, cb, cr = (_to_numpy(p[0], target.depth) for p in join_planes(lightness, ab, target))
    return y, cb, cr


def side_by_side(lightness: Tensor, ab: Tensor, rotation: int) -> tuple[Tensor, Tensor]:
    """The grey frame and the coloured one next to each other, as shown: grey left, colour right."""
    across = 3 if rotation % 180 == 0 else 2
    full = resize_ab(ab, (int(lightness.shape[-2]), int(lightness.shape[-1])))
    pair = (torch.zeros_like(full), full)
    if rotation in (90, 180):
        # Turned for display, what is stored first is shown last.
        pair = pair[::-1]
    return torch.cat((lightness, lightness), dim=across), torch.cat(pair, dim=across)


def _to_numpy(plane: Tensor, depth: int) -> Plane:
    values = plane.cpu().numpy()
    return values if depth == 8 else values.astype(np.uint16)
