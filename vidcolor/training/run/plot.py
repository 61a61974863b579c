"""The loss plot: every quantity of a run's log over its steps."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vidcolor.errors import InputError
from vidcolor.media.files.atomic import complete_file

_PANEL_IN = (4.6, 2.2)  # width, height; 100 pixels an inch
_COLUMNS = 2
_SMOOTH_STEPS = 50
_RAW, _SMOOTH = "#b4cde1", "#1450aa"
_NOT_DRAWN = {"step", "time"}

Series = tuple[list[float], list[float]]
"""Steps and values."""


def write_plot(log: Path, path: Path) -> None:
    """Draw a log.

    Args:
        log: JSON lines with "step" and numbers.
        path: PNG to write.

    Raises:
        InputError: if the log holds nothing to draw.
        OutputError: the picture can't be written.
    """
    series = read_series(log)
    if not series:
        raise InputError(f"{log}: nothing to plot in it")
    rows = math.ceil(len(series) / _COLUMNS)
    size = (_PANEL_IN[0] * _COLUMNS, _PANEL_IN[1] * rows)
    figure = Figure(figsize=size, layout="constrained")
    for number, (name, points) in enumerate(series.items(), start=1):
        _draw(figure.add_subplot(rows, _COLUMNS, number), name, *points)
    with complete_file(path) as part:
        figure.savefig(part, format="png", dpi=100)


def read_series(log: Path) -> dict[str, Series]:
    """Steps and values of each quantity in a log; lines cut short by a crash are left out."""
    found: dict[str, Series] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            values = json.loads(line)
        except json.JSONDecodeError:
            continue
        for name, value in values.items():
            if name not in _NOT_DRAWN and np.isfinite(value):
                steps, points = found.setdefault(name, ([], []))
                steps.append(values["step"])
                points.append(value)
    return found


def smoothed(values: Sequence[float], steps: int = _SMOOTH_STEPS) -> list[float]:
    """Exponential mean, corrected for its start."""
    keep, mean, weight, result = 1.0 - 1.0 / steps, 0.0, 0.0, []
    for value in values:
        mean, weight = keep * mean + (1 - keep) * value, keep * weight + (1 - keep)
        result.append(mean / weight)
    return result


def _draw(axes: Axes, name: str, steps: list[float], values: list[float]) -> None:
    mean = smoothed(values)
    if len(values) > 2 * _SMOOTH_STEPS:
        axes.plot(steps, values, color=_RAW, linewidth=0.8)
        axes.plot(steps, mean, color=_SMOOTH, linewidth=1.2)
    else:
        axes.plot(steps, values, color=_SMOOTH, linewidth=1.2, marker=".")
    # Without the rare outliers of a run's first steps.
    low, high = (float(value) for value in np.quantile(values, (0.0, 0.99)))
    if high > low:
        axes.set_ylim(low, high)
    axes.set_title(f"{name}  {mean[-1]:.4g}", fontsize=9, loc="left")
    axes.tick_params(labelsize=7)
