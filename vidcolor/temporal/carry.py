"""Colours of one frame carried to others along the motion between neighbouring frames.

Flow is found between neighbours only, where it is small and DIS is most exact, and is chained for
longer distances: ``F(t -> k)(p) = f(p) + F(t-1 -> k)(p + f(p))``, ``f`` from t to t-1. ab is
sampled once, whatever the distance, so it does not blur. A chain is trusted as far as the chain in
the other direction leads back, and lightness agrees at both ends.

Chains have a quarter of the resolution of the network's input, which is enough for colours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vidcolor.temporal.flow import FlowEstimator, confidence, fit, fit_flow, warp

_COARSER = 4
"""Pixels of the network's input per pixel of the motion's grid, along each side."""


@dataclass(slots=True)
class Neighbour:
    """A frame, and its motion from and to the one before it.

    Attributes:
        small: ``(1, h', w')`` float32, L*/100 on the motion's grid.
        pixel: size of a pixel of the grid on which flow was found, in pixels of the motion's.
        back: flow from this frame into the one before, ``(2, h', w')``; zero in a shot's first.
        ahead: flow from the one before into this one.
    """

    small: Tensor
    pixel: float
    back: Tensor
    ahead: Tensor


@dataclass(slots=True)
class Carried:
    """How a frame is reached from a key frame.

    Attributes:
        to_key: flow from the frame into the key frame, ``(2, h', w')``.
        from_key: flow from the key frame into the frame.
        trust: ``(1, h', w')`` in [0, 1]: how far colours sampled at ``to_key`` can be trusted.
        links: frames from the key to this one.
    """

    to_key: Tensor
    from_key: Tensor
    trust: Tensor
    links: int


def neighbour(
    flow: FlowEstimator, before: Tensor | None, lightness: Tensor, size: tuple[int, int]
) -> Neighbour:
    """Find a frame's motion against the one before.

    Args:
        flow: the flow estimator.
        before: ``(1, h, w)`` float32, L*/100, of the frame before; None at the start of a shot.
        lightness: the same of this frame.
        size: the motion's grid (h', w').
    """
    small = fit(lightness, size)
    pixel = math.sqrt(small[0].numel() / lightness[0].numel())
    if before is None:
        none = lightness.new_zeros(2, *size)
        return Neighbour(small, pixel, none, none)
    back = fit_flow(flow(lightness, before), size)
    ahead = fit_flow(flow(before, lightness), size)
    return Neighbour(small, pixel, back, ahead)


def carry_on(frames: list[Neighbour]) -> list[Carried]:
    """Chain from the first of consecutive frames, the key, to each of them, the key included."""
    return _chain(frames, [f.back for f in frames[1:]], [f.ahead for f in frames[1:]])


def carry_back(frames: list[Neighbour]) -> list[Carried]:
    """Chain from the last of consecutive frames, the key, to each of them, in the frames' order."""
    later = frames[:0:-1]
    found = _chain(frames[::-1], [f.ahead for f in later], [f.back for f in later])
    return found[::-1]


def carry_one(key: Neighbour, last: Carried, frame: Neighbour) -> Carried:
    """Chain on by one frame, forward in time.

    Args:
        key: the key frame.
        last: how the frame before is reached.
        frame: the frame to reach.
    """
    return _link(key, last, frame, frame.back, frame.ahead)


def at_key(key: Neighbour) -> Carried:
    """How the key frame itself is reached."""
    still = torch.zeros_like(key.back)
    return Carried(still, still, torch.ones_like(key.small), 0)


def _chain(frames: list[Neighbour], nearer: list[Tensor], farther: list[Tensor]) -> list[Carried]:
    found = [at_key(frames[0])]
    for frame, to_before, from_before in zip(frames[1:], nearer, farther, strict=True):
        found.append(_link(frames[0], found[-1], frame, to_before, from_before))
    return found


def _link(
    key: Neighbour, last: Carried, frame: Neighbour, to_before: Tensor, from_before: Tensor
) -> Carried:
    to_key = to_before + warp(last.to_key, to_before)
    from_key = last.from_key + warp(from_before, last.from_key)
    links = last.links + 1
    trust = confidence(frame.small, key.small, to_key, from_key, pixel=frame.pixel, links=links)
    return Carried(to_key, from_key, trust, links)


def motion_grid(lightness: Tensor, ab: Tensor) -> tuple[int, int]:
    """Height and width of the grid for chains: a quarter of lightness's, or ab's if that is less.

    Args:
        lightness: ``(1, h, w)``.
        ab: ``(2, h', w')``.
    """
    height, width = (
        min(int(a), -(-int(b) // _COARSER))
        for a, b in zip(ab.shape[-2:], lightness.shape[-2:], strict=True)
    )
    return height, width


def carry(ab: Tensor, way: Carried) -> Tensor:
    """A key frame's colours, carried to the frame that ``way`` reaches.

    Args:
        ab: ``(2, h, w)`` float32, of the key, on any grid.
        way: how the frame is reached.

    Returns:
        ``(2, h, w)`` float32.
    """
    return warp(ab, fit_flow(way.to_key, ab.shape[-2:]))
