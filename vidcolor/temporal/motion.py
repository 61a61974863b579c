"""Smoothing of ab along the motion, from past and future frames.

Each pixel gets the weighted mean of the colours that the same thing had since the cut and will have
within the look-ahead. Colours of neighbouring frames are carried along dense optical flow, with a
weight for every pixel. The weight falls by 1/e per time constant, and where flow can't be trusted
(see ``flow.confidence``), so that what was hidden starts with the network's own colour. As in
``AbSmoother`` the mean is not biased towards the first frame. Colours far from the mean of the
others weigh less: where the network alternates between two colours, a plain mean would be neither.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vidcolor.temporal.flow import FlowEstimator, blur, confidence, fit, warp
from vidcolor.temporal.smoother import no_frames

_MOST_GAIN = 1.4
"""Largest factor by which chroma that averaging removed is restored."""

_GAIN_SHARE = 1.0 / 16.0
"""Side of the box over which that factor is found, as a share of the picture's shorter side."""

_APART = 8.0
"""Distance from the mean of the others, in Lab units, at which a frame's own colour weighs half."""

_SETTLED = 2.0
"""Accumulated weight, in frames, at which outlier rejection reaches half strength."""

_LEAST_WEIGHT = 1e-6
"""Accumulated weight, in frames, below which a pixel has no mean."""

_LEAST_CHROMA = 1e-3
"""Chroma, in Lab units, below which a pixel is grey: avoids a division by 0."""


@dataclass(slots=True)
class _Frame:
    """A frame that waits. Maps have the size of ``_grid``, in half precision to save memory.

    Attributes:
        ab: ``(2, h', w')`` as it was pushed.
        second: presentation time.
        past: ``(4, gh, gw)``: weighted mean of a, b and chroma of earlier frames, and its weight.
        from_before: flow from the frame before into this one, and trust in it, ``(3, gh, gw)``;
            None where a shot begins.
        future: as ``past``, of later frames, as far as the last window reached; None before that.
    """

    ab: Tensor
    second: float
    past: Tensor
    from_before: Tensor | None = None
    future: Tensor | None = None


class MotionSmoother:
    """A ``Smoother`` that follows motion, looks ahead, and restarts at cuts.

    Frames wait until a window is full, ``look_ahead_frames`` or ``2 * look_ahead_s`` long. Then
    colours are carried back through the window and its first half is returned: two backward steps
    per frame. Within that half, the future as the last window saw it is cross-faded to this one's,
    so colours don't jump between windows. Every frame but a shot's last ones sees about half a
    window ahead. Windows begin at cuts and are counted in frames, so batches don't matter.
    """

    def __init__(
        self,
        time_constant_s: float,
        *,
        look_ahead_s: float = 1.0,
        look_ahead_frames: int = 48,
        flow: FlowEstimator | None = None,
        saturation: float = 1.0,
    ) -> None:
        """Start without past frames.

        Args:
            time_constant_s: seconds, 0 or more; 0 passes every frame through untouched.
            look_ahead_s: seconds that most frames see ahead at least, if frames allow it.
            look_ahead_frames: frames that may wait at once; 0 uses past frames only.
            flow: the flow estimator; DIS unless given.
            saturation: factor on ab when it is shown: distances count as they will be seen.
        """
        self.time_constant_s = time_constant_s
        self._window_s = 2.0 * look_ahead_s
        self._window = max(look_ahead_frames, 0)
        self._flow = flow or FlowEstimator()
        self._apart = _APART / saturation
        self._waiting: list[_Frame] = []
        self._last: tuple[Tensor, _Frame] | None = None

    @torch.no_grad()
    def push(
        self, lightness: Tensor, ab: Tensor, seconds: Sequence[float], cuts: Sequence[bool]
    ) -> Tensor:
        """Take frames; return those that are ready, see ``Smoother``.

        Args:
            lightness: ``(B, 1, h, w)`` float32, L*/100.
            ab: ``(B, 2, h', w')`` float32.
            seconds: presentation time of each frame.
            cuts: whether each frame is the first of a shot; there past and future end.

        Returns:
            ``(N, 2, h', w')`` float32.
        """
        if self.time_constant_s <= 0.0:
            return ab
        ready: list[Tensor] = []
        for seen, colours, second, is_cut in zip(lightness, ab, seconds, cuts, strict=True):
            if is_cut or not self._continues(seen, colours):
                ready += self._give_out(len(self._waiting))
                self._last = None
            self._take(seen.detach(), colours.detach(), second)
            if self._is_full():
                ready += self._give_out(max(len(self._waiting) // 2, 1))
        return torch.stack(ready) if ready else no_frames()

    @torch.no_grad()
    def flush(self) -> Tensor:
        """The frames that still wait, ``(N, 2, h', w')``."""
        ready = self._give_out(len(self._waiting))
        self._last = None
        return torch.stack(ready) if ready else no_frames()

    def _continues(self, seen: Tensor, colours: Tensor) -> bool:
        if self._last is None:
            return True
        before, frame = self._last
        return before.shape == seen.shape and frame.ab.shape == colours.shape

    def _is_full(self) -> bool:
        # One more than may wait: this one leaves now.
        waiting = self._waiting
        long = waiting[-1].second - waiting[0].second >= self._window_s
        return long or len(waiting) > self._window

    def _take(self, seen: Tensor, colours: Tensor, second: float) -> None:
        """Append a frame, with its motion since the frame before and the mean of its past."""
        seen = seen.cpu()
        grid = _grid(seen, colours)
        frame = _Frame(colours, second, torch.zeros(4, *grid, dtype=torch.half))
        if self._last is not None:
            before, last = self._last
            to_before, from_before = self._motion(seen, before, grid)
            frame.from_before = from_before.half()
            elapsed_s = second - last.second
            frame.past = self._carry(last, last.past.float(), to_before, elapsed_s).half()
        self._last = (seen, frame)
        self._waiting.append(frame)

    def _motion(self, seen: Tensor, before: Tensor, grid: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Flow and trust ``(3, gh, gw)``, from a frame to the one before and the other way."""
        back, ahead = self._flow(seen, before), self._flow(before, seen)
        pair = (
            torch.cat((back, confidence(seen, before, back, ahead))),
            torch.cat((ahead, confidence(before, seen, ahead, back))),
        )
        scale = seen.new_tensor([grid[1] / seen.shape[-1], grid[0] / seen.shape[-2], 1.0])
        first, second = (fit(motion, grid) * scale.view(3, 1, 1) for motion in pair)
        return first, second

    def _carry(self, source: _Frame, known: Tensor, motion: Tensor, elapsed_s: float) -> Tensor:
        """The mean of ``source`` and the frames beyond it, carried to its neighbour.

        Args:
            source: the frame to carry from.
            known: mean of the frames beyond it, as ``_Frame.past``.
            motion: flow from the neighbour to ``source``, and trust in it.
            elapsed_s: between the two.
        """
        own = _evidence(source.ab, known.shape[-2:])
        counts = _agreement(own, known, self._apart)
        weight = known[3:] + counts
        mean = torch.lerp(known[:3], own, counts / weight)
        carried = warp(torch.cat((mean, weight)), motion[:2])
        carried[3:] *= motion[2:] * math.exp(-max(elapsed_s, 0.0) / self.time_constant_s)
        return carried

    def _give_out(self, count: int) -> list[Tensor]:
        """Carry colours back through all waiting frames; finish and remove the first ``count``."""
        waiting, ready = self._waiting, list[Tensor]()
        fading = min(count, sum(frame.future is not None for frame in waiting))
        future = torch.zeros(4, *waiting[0].past.shape[-2:]) if waiting else torch.empty(0)
        for at in range(len(waiting) - 1, -1, -1):
            frame = waiting[at]
            if at < count:
                share = min((at + 1) / (fading + 1), 1.0)
                ready.append(_finish(frame, _fade(frame, future, share), self._apart))
            else:
                frame.future = future.half()
            if at and frame.from_before is not None:
                elapsed_s = frame.second - waiting[at - 1].second
                future = self._carry(frame, future, frame.from_before.float(), elapsed_s)
        del waiting[:count]
        return ready[::-1]


def _fade(frame: _Frame, future: Tensor, share: float) -> Tensor:
    """Cross-fade from the future as the last window saw it to this window's.

    Args:
        frame: the frame.
        future: ``(4, gh, gw)`` as this window sees it.
        share: of this window's, 0 to 1.
    """
    if frame.future is None:
        return future
    last = frame.future.float()
    weight = torch.lerp(last[3:], future[3:], share)
    part = share * future[3:] / weight.clamp_min(_LEAST_WEIGHT)
    return torch.cat((torch.lerp(last[:3], future[:3], part), weight))


def _grid(seen: Tensor, ab: Tensor) -> tuple[int, int]:
    """Size of the maps: twice that of ab, at most that of the lightness.

    Each step resamples. At ab's own size a fifth more detail is lost than at the lightness's size,
    which costs four times as much as the size between.
    """
    height, width = (
        max(known, min(2 * known, most))
        for known, most in zip(ab.shape[-2:], seen.shape[-2:], strict=True)
    )
    return height, width


def _evidence(ab: Tensor, size: Sequence[int]) -> Tensor:
    """``(2, h', w')`` enlarged to the grid, and its magnitude, ``(3, gh, gw)``."""
    large = fit(ab.cpu(), size)
    return torch.cat((large, _chroma(large)))


def _agreement(own: Tensor, known: Tensor, apart: float) -> Tensor:
    """Weight of a frame's own colour, ``(1, gh, gw)``, in frames: 1, less for outliers.

    Cauchy's weight, ``1 / (1 + (d / apart)^2)`` for the distance d from the mean of what is known
    (Holland and Welsch, 1977); it applies the more, the larger the mean's own weight is.

    Args:
        own: ``(3, gh, gw)``, see ``_evidence``.
        known: ``(4, gh, gw)``, as ``_Frame.past``.
        apart: distance in Lab units at which the weight is half.
    """
    squared = (own[:2] - known[:2]).square_().sum(dim=0, keepdim=True)
    odd = squared / (squared + apart * apart)
    return 1.0 - odd * known[3:] / (known[3:] + _SETTLED)


def _finish(frame: _Frame, future: Tensor, apart: float) -> Tensor:
    """The mean of past, present and future, with its chroma restored, as ``(2, h', w')``."""
    past, size = frame.past.float(), frame.ab.shape[-2:]
    weight = past[3:] + future[3:]
    known = past[:3] * past[3:] + future[:3] * future[3:]
    known = torch.cat((known / weight.clamp_min(_LEAST_WEIGHT), weight))
    own = _evidence(frame.ab, past.shape[-2:])
    counts = _agreement(own, known, apart)
    share = counts / (weight + counts)
    mean = torch.lerp(known[:3], own, share)
    # Detail of ab that the maps can't hold is the frame's own: it gets the frame's share, which is
    # 1 where there is no other colour.
    detail = frame.ab.cpu() - fit(own[:2], size)
    smooth = fit(mean[:2], size) + detail * fit(share, size)
    return (smooth * fit(_gain(mean), size)).to(frame.ab.device)


def _gain(mean: Tensor) -> Tensor:
    """Mean chroma over the chroma of the mean, near each pixel: ``(1, gh, gw)``.

    Both are means over time, so the factor is as steady as they are. Found from single frames it
    would bring their flicker back.
    """
    both = blur(torch.cat((mean[2:], _chroma(mean[:2]))), _GAIN_SHARE)
    return (both[:1] / both[1:].clamp_min(_LEAST_CHROMA)).clamp_(1.0, _MOST_GAIN)


def _chroma(ab: Tensor) -> Tensor:
    """Magnitude of ``(2, h, w)``, ``(1, h, w)``; ``norm`` over planes takes ten times as long."""
    return torch.hypot(ab[:1], ab[1:])
