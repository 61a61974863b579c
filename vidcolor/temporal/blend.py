"""A dissolve: how long it lasts, and its colours as the mix of both shots' colours.

In a dissolve code values are a mix of both shots' pictures, ``(1 - w) A + w B``. A network that
sees the mix colours things that are in neither, or sees only the stronger one. So the colours are
mixed as the codes are: those of the last frame before and of the first one behind, each moved with
its shot up to the dissolve's middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.color.lab import lab_to_rgb, lightness_to_grey, rgb_to_lab
from vidcolor.temporal.flow import FlowEstimator, fit_flow, warp

Shares = npt.NDArray[np.float64]
_Codes = npt.NDArray[np.float64]

_GRID: Final = (18, 32)
"""Rows and columns of the small pictures on which shares are measured."""
_TURNS: Final = 2
"""How often ends and shares are found from one another."""
_MOST_OFF: Final = 0.12
"""RMS distance of the measured shares from a straight line beyond which it is no dissolve."""
_LEFT: Final = 0.72
"""Part of the difference from the nearer end that a mix of both ends may leave: motion leaves some,
and where nothing is mixed, the ends explain nothing."""


@dataclass(frozen=True, slots=True)
class Blend:
    """A dissolve within a run of frames.

    Attributes:
        last: index of the old shot's last frame that shows nothing of the new one.
        first: index of the new shot's first frame that shows nothing of the old one.
        shares: of the new shot in the frames from ``last`` to ``first``, 0 to 1.
    """

    last: int
    first: int
    shares: tuple[float, ...]


def find_blend(lightness: Sequence[Tensor], middle: int) -> Blend | None:
    """Find where a dissolve begins and ends.

    Args:
        lightness: ``(1, h, w)`` float32, L*/100, of consecutive frames.
        middle: index of the one about its middle.

    Returns:
        None where the frames are no dissolve, or don't hold all of it.
    """
    count = len(lightness)
    if not 1 <= middle < count - 1:
        return None
    codes = np.stack([_small_codes(each) for each in lightness])
    last, first = 0, count - 1
    for _ in range(_TURNS):
        shares = _shares(codes, codes[last], codes[first])
        if shares is None:
            return None
        last, first = _ramp(shares, middle)
    # a frame more on either side: what is found is seldom further off
    last, first = last - 1, first + 1
    if last < 1 or first >= count - 1 or not _is_blend(codes, last, first):
        return None
    shares = _shares(codes, codes[last], codes[first])
    if shares is None:
        return None
    line, found = _line(count, last, first), shares.clip(0.0, 1.0)
    if np.sqrt(np.square(found - line)[last : first + 1].mean()) > _MOST_OFF:
        return None
    # motion disturbs what is measured, and not all dissolves are straight: the mean of both
    inner = (0.5 * (found + line))[last + 1 : first]
    return Blend(last, first, (0.0, *inner.tolist(), 1.0))


def _small_codes(lightness: Tensor) -> _Codes:
    codes = lightness_to_grey(F.adaptive_avg_pool2d(lightness.detach().float(), _GRID))
    return codes.double().cpu().numpy().ravel()


def _shares(codes: _Codes, old: _Codes, new: _Codes) -> Shares | None:
    """Of the new picture in each frame, by least squares; None where both pictures are alike."""
    change = new - old
    size = float(change @ change)
    return (codes - old) @ change / size if size > 1e-4 * change.size else None


def _line(count: int, last: int, first: int) -> Shares:
    """A straight rise from 0 at ``last`` to 1 at ``first``."""
    return ((np.arange(count) - last) / (first - last)).clip(0.0, 1.0)


def _ramp(shares: Shares, middle: int) -> tuple[int, int]:
    """Ends of the straight rise between two levels that is nearest to the shares.

    The levels are free: where the shots' pictures move on, they aren't 0 and 1.
    """
    count = len(shares)
    ends = [(a, b) for a in range(middle) for b in range(middle, count) if b - a > 1]
    lines = np.stack([_line(count, a, b) for a, b in ends])
    lines -= lines.mean(axis=1, keepdims=True)
    explained = lines @ (shares - shares.mean())
    fits = explained.clip(min=0.0) / np.sqrt(np.square(lines).sum(axis=1))
    return ends[int(fits.argmax())]


def _is_blend(codes: _Codes, last: int, first: int) -> bool:
    """Whether a mix of both ends says more of the frames between than the nearer end alone."""
    inside, share = codes[last + 1 : first], _line(len(codes), last, first)[last + 1 : first, None]
    if not len(inside):
        return False
    old, new = codes[last], codes[first]
    mixed = np.abs(inside - (1.0 - share) * old - share * new).mean(axis=1)
    nearer = np.minimum(np.abs(inside - old).mean(axis=1), np.abs(inside - new).mean(axis=1))
    return bool(mixed.sum() < _LEFT * nearer.sum())


def mixed_colors(
    lightness: Sequence[Tensor], old: Tensor, new: Tensor, shares: Sequence[float],
    flow: FlowEstimator,
) -> Tensor:  # fmt: skip
    """Colours of the frames within a dissolve.

    Args:
        lightness: ``(1, h, w)`` float32, L*/100: the old shot's last frame, those of the dissolve,
            and the new shot's first one.
        old: ab of the first of these, ``(2, h', w')`` float32.
        new: ab of the last one, likewise.
        shares: of the new shot in each.
        flow: finds motion.

    Returns:
        ``(N - 2, 2, h', w')`` float32, of the frames between, on the device of ``old``.
    """
    seen = [each.detach().float().cpu() for each in lightness]
    follow = sum(share < 0.5 for share in shares)  # frames in which the old shot is the stronger
    before = _carried(seen, old.cpu(), follow, flow)
    after = _carried(seen[::-1], new.cpu(), len(seen) - follow, flow)[::-1]
    weights = torch.tensor([float(share) for share in shares]).view(-1, 1, 1, 1)
    codes = torch.lerp(lab_to_rgb(torch.stack(before)), lab_to_rgb(torch.stack(after)), weights)
    return rgb_to_lab(codes)[1:-1, 1:].to(old.device)


def _carried(seen: Sequence[Tensor], ab: Tensor, follow: int, flow: FlowEstimator) -> list[Tensor]:
    """Lab of the first frame in each: moved along in the first ``follow`` frames, then held."""
    size = (int(ab.shape[-2]), int(ab.shape[-1]))
    lab = torch.cat((100.0 * F.adaptive_avg_pool2d(seen[0], size), ab))
    found, way = [lab], torch.zeros(2, *seen[0].shape[-2:])
    for number in range(1, len(seen)):
        if number >= follow:
            found.append(found[-1])
            continue
        step = flow(seen[number], seen[number - 1])
        way = step + warp(way, step)
        found.append(warp(lab, fit_flow(way, size)))
    return found
