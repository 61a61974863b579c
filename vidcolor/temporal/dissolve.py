"""Is a run of frames a dissolve? Four figures about it, weighed as a fit on known films says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vidcolor.temporal.sketch import Sketch, similarity

HALF_FRAMES = 8
"""A dissolve is looked at from so many frames before its middle to so many after."""

_GAIN_LEAST = 0.02
"""Below this share of the picture explained by blending alone, nothing else need be computed."""
_WEIGHTS = (-5.8, 1.2, 6.6, 1.2)
"""Of the figures in ``blend_score``: logistic regression, middles of dissolves against all else."""
_THRESHOLD = -0.74
"""Odds of 0.6 for a dissolve frame by frame, so that a film has few that are none."""


def blend_of(window: Sequence[Sketch]) -> bool:
    """Whether the middle of ``2 * HALF_FRAMES + 1`` frames blends the first into the last.

    True only from where the last is at least as strong as the first.
    """
    return blend_score(window) > _THRESHOLD


def blend_score(window: Sequence[Sketch]) -> float:
    """How sure it is; -inf while the first frame is the stronger or where a blend explains nothing.

    Looked at are: how similar the ends are; whether the change of the first half looks like that of
    the second, over 8 and over 4 frames, as it does in a blend and hardly in any motion; and how
    much of the middle a blend of the ends explains that neither end explains alone.
    """
    first, middle, last = window[0], window[HALF_FRAMES], window[-1]
    gain, is_past = _blend_gain(first.whole, middle.whole, last.whole)
    if gain < _GAIN_LEAST or not is_past:
        return -np.inf
    near, far = HALF_FRAMES - HALF_FRAMES // 2, HALF_FRAMES + HALF_FRAMES // 2
    figures = (
        similarity(first, last),
        _steadiness(window[near], middle, window[far]),
        _steadiness(first, middle, last),
        gain,
    )
    return float(np.dot(_WEIGHTS, figures))


def _blend_gain(
    first: npt.NDArray[np.float32], middle: npt.NDArray[np.float32], last: npt.NDArray[np.float32]
) -> tuple[float, bool]:
    """Least squares of the middle on both ends: explained share beyond the better end's alone.

    Pictures have zero mean and unit length. Also said is whether the last has at least the first's
    weight.
    """
    both = float(np.vdot(first, last))
    to_first, to_last = float(np.vdot(first, middle)), float(np.vdot(last, middle))
    rest = 1.0 - both * both
    if rest < 1e-3:
        return 0.0, False
    a, b = (to_first - both * to_last) / rest, (to_last - both * to_first) / rest
    if min(a, b) <= 0:
        return 0.0, False
    return a * to_first + b * to_last - max(to_first, to_last) ** 2, b >= a


def _steadiness(before: Sketch, middle: Sketch, after: Sketch) -> float:
    """Correlation of the change up to the middle with the change after it."""
    first = middle.light - before.light
    second = after.light - middle.light
    first, second = first - first.mean(), second - second.mean()
    size = float(np.sqrt(np.vdot(first, first) * np.vdot(second, second)))
    return float(np.vdot(first, second)) / size if size > 1e-6 else 0.0
