"""Error and correlation of ab against the truth, pooled over all pixels of all pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_NOISE = 1e-8
"""Share of the truth's squared ab below which a result is grey: what is left is rounding."""

_LEAST_COLOUR = 0.1
"""Lab units (root mean square of ab), and colourfulness, below which the truth itself is grey."""


@dataclass(frozen=True, slots=True)
class AbScores:
    """What ``AbStatistics`` sums up to; what compares with a truth that is grey is NaN.

    Attributes:
        pictures: how many were compared.
        rmse_ratio: RMSE of ab over that of a grey picture, as it is.
        rmse_ratio_best: the same at the one saturation factor that suits the results best.
        best_saturation: that factor, 0 at least.
        correlation: of ab with the true ab, each picture's mean removed, pooled.
        colourfulness: mean over pictures of the result's colourfulness.
        colourfulness_truth: mean over pictures of the truth's.
    """

    pictures: int
    rmse_ratio: float
    rmse_ratio_best: float
    best_saturation: float
    correlation: float
    colourfulness: float
    colourfulness_truth: float

    @property
    def colourfulness_ratio(self) -> float:
        """Result over truth."""
        if self.colourfulness_truth < _LEAST_COLOUR:
            return math.nan
        return self.colourfulness / self.colourfulness_truth


class AbStatistics:
    """Collects sums over pictures; every pixel counts the same."""

    def __init__(self) -> None:
        self._pictures = self._pixels = 0
        self._pp = self._pt = self._tt = 0.0
        self._centred = torch.zeros(3, dtype=torch.float64)
        self._colour = torch.zeros(2, dtype=torch.float64)

    def add(
        self, ab: Tensor, truth: Tensor, colourfulness: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        """Compare one picture.

        Args:
            ab: ``(2, H, W)`` result.
            truth: ``(2, H, W)`` true ab.
            colourfulness: of the result and of the truth.
        """
        p, t = ab.cpu().double(), truth.cpu().double()  # Apple's GPUs know no float64
        self._pictures += 1
        self._pixels += p[0].numel()
        self._pp += float((p * p).sum())
        self._pt += float((p * t).sum())
        self._tt += float((t * t).sum())
        p = p - p.mean(dim=(1, 2), keepdim=True)
        t = t - t.mean(dim=(1, 2), keepdim=True)
        self._centred += torch.stack([(p * p).sum(), (p * t).sum(), (t * t).sum()])
        self._colour += torch.tensor(colourfulness, dtype=torch.float64)

    def scores(self) -> AbScores:
        """The figures so far."""
        tiny = 1e-12
        raw = self._pp - 2.0 * self._pt + self._tt
        has_colour = self._pp > _NOISE * self._tt
        # No saturation turns a hue into its opposite: what is wrong throughout is best as grey.
        gain = max(0.0, self._pt / max(self._pp, tiny)) if has_colour else 0.0
        best = self._tt - gain * self._pt
        pp, pt, tt = self._centred.tolist() if has_colour else (0.0, 0.0, 0.0)
        colour = (self._colour / max(self._pictures, 1)).tolist()
        if self._tt < _LEAST_COLOUR**2 * self._pixels:
            none = math.nan
            return AbScores(self._pictures, none, none, none, none, *colour)
        return AbScores(
            pictures=self._pictures,
            rmse_ratio=(raw / max(self._tt, tiny)) ** 0.5,
            rmse_ratio_best=(max(best, 0.0) / max(self._tt, tiny)) ** 0.5,
            best_saturation=gain,
            correlation=pt / max((pp * tt) ** 0.5, tiny),
            colourfulness=colour[0],
            colourfulness_truth=colour[1],
        )


def colourfulness(rgb: Tensor) -> float:
    """Colourfulness of Hasler and Suesstrunk (2003).

    Args:
        rgb: ``(3, H, W)`` code values in [0, 255].

    Returns:
        ``sqrt(var(rg) + var(yb)) + 0.3 * sqrt(mean(rg)^2 + mean(yb)^2)`` with ``rg = R - G`` and
        ``yb = (R + G) / 2 - B``.
    """
    r, g, b = rgb.double()
    rg, yb = r - g, (r + g) / 2.0 - b
    spread = (rg.var(correction=0) + yb.var(correction=0)).sqrt()
    return float(spread + 0.3 * (rg.mean() ** 2 + yb.mean() ** 2).sqrt())
