"""What the figures are called, which way is better, and the table on the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from vidcolor.evaluation.baselines import GREY, TRUTH, distinct
from vidcolor.evaluation.measures.scores import Scores

Better = Literal["low", "high", "one", "truth", ""]
"""Low or high figures are better; or those near 1; or near the truth's own; or it can't be said."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        label: short, for a terminal.
        meaning: one sentence, for the report.
        value: takes it from the scores.
        digits: after the point.
        better: which way.
        title: replaces a label that depends on the line before it.
    """

    label: str
    meaning: str
    value: Callable[[Scores], float]
    digits: int
    better: Better = ""
    title: str = ""

    @property
    def full(self) -> str:
        """Its name where the line before it isn't shown."""
        return self.title or self.label


FIGURES: tuple[Figure, ...] = (
    Figure(
        "ab RMSE / that of grey",
        "Root mean square error of Lab ab over all pixels, as a share of what grey has.",
        lambda s: s.ab.rmse_ratio, 4, "low",
    ),
    Figure(
        "  at the best saturation",
        "The same with all ab times the one factor that suits best: right hues, whatever strength.",
        lambda s: s.ab.rmse_ratio_best, 4, "low", "ab RMSE at the best saturation",
    ),
    Figure(
        "  which is", "The factor: above 1 the colours are too pale, below 1 too strong.",
        lambda s: s.ab.best_saturation, 2, "one", "best saturation",
    ),
    Figure(
        "ab correlation",
        "Of ab with the true ab, each picture's mean removed: are the right things coloured?",
        lambda s: s.ab.correlation, 4, "high",
    ),
    Figure(
        "false colour", "Share of truly grey pixels (chroma below 8) shown coloured (above 12).",
        lambda s: s.mistakes.false_colour, 3, "low",
    ),
    Figure(
        "missing colour", "Share of truly coloured pixels (chroma above 20) shown grey (below 8).",
        lambda s: s.mistakes.missing_colour, 3, "low",
    ),
    Figure(
        "unevenness", "Spread of colours where the truth is even, over their mean chroma.",
        lambda s: s.mistakes.unevenness, 3, "low",
    ),
    Figure(
        "error in pictures' means", "Share of the squared ab error in each picture's mean colour.",
        lambda s: s.mistakes.scene_error, 3,
    ),
    Figure(
        "  on a 4x4 grid", "Share of the squared ab error on a 4x4 grid, beyond the mean colour.",
        lambda s: s.mistakes.layout_error, 3, "", "error on a 4x4 grid",
    ),
    Figure("PSNR, dB", "Peak signal to noise ratio of RGB.", lambda s: s.psnr, 2, "high"),
    Figure("SSIM", "Structural similarity of RGB.", lambda s: s.ssim, 4, "high"),
    Figure(
        "  where the truth has colour", "SSIM over pixels whose true Lab chroma is 10 or more.",
        lambda s: s.ssim_masked, 4, "high", "SSIM where the truth has colour",
    ),
    Figure(
        "CIEDE2000", "Mean colour difference; about 1 is just visible.",
        lambda s: s.ciede2000, 2, "low",
    ),
    Figure(
        "histogram similarity",
        "Intersection of joint RGB histograms: the same colours in the same shares?",
        lambda s: s.histogram, 3, "high",
    ),
    Figure("LPIPS", "Perceptual distance by AlexNet's features.", lambda s: s.lpips, 4, "low"),
    Figure(
        "FID", "Distance of distributions of Inception features; quote it for thousands only.",
        lambda s: s.fid, 2, "low",
    ),
    Figure(
        "KID, x 1000", "Kernel distance of distributions of an ImageNet encoder's features.",
        lambda s: 1000.0 * s.kid, 3, "low",
    ),
    Figure(
        "colourfulness", "Hasler and Suesstrunk's; mean over pictures.",
        lambda s: s.ab.colourfulness, 1, "truth",
    ),
    Figure(
        "colourfulness / the truth's", "1 is as colourful as the truth.",
        lambda s: s.ab.colourfulness_ratio, 3, "one",
    ),
    Figure(
        "  mean of pictures' ratios", "Each picture's own, nearly grey ones left out.",
        lambda s: s.colourfulness_each, 3, "one", "colourfulness / the truth's, mean over pictures",
    ),
    Figure(
        "CDC, x 1000",
        "Colour distribution consistency: change of histograms 1, 2 and 4 frames apart.",
        lambda s: 1000.0 * s.cdc, 3, "truth",
    ),
    Figure(
        "warp error, x 1000", "Squared change of RGB in [0, 1] along the motion, one frame apart.",
        lambda s: 1000.0 * s.warp_error, 3, "truth",
    ),
    Figure(
        "chroma warp error", "Squared change of Lab ab along the motion, one frame apart: flicker.",
        lambda s: s.chroma_warp_error, 3, "truth",
    ),
    Figure(
        "  drift, 20 frames", "The same twenty frames apart: slow pulsing.",
        lambda s: s.drift, 3, "truth", "drift of chroma",
    ),
)  # fmt: skip
"""In the order of the table; a line is left out where no row has a figure for it."""

_LABEL_WIDTH, _MAX_NAME = 28, 22


def measured(rows: Sequence[Scores]) -> list[Figure]:
    """The figures that at least one row has."""
    return [f for f in FIGURES if any(math.isfinite(f.value(row)) for row in rows)]


def shown(figure: Figure, row: Scores) -> str:
    """A figure as text, "-" where there is none."""
    value = figure.value(row)
    if not math.isfinite(value) or _is_idle(figure, row):
        return "-"
    return f"{value:.{figure.digits}f}"


def winner(figure: Figure, rows: Sequence[Scores]) -> Scores | None:
    """The best of some rows, None where "better" means nothing or there is but one."""
    aims: dict[str, Callable[[float], float]] = {
        "low": lambda v: v, "high": lambda v: -v, "one": lambda v: abs(v - 1.0),
    }  # fmt: skip
    able = [r for r in rows if shown(figure, r) != "-"]
    if figure.better not in aims or len(able) < 2:
        return None
    return min(able, key=lambda r: aims[figure.better](figure.value(r)))


def text_table(rows: Sequence[Scores], *, head: Sequence[tuple[str, str]]) -> str:
    """Figures line by line, contenders side by side.

    Args:
        rows: one per contender.
        head: lines above, such as ("photographs", "1000").
    """
    lines = [f"{label:{_LABEL_WIDTH}} {value}" for label, value in head]
    names = distinct([_cut(row.name) for row in rows], taken=())
    widths = [max(8, len(name)) for name in names]
    lines += ["", " " * _LABEL_WIDTH + _joined(names, widths)]
    for figure in measured(rows):
        values = [shown(figure, row) for row in rows]
        lines.append(f"{figure.label:{_LABEL_WIDTH}}" + _joined(values, widths))
    return "\n".join(lines)


def _joined(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(f"  {cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


def _cut(name: str) -> str:
    return name if len(name) <= _MAX_NAME else "…" + name[1 - _MAX_NAME :]


def _is_idle(figure: Figure, row: Scores) -> bool:
    """The truth has no error; grey has no saturation to correct and nothing to correlate with."""
    idle = ("  at the best saturation", "  which is", "ab correlation")
    if row.name == TRUTH:
        return figure.label in (*idle, "ab RMSE / that of grey", "colourfulness / the truth's")
    return row.name == GREY and figure.label in idle
