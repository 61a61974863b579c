"""Hard cuts, found on the frames that are decoded anyway.

Two frames are compared by the zero-mean normalised cross-correlation of small pictures of their
lightness: a change of exposure, which old film has from frame to frame, does not change it. A cut
is a correlation that is low in itself and far below what the shot's own motion has lately given.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_SIDE = 24
"""Side of the small pictures: coarse enough that grain, weave and small motion don't count."""

_MIN_CHANGE = 0.45
"""1 - correlation from which a cut is thinkable."""

_RATIO = 2.5
"""A cut changes this many times more than the recent frames of its shot."""

_MEMORY = 0.8
"""Share of the recent change that is kept from frame to frame."""

_FLAT = 0.012
"""Standard deviation of L*/100 below which a picture has no structure to compare (black, fades)."""

_FLAT_STEP = 0.25
"""Between flat pictures: the step in mean L*/100 that is a cut."""


class CutDetector:
    """Tells the first frame of every shot but the first; keeps its state from batch to batch."""

    def __init__(self) -> None:
        self._previous: Tensor | None = None
        self._motion = 0.0

    def find(self, lightness: Tensor) -> list[bool]:
        """Whether each frame begins a new shot.

        Args:
            lightness: ``(B, 1, h, w)`` float32, L*/100, in presentation order.
        """
        small = F.adaptive_avg_pool2d(lightness, (_SIDE, _SIDE)).flatten(1).double().cpu()
        return [self._step(frame) for frame in small]

    def _step(self, frame: Tensor) -> bool:
        previous, self._previous = self._previous, frame
        if previous is None:
            return False
        change = _change(previous, frame)
        is_cut = change > max(_MIN_CHANGE, _RATIO * self._motion)
        if is_cut:
            self._motion = 0.0
        else:
            self._motion = _MEMORY * self._motion + (1.0 - _MEMORY) * change
        return is_cut


def _change(first: Tensor, second: Tensor) -> float:
    """1 - correlation, 0 for the same picture up to exposure, to 2."""
    a, b = first - first.mean(), second - second.mean()
    spread_a, spread_b = float(a.square().mean().sqrt()), float(b.square().mean().sqrt())
    if min(spread_a, spread_b) < _FLAT:
        step = abs(float(first.mean() - second.mean()))
        both_flat = max(spread_a, spread_b) < _FLAT
        # From black into a picture, or out of it: a cut unless it comes slowly.
        return (
            1.0 if step > _FLAT_STEP or (not both_flat and max(spread_a, spread_b) > 0.08) else 0.0
        )
    return 1.0 - float(torch.dot(a, b)) / (spread_a * spread_b * a.numel())
