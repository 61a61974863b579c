"""A model of flicker: fitted between two frames, and applied to undo it.

All is in logits of L*/100: there an offset keeps black and white, is monotone, clips nothing, and
offsets add up. Flicker of old film is uneven. Four terms describe it: an offset, its slope across
the picture and down it, and a change of contrast.
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
"""Of reweighting; enough when started from the median."""
_SMALL = 0.02
"""Residuals in logits below which weights grow no more."""
_RIDGE = 1e-3
"""Ridge: keeps terms near 0 that a picture doesn't determine, such as contrast in fog."""

Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def fit_change(before: Values, now: Values, tells: Mask, centre: float) -> Values:
    """The terms that lead from one frame to the next, by least absolute residuals.

    What enters or moves doesn't count as long as it covers less than half. Contrast is taken
    against the mean of both frames: forward and backward give the same, so nothing drifts.

    Args:
        before: ``(h, w)`` logits of L*/100.
        now: likewise, of the next frame.
        tells: ``(h, w)``, which pixels count; at least one.
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
    """Apply the four terms to ``(1, h, w)`` L*/100 in [0, 1]; 0 and 1 are kept."""
    offset, right, down, contrast = terms
    height, width = lightness.shape[-2:]
    x = torch.linspace(-1, 1, width, device=lightness.device)
    y = torch.linspace(-1, 1, height, device=lightness.device)[:, None]
    field = (offset - contrast * centre) + right * x + down * y
    return torch.sigmoid((1.0 + contrast) * torch.logit(lightness) + field)
