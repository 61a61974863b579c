"""Mistakes that an error over all pixels doesn't show: where colour is wrong, and on what scale.

Pooled over all pixels of all pictures, as ``ab_statistics`` does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

TRULY_GREY: float = 8.0
"""True Lab chroma below which colour above ``SHOWN_COLOURED`` is false, and shown chroma below
which colour above ``TRULY_COLOURED`` is missing."""

SHOWN_COLOURED: float = 12.0
"""Lab chroma that is seen as a colour."""

TRULY_COLOURED: float = 20.0
"""True Lab chroma that a viewer would miss."""

EVEN: float = 3.0
"""Lab units: spread of true ab (root mean square about the mean) up to which a cell is even."""

CELLS: int = 10
"""Cells along a picture's shorter side in which evenness is measured."""

GRID: int = 4
"""Cells along each side of the grid on which the error of the layout is measured."""

_LEAST_CHROMA = 0.5
"""Mean shown Lab chroma of even cells below which a result is grey there: 8-bit rounding."""


@dataclass(frozen=True, slots=True)
class MistakeScores:
    """What ``Mistakes`` sums up to; NaN where no pixel counts.

    Attributes:
        false_colour: share of the truly grey pixels (true chroma below 8) shown with a chroma above
            12.
        missing_colour: share of the truly coloured pixels (true chroma above 20) shown with a
            chroma below 8.
        unevenness: root mean square distance of shown ab from their mean in each cell that is even
            in truth, over the mean shown chroma of these cells. Cells are squares of a tenth of the
            shorter side.
        scene_error: share of the squared error of ab that lies in each picture's mean.
        layout_error: share that lies in the means of a grid of 4x4 cells, less ``scene_error``.
    """

    false_colour: float = math.nan
    missing_colour: float = math.nan
    unevenness: float = math.nan
    scene_error: float = math.nan
    layout_error: float = math.nan


class Mistakes:
    """Collects sums over pictures; every pixel counts the same."""

    def __init__(self) -> None:
        self._grey = self._false = self._coloured = self._missing = 0
        self._even_pixels = 0
        self._even_spread = self._even_chroma = 0.0
        self._error = self._mean_error = self._grid_error = 0.0

    def add(self, ab: Tensor, truth: Tensor) -> None:
        """Compare one picture.

        Args:
            ab: ``(2, H, W)`` result, Lab.
            truth: ``(2, H, W)`` true ab.
        """
        shown, true = ab.cpu().double(), truth.cpu().double()
        shown_chroma, true_chroma = torch.hypot(*shown), torch.hypot(*true)
        grey, coloured = true_chroma < TRULY_GREY, true_chroma > TRULY_COLOURED
        self._grey += int(grey.sum())
        self._false += int((grey & (shown_chroma > SHOWN_COLOURED)).sum())
        self._coloured += int(coloured.sum())
        self._missing += int((coloured & (shown_chroma < TRULY_GREY)).sum())
        self._add_evenness(shown, true, shown_chroma)
        self._add_error(shown - true)

    def _add_evenness(self, shown: Tensor, true: Tensor, shown_chroma: Tensor) -> None:
        side = max(2, min(shown.shape[1:]) // CELLS)
        if side > min(shown.shape[1:]):
            return
        cells = [_squares(x, side) for x in (true, shown, shown_chroma[None])]
        even = _variance(cells[0]).sqrt() <= EVEN
        self._even_pixels += int(even.sum()) * side * side
        self._even_spread += float(_variance(cells[1])[even].sum()) * side * side
        self._even_chroma += float(cells[2].mean(dim=-1)[0][even].sum()) * side * side

    def _add_error(self, error: Tensor) -> None:
        pixels = error[0].numel()
        self._error += float(error.square().sum())
        self._mean_error += pixels * float(error.mean(dim=(1, 2)).square().sum())
        for rows in error.tensor_split(GRID, dim=1):
            for cell in rows.tensor_split(GRID, dim=2):
                if cell.numel():
                    mean = cell.mean(dim=(1, 2))
                    self._grid_error += cell[0].numel() * float(mean.square().sum())

    def scores(self) -> MistakeScores:
        """The figures so far."""
        chroma = self._even_chroma / self._even_pixels if self._even_pixels else 0.0
        spread = math.sqrt(self._even_spread / self._even_pixels) if self._even_pixels else 0.0
        return MistakeScores(
            false_colour=_share(self._false, self._grey),
            missing_colour=_share(self._missing, self._coloured),
            unevenness=spread / chroma if chroma >= _LEAST_CHROMA else math.nan,
            scene_error=_share(self._mean_error, self._error),
            layout_error=_share(self._grid_error - self._mean_error, self._error),
        )


def _squares(planes: Tensor, side: int) -> Tensor:
    """``(C, H, W)`` cut into whole squares, ``(C, cells, side * side)``."""
    cut = planes.unfold(1, side, side).unfold(2, side, side)
    return cut.reshape(len(planes), -1, side * side)


def _variance(cells: Tensor) -> Tensor:
    """Mean squared distance from each cell's mean, ``(C, cells, pixels)`` to ``(cells,)``."""
    return cells.var(dim=-1, correction=0).sum(dim=0)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
