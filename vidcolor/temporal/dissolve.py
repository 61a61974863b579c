"""Is a run of frames a dissolve? A logistic regression on four figures, fitted on known films."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vidcolor.temporal.sketch import Sketch, similarity

HALF_FRAMES = 8
"""Frames before and after the middle of a dissolve that are compared."""

_GAIN_LEAST = 0.02
"""Share of the picture explained by blending alone below which the score is not computed."""
_WEIGHTS = (-5.8, 1.2, 6.6, 1.2)
"""Of the figures in ``blend_score``; fitted on middles of dissolves against all other frames."""
_THRESHOLD = -0.74
"""A score for which the regression gives odds of 0.6, so that a film has few false reports."""


def blend_of(window: Sequence[Sketch]) -> bool:
    """Whether the middle of ``2 * HALF_FRAMES + 1`` frames blends the first into the last.

    True only from where the last is at least as strong as the first.
    """
    return blend_score(window) > _THRESHOLD


def blend_score(window: Sequence[Sketch]) -> float:
    """The score; -inf while the first frame is the stronger or where a blend explains nothing.

    The figures: similarity of the ends; correlation of the change in the first half with that in
    the second, over 4 and over 8 frames, which is high in a blend and seldom in motion; the share
    of the middle that a blend of the ends explains and neither end explains alone.
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

    Pictures have zero mean and unit length. Returned too: whether the last has at least the first's
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
