"""The core of it: frames' lightness in, colour planes out. Video, photos and preview share it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from vidcolor.color import join_planes, luma_to_lightness, resize
from vidcolor.engine.batching import Batcher
from vidcolor.engine.finished import finished
from vidcolor.engine.geometry import as_stored, resize_lightness, upright, working_size
from vidcolor.engine.shots import ShotFrames, ShotLine
from vidcolor.engine.spans import SpanClock, SpanEnd, SpanRules
from vidcolor.engine.stabilize import TimePlan
from vidcolor.engine.transfer import FrameOnItsWay, send_home, upload
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ModelInput
from vidcolor.temporal import ColoredFrames, SparseColoring, no_frames, shift_exposure
from vidcolor.types import LumaFrame, PlanarFormat


@dataclass(frozen=True, slots=True)
class Colors:
    """Colours of the next frames that had none yet, in order.

    Attributes:
        ab: Lab ab, turned as stored, ``(N, 2, h, w)`` float32; N may be 0.
        offsets: change of exposure for each frame's lightness, in logits; 0 leaves it alone.
        ends: of spans, in order, behind any of these frames or before the first.
    """

    ab: Tensor
    offsets: list[float]
    ends: tuple[SpanEnd, ...] = ()

    @property
    def count(self) -> int:
        """How many frames these are for; 0 with ``ends`` is possible, so this is no ``__len__``."""
        return len(self.offsets)


class FrameColorist:
    """Colours frames of one film, in order, and remembers what smoothing and cuts need.

    Colours of a frame may depend on later frames; they come when they are ready, in order.

    Attributes:
        cuts: presentation times, in seconds, of the first frame after each cut.
    """

    def __init__(
        self, model: Colorizer, *, render_factor: int, batch_size: int, saturation: float,
        over_time: TimePlan | None = None, rotation: int = 0, sar: Fraction = Fraction(1),
        spans: SpanRules | None = None, begin: SpanEnd | None = None,
    ) -> None:  # fmt: skip
        """Begin a film.

        Args:
            model: the network.
            render_factor: its working size in units of 16 pixels.
            batch_size: frames per network call.
            saturation: factor on ab.
            over_time: None leaves every frame on its own, and colours at once.
            rotation: degrees clockwise by which stored frames are turned for display.
            sar: sample aspect ratio.
            spans: how long spans are; None ends none.
            begin: what an earlier run has finished: its frames come again, only to be looked at.
        """
        self.model = model
        self._batcher = Batcher(model, batch_size)
        self._render_factor = render_factor
        self._saturation = saturation
        self._rotation, self._sar = rotation, sar
        plan = over_time or TimePlan()
        self._shots = ShotLine(
            looks_ahead=plan.looks_ahead_for_shots,
            evens_exposure=plan.evens_exposure,
            deflicker=plan.deflicker,
        )
        self._sparse = (
            SparseColoring(
                self._batcher,
                plan.keys.every,
                longest=plan.keys.longest,
                saturation=model.finishing.saturation,
            )  # fmt: skip
            if plan.keys
            else None
        )
        self._smoother = finished(plan.smoother, model.finishing)
        self._clock = SpanClock(spans, begin)
        self._released = 0
        self._ends: list[SpanEnd] = []
        if begin is not None:
            self._smoother.restore(begin.state, model.device)
            self._released = begin.frames
        self._offsets: deque[float] = deque()
        self.cuts: list[float] = []

    @property
    def keys(self) -> int | None:
        """How many frames the network has coloured so far, None where it colours all."""
        return None if self._sparse is None else self._sparse.keys

    def lightness(self, frame: LumaFrame, offset: float = 0.0) -> Tensor:
        """L*/100 of a frame, ``(1, 1, H, W)`` float32 on the model's device.

        Args:
            frame: the frame.
            offset: change of its exposure, as ``Colors`` has it.
        """
        codes = upload(frame.luma, self.model.device)[None, None]
        found = luma_to_lightness(codes, depth=frame.depth, full_range=frame.full_range)
        return shift_exposure(found, [offset])

    def push(self, frames: Sequence[LumaFrame]) -> Colors:
        """Take the next frames, at least one; return the colours that are ready."""
        seen = torch.cat([self._seen(f) for f in frames])
        found = self._shots.push(seen, [f.seconds for f in frames])
        return self._finish(self._advance(found))

    def flush(self) -> Colors:
        """The colours that are still due at the end of the film."""
        return self._finish([*self._advance(self._shots.flush()), *self._drain()])

    def _advance(self, frames: ShotFrames | None) -> list[Tensor]:
        """Colour frames of which it is known where their shots begin, span by span."""
        if frames is None:
            return []
        self.cuts += [at for at, cut in zip(frames.seconds, frames.cuts, strict=True) if cut]
        is_done = self._clock.is_done
        self._offsets += [value for at, value in enumerate(frames.offsets) if not is_done(at)]
        ready = []
        for part, begins_span in self._clock.parts(frames):
            if begins_span:
                ready += self._drain()
                if self._ends and self._ends[-1].frames == self._released:
                    self._ends.pop()  # it was so long that it ended anyway, just before this cut
                self._ends.append(SpanEnd(self._released, self._released))
            ready += self._color(part)
            if self._clock.is_long(self._released):
                ready += self._settle()
                self._ends.append(self._clock.end_in_shot(self._released, self._smoother.state()))
        return ready

    def _color(self, frames: ShotFrames) -> list[Tensor]:
        seen, seconds, cuts = frames.lightness, frames.seconds, frames.cuts
        if self._sparse is None:
            ab = self._batcher(ModelInput(seen)).ab
            return self._ready(self._smoother.push(seen, ab, seconds, cuts))
        return self._smooth(self._sparse.push(ModelInput(seen), seconds, cuts))

    def _smooth(self, frames: ColoredFrames) -> list[Tensor]:
        if not frames.seconds:
            return []
        return self._ready(
            self._smoother.push(frames.lightness, frames.ab, frames.seconds, frames.cuts)
        )

    def _settle(self) -> list[Tensor]:
        """Make the frame taken last a key, if there are keys: nothing waits for the next one."""
        return [] if self._sparse is None else self._smooth(self._sparse.flush())

    def _drain(self) -> list[Tensor]:
        """All that waits, because what follows has nothing to do with it."""
        return [*self._settle(), *self._ready(self._smoother.flush())]

    def _ready(self, ab: Tensor) -> list[Tensor]:
        self._released += len(ab)
        return [ab] if len(ab) else []

    def _finish(self, ready: list[Tensor]) -> Colors:
        ab = torch.cat(ready) if ready else no_frames()
        offsets = [self._offsets.popleft() for _ in range(len(ab))]
        ends, self._ends = tuple(self._ends), []
        return Colors(as_stored(ab, self._rotation) * self._saturation, offsets, ends)

    def _seen(self, frame: LumaFrame) -> Tensor:
        turned = upright(self.lightness(frame), self._rotation)
        return resize_lightness(turned, self._size(turned))

    def _size(self, turned: Tensor) -> tuple[int, int]:
        sar = self._sar if self._rotation % 180 == 0 else 1 / self._sar
        height, width = turned.shape[-2:]
        return working_size(
            self.model.spec.working_size, width, height, render_factor=self._render_factor, sar=sar
        )


def color_frame(
    lightness: Tensor, ab: Tensor, target: PlanarFormat, source: LumaFrame
) -> FrameOnItsWay:
    """Join one frame, ``(1, 1, H, W)`` and ``(1, 2, h, w)``, where it is, and send it home."""
    return send_home([plane[0] for plane in join_planes(lightness, ab, target)], source)


def side_by_side(
    source: Tensor, lightness: Tensor, ab: Tensor, rotation: int, *, is_mirrored: bool = False
) -> tuple[Tensor, Tensor]:
    """The grey frame and the coloured one next to each other, as shown: grey left, colour right.

    Args:
        source: ``(1, 1, H, W)``, L*/100 of the grey frame.
        lightness: the same of the coloured one.
        ab: its ab, any size.
        rotation: degrees clockwise by which the film is turned for display.
        is_mirrored: left and right are exchanged then.

    Returns:
        Lightness and ab of the pair.
    """
    across = 3 if rotation % 180 == 0 else 2
    full = resize(ab, (int(lightness.shape[-2]), int(lightness.shape[-1])))
    pairs = [(source, lightness), (torch.zeros_like(full), full)]
    # Turned or mirrored for display, what is stored first may be shown last.
    if (rotation in (90, 180)) != is_mirrored:
        pairs = [pair[::-1] for pair in pairs]
    both_l, both_ab = (torch.cat(pair, dim=across) for pair in pairs)
    return both_l, both_ab
