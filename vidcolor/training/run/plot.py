"""The loss plot: every quantity of a run's log over its steps, drawn with OpenCV."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.errors import InputError

_PANEL_PX = (460, 220)  # width, height
_MARGIN_PX = (58, 26, 14, 24)  # left, top, right, bottom
_ACROSS = 2
_SMOOTH_STEPS = 50
_MOST_POINTS = 2000
_RAW, _SMOOTH, _INK, _FRAME = (225, 205, 180), (170, 80, 20), (40, 40, 40), (200, 200, 200)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
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
    """
    series = read_series(log)
    if not series:
        raise InputError(f"{log}: nothing to plot in it")
    panels = [_panel(name, *points) for name, points in series.items()]
    while len(panels) % _ACROSS:
        panels.append(np.full_like(panels[0], 255))
    rows = [np.hstack(panels[i : i + _ACROSS]) for i in range(0, len(panels), _ACROSS)]
    cv2.imwrite(str(path), np.vstack(rows))


def read_series(log: Path) -> dict[str, Series]:
    """Steps and values of each quantity in a log; lines cut short by a crash are passed over."""
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
    """Exponential mean without the bias of its start."""
    keep, mean, weight, result = 1.0 - 1.0 / steps, 0.0, 0.0, []
    for value in values:
        mean, weight = keep * mean + (1 - keep) * value, keep * weight + (1 - keep)
        result.append(mean / weight)
    return result


def _panel(name: str, steps: list[float], values: list[float]) -> npt.NDArray[np.uint8]:
    width, height = _PANEL_PX
    left, top, right, bottom = _MARGIN_PX
    panel = np.full((height, width, 3), 255, np.uint8)
    many = len(values) > 2 * _SMOOTH_STEPS
    low, high = _range(values)
    cv2.rectangle(panel, (left, top), (width - right, height - bottom), _FRAME, 1)
    cv2.putText(
        panel, f"{name}  {smoothed(values)[-1]:.4g}", (left, 17), _FONT, 0.45, _INK, 1, cv2.LINE_AA
    )
    labels = (
        (f"{high:.3g}", (4, top + 10)),
        (f"{low:.3g}", (4, height - bottom)),
        (f"{steps[0]:.0f}", (left, height - 6)),
        (f"{steps[-1]:.0f}", (width - right - 45, height - 6)),
    )
    for text, place in labels:
        cv2.putText(panel, text, place, _FONT, 0.4, _INK, 1, cv2.LINE_AA)
    for line, colour in (
        (values, _RAW if many else _SMOOTH),
        *(((smoothed(values), _SMOOTH),) if many else ()),
    ):
        thin = max(1, len(line) // _MOST_POINTS)
        x = _scaled(steps[::thin], steps[0], steps[-1], left, width - right)
        y = _scaled(line[::thin], low, high, height - bottom, top)
        points = np.stack([x, y], axis=1).round().astype(np.int32)
        cv2.polylines(panel, [points], False, colour, 1, cv2.LINE_AA)
        if len(points) < 20:
            for point in points:
                cv2.circle(panel, [int(v) for v in point], 2, colour, -1, cv2.LINE_AA)
    return panel


def _range(values: list[float]) -> tuple[float, float]:
    """Without the rare outliers of a run's first steps."""
    low, high = (float(v) for v in np.quantile(values, (0.0, 0.99)))
    return low, max(high, low + 1e-9)


def _scaled(
    values: Sequence[float], low: float, high: float, start: int, end: int
) -> npt.NDArray[np.float64]:
    if high - low < 1e-8:
        return np.full(len(values), (start + end) / 2)
    share = (np.asarray(values, np.float64) - low) / (high - low)
    return start + np.clip(share, 0.0, 1.0) * (end - start)
