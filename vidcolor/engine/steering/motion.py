"""A shot's motion from frame to frame, found once for both directions of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vidcolor.engine.steering.kernel import ramp
from vidcolor.engine.steering.planes import Planes
from vidcolor.temporal.flow import FlowEstimator, confidence, warp

_TRUST = (0.0, 0.25)
"""Confidence of one step of flow from which trust begins, and from which it is whole: flow that is
wrong by half a pixel carries a colour well, and trust is multiplied from frame to frame."""

_SLOPE, _FLOOR_PX2 = 0.01, 0.5
"""Squared error that flow there and back may have: a share of its squared length, and a floor
(Sundaram, Brox and Keutzer, ECCV 2010)."""

Preset = Literal["ultrafast", "fast", "medium"]


@dataclass(frozen=True, slots=True)
class Care:
    """How carefully a shot is watched.

    Attributes:
        side: shorter side of the pictures in which flow is found and colours are carried, in
            pixels.
        preset: of the flow.
        every: frames between two for which the kernel is asked: motion carries well for so long.
        compares: what moved must also look alike, not only move back to where it was.
        found: directness, in [0, 1], of a colour that the kernel found, where one that was given
            or carried without a doubt has 1.
    """

    side: int
    preset: Preset
    every: int
    compares: bool
    found: float


QUICK = Care(side=96, preset="fast", every=12, compares=False, found=0.2)
"""For hints: their corrections are no finer than the grid of features."""

EXACT = Care(side=192, preset="medium", every=4, compares=True, found=0.05)
"""For frames whose colours are known whole, and paintings: fine enough for 44 dB."""


@dataclass(frozen=True, slots=True)
class Step:
    """Motion from one frame to the next, in one direction of time.

    Attributes:
        back: ``(2, h, w)`` pixels, from the later of the two into the one before it.
        ahead: the opposite.
        sure: ``(1, h, w)`` in [0, 1], how far ``back`` is trusted.
    """

    back: Tensor
    ahead: Tensor
    sure: Tensor


class Motion:
    """Flow between all neighbours of a shot, in a temporary file.

    Args:
        lightness: ``(1, h, w)`` uint8 each, L* of 0 to 255.
        care: how it is found.
    """

    def __init__(self, lightness: list[Tensor], care: Care) -> None:
        self._lightness, self._care = lightness, care
        self._planes = Planes(len(lightness), 4, tuple(lightness[0].shape[-2:]))
        flow = FlowEstimator(preset=care.preset)
        for at in range(1, len(lightness)):
            before, later = self._light(at - 1), self._light(at)
            self._planes[at] = torch.cat((flow(later, before), flow(before, later)))

    def step(self, at: int, *, backwards: bool) -> Step | None:
        """From the frame before to frame ``at``; None where there is none before it."""
        pair = at + 1 if backwards else at
        if not 0 < pair < len(self._lightness):
            return None
        planes = self._planes[pair]
        back, ahead = (planes[2:], planes[:2]) if backwards else (planes[:2], planes[2:])
        if self._care.compares:
            before = at + 1 if backwards else at - 1
            sure = confidence(self._light(at), self._light(before), back, ahead)
            return Step(back, ahead, ramp(sure, _TRUST))
        return Step(back, ahead, _returns(back, ahead))

    def _light(self, at: int) -> Tensor:
        return self._lightness[at].float() / 255.0


def _returns(back: Tensor, ahead: Tensor) -> Tensor:
    """1 where flow leads back to where it came from, falling to 0 as it misses."""
    there = warp(ahead, back)
    missed = (there + back).square().sum(0, keepdim=True)
    allowed = _SLOPE * (there.square() + back.square()).sum(0, keepdim=True) + _FLOOR_PX2
    return torch.exp(-(missed / allowed - 1.0).clamp_min(0.0))
