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
from vidcolor.engine.stabilize import TimePlan
from vidcolor.models.colorizer import Colorizer
from vidcolor.temporal import ColoredFrames, CutDetector, PerFrame, SparseColoring, no_frames
from vidcolor.types import LumaFrame, PlanarFormat, Plane


class FrameColorist:
    """Colours frames of one film, in order, and remembers what smoothing and cuts need.

    Colours of a frame may depend on later frames; they come when they are ready, in order.

    Attributes:
        cuts: presentation times, in seconds, of the first frame after each cut.
    """

    def __init__(
        self, model: Colorizer, *, render_factor: int, batch_size: int, saturation: float,
        over_time: TimePlan | None = None, rotation: int = 0, sar: Fraction = Fraction(1),
    ) -> None:  # fmt: skip
        """Begin a film.

        Args:
            model: the network.
            render_factor: its working size in units of 16 pixels.
            batch_size: frames per network call.
            saturation: factor on ab.
            over_time: None leaves every frame on its own.
            rotation: degrees clockwise by which stored frames are turned for display.
            sar: sample aspect ratio.
        """
        self.model = model
        self._batcher = Batcher(model, batch_size)
        self._render_factor = render_factor
        self._saturation = saturation
        self._rotation, self._sar = rotation, sar
        keys = over_time.keys if over_time else None
        self._sparse = (
            SparseColoring(self._batcher, keys.every, longest=keys.longest) if keys else None
        )
        self._smoother = over_time.smoother if over_time else PerFrame()
        self._detector = CutDetector()
        self.cuts: list[float] = []

    @property
    def keys(self) -> int | None:
        """How many frames the network has coloured so far, None where it colours all."""
        return None if self._sparse is None else self._sparse.keys

    def lightness(self, frame: LumaFrame) -> Tensor:
        """L*/100 of a frame, ``(1, 1, H, W)`` float32 on the model's device."""
        codes = torch.from_numpy(frame.luma).to(self.model.device)[None, None]
        return luma_to_lightness(codes, depth=frame.depth, full_range=frame.full_range)

    def push(self, frames: Sequence[LumaFrame]) -> Tensor:
        """Take the next frames; return the colours that are ready.

        Returns:
            Lab ab of the next frames that have none yet, in order and turned as stored,
            ``(N, 2, h, w)`` float32; N may be 0 or more than ``len(frames)``.
        """
        seconds = [f.seconds for f in frames]
        seen = torch.cat([self._seen(f) for f in frames])
        cuts = self._detector.find(seen)
        self.cuts.extend(at for at, is_cut in zip(seconds, cuts, strict=True) if is_cut)
        if self._sparse is None:
            return self._finish(self._smoother.push(seen, self._batcher(seen), seconds, cuts))
        return self._finish(self._smooth(self._sparse.push(seen, seconds, cuts)))

    def flush(self) -> Tensor:
        """The colours that are still due at the end of the film, as ``push`` returns them."""
        due = [] if self._sparse is None else [self._smooth(self._sparse.flush())]
        due = [ab for ab in (*due, self._smoother.flush()) if len(ab)]
        return self._finish(torch.cat(due) if due else no_frames())

    def _smooth(self, frames: ColoredFrames) -> Tensor:
        if not frames.seconds:
            return no_frames()
        return self._smoother.push(frames.lightness, frames.ab, frames.seconds, frames.cuts)

    def _finish(self, ab: Tensor) -> Tensor:
        return as_stored(ab, self._rotation) * self._saturation

    def _seen(self, frame: LumaFrame) -> Tensor:
        turned = upright(self.lightness(frame), self._rotation)
        return resize_lightness(turned, self._size(turned))

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
