"""All figures of pictures against their truths, collected one pair at a time."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vidcolor.color import rgb_to_lab
from vidcolor.evaluation.measures.ab_statistics import AbScores, AbStatistics, colourfulness
from vidcolor.evaluation.measures.ciede2000 import ciede2000
from vidcolor.evaluation.measures.kernel_distance import KernelDistance
from vidcolor.evaluation.measures.metrics import (
    SSIM_WINDOW,
    histogram_similarity,
    masked_mean,
    psnr,
    ssim_map,
)
from vidcolor.evaluation.measures.mistakes import Mistakes, MistakeScores
from vidcolor.evaluation.measures.perceptual import Backbones, FidMeter
from vidcolor.evaluation.measures.stability import Mean

MIN_CHROMA: float = 10.0
"""Lab chroma of the truth from which a pixel counts as coloured, for masked SSIM."""

MIN_COLOURFULNESS: float = 5.0
"""Of the truth, from which the ratio of a single picture means something; 15 is slight colour."""


@dataclass(frozen=True, slots=True)
class Scores:
    """One row of the table.

    Attributes:
        name: of the model or baseline.
        ab: error, correlation and colourfulness, pooled over all pixels.
        mistakes: false and missing colour, unevenness, error of scene and layout, pooled too.
        psnr: dB, RGB; mean over pictures, as all below.
        ssim: structural similarity of RGB.
        ssim_masked: the same where the truth is coloured.
        ciede2000: mean colour difference.
        histogram: intersection of joint RGB histograms.
        colourfulness_each: result over truth, mean over pictures that aren't nearly grey.
        lpips: NaN where it wasn't measured.
        fid: of all pictures together; NaN where it wasn't measured.
        kid: the same.
        cdc: colour distribution consistency; this and those below are NaN for stills.
        warp_error: squared distance in RGB [0, 1] along the motion.
        chroma_warp_error: the same in Lab ab, one frame apart.
        drift: the same, twenty frames apart.
    """

    name: str
    ab: AbScores
    mistakes: MistakeScores = MistakeScores()
    psnr: float = math.nan
    ssim: float = math.nan
    ssim_masked: float = math.nan
    ciede2000: float = math.nan
    histogram: float = math.nan
    colourfulness_each: float = math.nan
    lpips: float = math.nan
    fid: float = math.nan
    kid: float = math.nan
    cdc: float = math.nan
    warp_error: float = math.nan
    chroma_warp_error: float = math.nan
    drift: float = math.nan

    def flat(self) -> dict[str, Any]:
        """All figures by name, for JSON: None in place of NaN and infinity."""
        figures = dataclasses.asdict(self)
        pooled = figures.pop("ab") | figures.pop("mistakes")
        ratio = {"colourfulness_ratio": self.ab.colourfulness_ratio}
        return {name: _finite(v) for name, v in {**figures, **pooled, **ratio}.items()}


class Truth:
    """A true picture and what is worked out from it once, for all contenders.

    Attributes:
        rgb: ``(3, H, W)`` float32 code values in [0, 255].
        lab: ``(3, H, W)`` float32.
        colourfulness: of Hasler and Suesstrunk.
        coloured: ``(H, W)`` bool.
        features: for FID, None without.
        kid_features: for KID, None without.
    """

    def __init__(self, rgb: Tensor, backbones: Backbones | None = None) -> None:
        self.rgb = rgb
        self.lab = lab_of(rgb)
        self.colourfulness = colourfulness(rgb)
        self.coloured = torch.hypot(self.lab[1], self.lab[2]) >= MIN_CHROMA
        fid = backbones.fid if backbones else None
        self.features = None if fid is None else fid(_bytes(rgb))
        kid = backbones.kid if backbones else None
        self.kid_features = None if kid is None else kid(rgb[None])


class Meter:
    """Collects the figures of one contender; of the truth only what it has by itself."""

    def __init__(
        self, name: str, backbones: Backbones | None = None, *, is_truth: bool = False
    ) -> None:
        self.name = name
        self._is_truth = is_truth
        self._backbones = backbones or Backbones()
        self._ab, self._mistakes = AbStatistics(), Mistakes()
        names = (
            "psnr", "ssim", "ssim_masked", "ciede2000", "histogram", "colourfulness_each", "lpips",
        )  # fmt: skip
        self._means = {name: Mean() for name in names}
        self._fid = FidMeter() if self._backbones.fid and not is_truth else None
        self._kid = KernelDistance() if self._backbones.kid and not is_truth else None

    def add(
        self, rgb: Tensor, truth: Truth, *, exact_ab: tuple[float, float] | None = None
    ) -> Tensor:
        """Compare one picture.

        Args:
            rgb: ``(3, H, W)`` float32 code values in [0, 255].
            truth: of it.
            exact_ab: the one colour that was meant, where RGB has no room for it everywhere.

        Returns:
            Its Lab, ``(3, H, W)``.
        """
        lab = lab_of(rgb)
        if exact_ab is not None:
            lab[1:] = torch.tensor(exact_ab).view(2, 1, 1)
        colour = colourfulness(rgb)
        self._ab.add(lab[1:], truth.lab[1:], (colour, truth.colourfulness))
        if not self._is_truth:
            self._mistakes.add(lab[1:], truth.lab[1:])
            if truth.colourfulness >= MIN_COLOURFULNESS:
                self._means["colourfulness_each"].add(colour / truth.colourfulness)
            self._compare(rgb, lab_of(rgb) if exact_ab else lab, truth)
        return lab

    def _compare(self, rgb: Tensor, lab: Tensor, truth: Truth) -> None:
        means = self._means
        means["psnr"].add(psnr(rgb, truth.rgb))
        means["ciede2000"].add(float(ciede2000(lab, truth.lab).mean()))
        means["histogram"].add(histogram_similarity(rgb, truth.rgb))
        if min(rgb.shape[-2:]) >= SSIM_WINDOW:
            similarity = ssim_map(rgb, truth.rgb)
            means["ssim"].add(float(similarity.mean()))
            means["ssim_masked"].add(masked_mean(similarity, truth.coloured))
        self._add_perceptual(rgb, truth)

    def _add_perceptual(self, rgb: Tensor, truth: Truth) -> None:
        lpips, fid = self._backbones.lpips, self._backbones.fid
        if lpips is not None and min(rgb.shape[-2:]) >= 64:  # AlexNet's strides want that much
            pair = ((x / 255.0).clamp(0.0, 1.0)[None] for x in (rgb, truth.rgb))
            self._means["lpips"].add(float(lpips(*pair)))
        if fid is not None and self._fid is not None and truth.features is not None:
            self._fid.add(fid(_bytes(rgb)), truth.features)
        kid = self._backbones.kid
        if kid is not None and self._kid is not None and truth.kid_features is not None:
            self._kid.add(kid(rgb[None]), truth.kid_features)

    def scores(self, **stability: float) -> Scores:
        """The figures so far; ``stability`` adds those of films."""
        return Scores(
            name=self.name,
            ab=self._ab.scores(),
            mistakes=self._mistakes.scores(),
            kid=self._kid.value if self._kid else math.nan,
            fid=self._fid.value if self._fid else math.nan,
            **{name: mean.value for name, mean in self._means.items()},
            **stability,
        )


def mean_scores(rows: list[Scores]) -> Scores:
    """The row of several films: each film counts the same, whatever its length."""
    first = rows[0]

    def mean(of: list[Any], name: str) -> float:
        total = Mean()
        for each in of:
            total.add(float(getattr(each, name)))
        return total.value

    of_ab = [row.ab for row in rows]
    means = {f.name: mean(of_ab, f.name) for f in dataclasses.fields(AbScores)[1:]}
    ab = AbScores(pictures=sum(each.pictures for each in of_ab), **means)
    of_mistakes = [row.mistakes for row in rows]
    mistakes = MistakeScores(
        **{f.name: mean(of_mistakes, f.name) for f in dataclasses.fields(MistakeScores)}
    )
    shared = ("name", "ab", "mistakes")
    own = [f.name for f in dataclasses.fields(Scores) if f.name not in shared]
    return Scores(
        name=first.name, ab=ab, mistakes=mistakes, **{name: mean(rows, name) for name in own}
    )


def lab_of(rgb: Tensor) -> Tensor:
    """``(3, H, W)`` code values in [0, 255] to Lab."""
    return rgb_to_lab(rgb[None] / 255.0)[0]


def _bytes(rgb: Tensor) -> Tensor:
    return rgb.round().clamp(0.0, 255.0).byte()[None]


def _finite(value: Any) -> Any:  # noqa: ANN401
    return None if isinstance(value, float) and not math.isfinite(value) else value
