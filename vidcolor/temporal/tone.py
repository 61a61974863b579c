"""What flicker does to a picture: how it is fitted between two frames, and how it is undone.

All in logits of L*/100, where any offset maps black to black and white to white, is monotone and
clips nothing, and offsets add up. Flicker of old film is uneven too: an offset, its slope across
the picture and down it, and a change of contrast are four terms that describe it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

TERMS = 4
"""Offset, slope to the right, slope downwards (both from middle to border), contrast."""
_PASSES = 4
"""Of reweighting; from the median these are enough."""
_SMALL = 0.02
"""Residuals in logits below which weights grow no more."""
_RIDGE = 1e-3
"""Holds what a picture doesn't tell, as contrast in fog, near 0."""

Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def fit_change(before: Values, now: Values, tells: Mask, centre: float) -> Values:
    """The terms that lead from one frame to the next, by least absolute residuals.

    What enters or moves is left aside as long as it is the smaller part. Contrast is taken against
    the mean of both frames, so that forward and backward give the same and nothing drifts.

    Args:
        before: ``(h, w)`` logits of L*/100.
        now: likewise, of the next frame.
        tells: ``(h, w)``, which pixels are to be asked; not none.
        centre: logit about which contrast turns.

    Returns:
        ``(4,)``: see ``TERMS``.
    """
    height, width = before.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    mean = (before + now) / 2 - centre
    basis = np.stack((np.ones_like(x), x, y, mean))[:, tells]
    change = (now - before)[tells]
    terms = np.array([float(np.median(change)), 0.0, 0.0, 0.0])
    for _ in range(_PASSES):
        weight = 1.0 / np.maximum(np.abs(change - terms @ basis), _SMALL)
        weighted = basis * (weight / weight.sum())
        terms = np.linalg.solve(weighted @ basis.T + _RIDGE * np.eye(TERMS), weighted @ change)
    return np.asarray(terms)


def apply_terms(lightness: Tensor, terms: Sequence[float], centre: float) -> Tensor:
    """Put the four terms on ``(1, h, w)`` L*/100 in [0, 1]: 0 and 1 stay where they are."""
    offset, right, down, contrast = terms
    height, width = lightness.shape[-2:]
    x = torch.linspace(-1, 1, width, device=lightness.device)
    y = torch.linspace(-1, 1, height, device=lightness.device)[:, None]
    field = (offset - contrast * centre) + right * x + down * y
    return torch.sigmoid((1.0 + contrast) * torch.logit(lightness) + field)
