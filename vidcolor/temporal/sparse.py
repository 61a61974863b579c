"""Colours for every frame from a network that runs on key frames only: faster in slow scenes.

A frame between two key frames takes colours from both, each carried along the motion (``carry``),
weighted by how near the key is and how far the motion can be trusted at each pixel. What is hidden
in the earlier key is mostly visible in the later one. A shot's first frame is always a key, and so
is its last unless it is next to one. No colour is carried across a cut.

If the distance of keys is chosen automatically, the network runs again where carrying is expected
to err: where motion isn't trusted and colours around differ. On an even wall an error of motion
does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.models.contract import ModelInput, Prediction
from vidcolor.temporal.carry import (
    Carried,
    Neighbour,
    at_key,
    carry,
    carry_back,
    carry_on,
    carry_one,
    motion_grid,
    neighbour,
)
from vidcolor.temporal.flow import FlowEstimator, fit, warp
from vidcolor.temporal.smoother import no_frames

_REACH = 1.1
"""Auto: expected error of carrying from the last key, in Lab units, that calls for a new key."""

_GAP = 0.28
"""Auto: the same for carrying from both sides; above it, the frame becomes a key."""

_ALONE = 2
"""Frames at a shot's end, key included, up to which one key is enough. Otherwise the last frame is
a key too: what was uncovered since the last key would have no colour of its own."""

_COARSE_PX = 56
"""Shorter side at which ``contrast`` is found, in pixels; a box of 9 is a sixth of it."""

LONGEST = 24
"""Auto: most frames from one key to the next, because colours drift over long chains."""

_LEAST_TRUST = 1e-3
"""Added to both trusts: where neither key is trusted, the nearer one gives its colour."""

Color = Callable[[ModelInput], Prediction]
"""The network."""


@dataclass(slots=True)
class ColoredFrames:
    """Frames that have their colours, as a smoother takes them.

    Attributes:
        lightness: ``(N, 1, h, w)`` float32, L*/100.
        ab: ``(N, 2, h', w')`` float32.
        seconds: presentation times.
        cuts: whether each is the first of a shot.
    """

    lightness: Tensor
    ab: Tensor
    seconds: list[float]
    cuts: list[bool]


@dataclass(slots=True)
class _Frame:
    """A frame that waits; ``motion`` and ``ab`` are on the CPU, where flow and warping run."""

    inputs: ModelInput
    seconds: float
    is_cut: bool
    motion: Neighbour | None = None
    ab: Tensor | None = None
    contrast: Tensor | None = None

    @property
    def lightness(self) -> Tensor:
        """``(1, h, w)``."""
        return self.inputs.lightness[0]


class SparseColoring:
    """Colours frames in order; returns them when the next key frame is known.

    Results don't depend on how frames are batched, except for rounding in the network, which may
    get more or fewer key frames at once.

    Attributes:
        keys: frames that the network has coloured so far.
        waiting: frames inside that have no colours yet; at most ``longest - 1``.
    """

    def __init__(
        self,
        color: Color,
        every: int | None,
        *,
        longest: int,
        flow: FlowEstimator | None = None,
        saturation: float = 1.0,
    ) -> None:
        """Begin a film.

        Args:
            color: the network.
            every: distance of key frames; None chooses it by the expected error.
            longest: largest distance, at least 1; it bounds how many frames wait.
            flow: finds motion; None is DIS.
            saturation: factor on ab when it is shown: errors count as they will be seen.
        """
        self._color = color
        self._auto = every is None
        self._distance = min(longest, every or longest)
        self._flow = flow or FlowEstimator()
        self._saturation = saturation
        self._segment: list[_Frame] = []
        self._reached: Carried | None = None
        self._size = (1, 1)
        self._seen = torch.empty(0)
        self.keys = 0

    @property
    def waiting(self) -> int:
        """Frames inside that have no colours yet."""
        return max(0, len(self._segment) - 1)

    def push(
        self, inputs: ModelInput, seconds: Sequence[float], cuts: Sequence[bool]
    ) -> ColoredFrames:
        """Take frames; return those that have their colours, in order.

        Args:
            inputs: as the network is to see them; guidance is used on key frames only.
            seconds: presentation time of each frame.
            cuts: whether each frame is the first of a shot.
        """
        each = [inputs[at : at + 1] for at in range(len(inputs))]
        frames = [_Frame(*known) for known in zip(each, seconds, cuts, strict=True)]
        if not self._auto:
            self._color_ahead(frames)
        done = [ready for frame in frames for ready in self._step(frame)]
        return _together(done, inputs.lightness)

    def flush(self) -> ColoredFrames:
        """Return the frames that still wait, at the end of the film."""
        last = self._segment[-1:]
        done = self._close()
        self._segment = []
        return _together(done, last[0].lightness[None] if last else torch.empty(0, 1, 1, 1))

    def _color_ahead(self, frames: list[_Frame]) -> None:
        """Colour all key frames of a batch in one call, as their places are known."""
        since, keys = len(self._segment), []
        for frame in frames:
            if since == 0 or frame.is_cut or since == self._distance:
                keys.append(frame)
                since = 0
            since += 1
        if keys:
            for frame, ab in zip(keys, self._color_all(keys), strict=True):
                frame.ab = ab

    def _color_all(self, frames: list[_Frame]) -> Tensor:
        self.keys += len(frames)
        return self._color(ModelInput.concatenate([f.inputs for f in frames])).ab.cpu()

    def _make_key(self, frame: _Frame) -> None:
        if frame.ab is None:
            frame.ab = self._color_all([frame])[0]
        if frame.contrast is None:
            ab = fit(frame.ab, motion_grid(frame.lightness, frame.ab))
            frame.contrast = contrast(ab) * self._saturation

    def _step(self, frame: _Frame) -> list[_Frame]:
        """Take one frame; return those that it completes."""
        if not self._segment or frame.is_cut:
            done = self._close()
            self._begin(frame)
            return [*done, frame]
        self._seen, before = frame.lightness.cpu(), self._seen
        frame.motion = neighbour(self._flow, before, self._seen, self._size)
        self._segment.append(frame)
        if not self._is_key(frame.motion):
            return []
        self._make_key(frame)
        done = self._close()
        self._begin(frame)
        return done

    def _begin(self, key: _Frame) -> None:
        """Start a segment with a key frame."""
        self._make_key(key)
        assert key.ab is not None
        self._size = motion_grid(key.lightness, key.ab)
        if key.motion is None or key.motion.small.shape[-2:] != self._size:
            key.motion = neighbour(self._flow, None, key.lightness.cpu(), self._size)
        self._segment, self._seen = [key], key.lightness.cpu()
        self._reached = at_key(key.motion)

    def _is_key(self, motion: Neighbour) -> bool:
        """Whether the frame just appended ends the segment."""
        if self._auto:
            key = self._segment[0]
            assert key.motion is not None and self._reached is not None
            self._reached = carry_one(key.motion, self._reached, motion)
            if _expected_error(key, self._reached) > _REACH:
                return True
        return len(self._segment) > self._distance

    def _close(self) -> list[_Frame]:
        """Colour and return the frames after the segment's first."""
        if len(self._segment) > 1:
            if len(self._segment) > _ALONE:
                self._make_key(self._segment[-1])
            self._fill(self._segment)
        return self._segment[1:]

    def _fill(self, frames: list[_Frame]) -> None:
        """Colour the frames after a key frame, and before the last one if that is a key too."""
        first, last = frames[0], frames[-1]
        inner = frames[1:] if last.ab is None else frames[1:-1]
        if not inner:
            return
        motions = [f.motion for f in frames if f.motion is not None]
        before = carry_on(motions)
        after = carry_back(motions) if last.ab is not None else None
        if self._auto:
            worst = _least_explained(first, before, after, len(inner))
            if worst is not None:
                self._make_key(frames[worst])
                self._fill(frames[: worst + 1])
                self._fill(frames[worst:])
                return
        assert first.ab is not None
        for at, frame in enumerate(inner, start=1):
            near = 1.0 - at / (len(frames) - 1)
            frame.ab = (
                carry(first.ab, before[at])
                if after is None or last.ab is None
                else _blend(first.ab, before[at], last.ab, after[at], near)
            )


def contrast(ab: Tensor) -> Tensor:
    """How far colours differ from those around: the error if they are carried to a wrong place.

    Args:
        ab: ``(2, h', w')`` float32.

    Returns:
        ``(1, h', w')`` float32, Lab units: mean distance from the local mean.
    """
    height, width = ab.shape[-2:]
    step = max(1, round(min(height, width) / _COARSE_PX))
    coarse = F.avg_pool2d(ab[None], step, ceil_mode=True, count_include_pad=False)
    rest = (coarse - _around(coarse)).square().sum(dim=1, keepdim=True).sqrt()
    return F.interpolate(_around(rest), size=(height, width), mode="bilinear")[0]


def _around(planes: Tensor) -> Tensor:
    return F.avg_pool2d(planes, 9, 1, 4, count_include_pad=False)


def _expected_error(key: _Frame, way: Carried, trust: Tensor | None = None) -> float:
    """In Lab units: distrust times the contrast of colours there, mean over the frame."""
    assert key.contrast is not None
    doubt = 1.0 - (way.trust if trust is None else trust)
    return float((doubt * warp(key.contrast, way.to_key)).mean())


def _least_explained(
    key: _Frame, before: list[Carried], after: list[Carried] | None, inner: int
) -> int | None:
    """Index of the frame with the largest expected error, or None if that is small enough."""
    errors = []
    for at in range(1, inner + 1):
        trust = before[at].trust
        if after is not None:
            trust = torch.maximum(trust, after[at].trust)
        errors.append(_expected_error(key, before[at], trust))
    worst = max(range(inner), key=errors.__getitem__)
    return worst + 1 if errors[worst] > _GAP else None


def _blend(ab0: Tensor, way0: Carried, ab1: Tensor, way1: Carried, near: float) -> Tensor:
    """Mix two keys' colours; ``near`` is 1 at the first and 0 at the second."""
    weight0 = near * (way0.trust + _LEAST_TRUST)
    weight1 = (1.0 - near) * (way1.trust + _LEAST_TRUST)
    share = fit(weight1 / (weight0 + weight1), ab0.shape[-2:])
    return torch.lerp(carry(ab0, way0), carry(ab1, way1), share)


def _together(frames: list[_Frame], like: Tensor) -> ColoredFrames:
    """Frames as a batch, possibly empty."""
    if not frames:
        return ColoredFrames(like[:0], no_frames().to(like.device), [], [])
    return ColoredFrames(
        torch.stack([f.lightness for f in frames]),
        torch.stack([f.ab for f in frames if f.ab is not None]).to(like.device),
        [f.seconds for f in frames],
        [f.is_cut for f in frames],
    )
