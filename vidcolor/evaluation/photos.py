"""Models against colour photographs: made grey, colorized by the engine, compared with the truth.

What is measured is what a user gets: the engine's 8-bit result at the photograph's own size, with
the model's shipped saturation, mapped into gamut. Nothing is cropped or stretched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vidcolor.color import luma_to_lightness
from vidcolor.engine.image import colorize_still
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.progress import NullProgress, Progress
from vidcolor.evaluation.baselines import CONSTANT, GREY, TRUTH, MeanColour, distinct, painted
from vidcolor.evaluation.measures.perceptual import Backbones
from vidcolor.evaluation.measures.scores import Meter, Scores, Truth, lab_of
from vidcolor.evaluation.report.gallery import Gallery, row
from vidcolor.evaluation.worn import Wear, on_clean_lightness, still_of
from vidcolor.models.colorizer import Colorizer
from vidcolor.types import StillImage

Photo = npt.NDArray[np.uint8]
"""``(H, W, 3)`` RGB."""

Photos = Callable[[], Iterable[tuple[str, Photo]]]
"""Gives names and photographs, from the start whenever it is called."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A model under the name that the table shows."""

    name: str
    model: Colorizer


@torch.inference_mode()
def evaluate_photos(
    photos: Photos,
    contenders: Sequence[Contender],
    *,
    options: ColorizeOptions | None = None,
    backbones: Backbones | None = None,
    wear: Wear | None = None,
    gallery: Gallery | None = None,
    progress: Progress | None = None,
) -> list[Scores]:
    """Colorize the grey of each photograph and compare the result with it.

    Two passes, one photograph in memory at a time: the first finds the best single colour.

    Args:
        photos: colour photographs.
        contenders: what colorizes.
        options: as for the real run.
        backbones: for LPIPS, FID and KID.
        wear: wears the grey photographs first; the colours found are compared on the lightness
            of the truth.
        gallery: keeps pictures for the report.
        progress: started for each pass and advanced by one per photograph; not closed here.

    Returns:
        One row each for grey, the best constant ab, and the contenders.
    """
    options, progress = options or ColorizeOptions(), progress or NullProgress()
    mean = _first_pass(photos, progress)
    names = (GREY, CONSTANT, *distinct([c.name for c in contenders]))
    meters = [Meter(name, backbones) for name in names]
    exact = {GREY: (0.0, 0.0), CONSTANT: mean.ab}
    progress.start(mean.pictures, "photos", "measuring")
    for name, photo in photos():
        truth = Truth(as_planes(photo), backbones)
        grey = grey_of(truth.rgb)
        seen = grey if wear is None else wear.grey(truth.rgb, name)
        made = [as_planes(colorize_still(seen, c.model, options)) for c in contenders]
        if wear is not None:
            made = [on_clean_lightness(each, truth.lab[0] / 100.0) for each in made]
        results = [*_baselines(grey, mean.ab), *made]
        for meter, result in zip(meters, results, strict=True):
            meter.add(result, truth, exact_ab=exact.get(meter.name))
        if gallery is not None:
            versions = [(GREY, as_grey_planes(seen)), *zip(names[2:], made, strict=True)]
            shown = [*versions, (TRUTH, truth.rgb)]
            gallery.offer(lambda name=name, shown=shown: row(name, shown))  # type: ignore[misc]
        progress.advance(1)
    return [meter.scores() for meter in meters]


def _first_pass(photos: Photos, progress: Progress) -> MeanColour:
    mean = MeanColour()
    progress.start(None, "photos", "reading")
    for _, photo in photos():
        mean.add(as_planes(photo))
        progress.advance(1)
    return mean


def _baselines(grey: StillImage, ab: tuple[float, float]) -> list[Tensor]:
    lightness = luma_to_lightness(torch.from_numpy(grey.luma), depth=8, full_range=True)
    return [painted(lightness, colour) for colour in ((0.0, 0.0), ab)]


def as_planes(photo: npt.NDArray[np.generic]) -> Tensor:
    """``(H, W, 3)`` to ``(3, H, W)`` float32 code values."""
    return torch.from_numpy(photo.astype(np.uint8, copy=False)).permute(2, 0, 1).float()


def grey_of(rgb: Tensor) -> StillImage:
    """The grey photograph with the same lightness, in 8 bit, of ``(3, H, W)`` code values."""
    return still_of(lab_of(rgb)[0] / 100.0)


def as_grey_planes(still: StillImage) -> Tensor:
    """``(3, H, W)`` float32 code values of a grey photograph of 8 bit."""
    return torch.from_numpy(still.luma).float().expand(3, -1, -1)
