"""A model against colour photographs: made grey, colorized by the engine, compared with the truth.

What is measured is what a user gets: the engine's 8-bit result at the photograph's own size, with
the model's shipped saturation, mapped into gamut.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vidcolor.color import lightness_to_grey, rgb_to_lab
from vidcolor.engine.image import colorize_still
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.progress import NullProgress, Progress
from vidcolor.evaluation.ab_statistics import AbScores, AbStatistics, colourfulness
from vidcolor.models.colorizer import Colorizer
from vidcolor.types import StillImage

Photo = npt.NDArray[np.uint8]
"""``(H, W, 3)`` RGB."""


@torch.inference_mode()
def evaluate_photos(
    photos: Iterable[Photo],
    model: Colorizer,
    *,
    options: ColorizeOptions | None = None,
    progress: Progress | None = None,
) -> AbScores:
    """Colorize the grey of each photograph and compare ab with the true ab.

    Args:
        photos: colour photographs.
        model: what colorizes.
        options: as for the real run.
        progress: advanced by one per photograph; not started or closed here.

    Returns:
        Scores over all pixels of all photographs.
    """
    options, progress = options or ColorizeOptions(), progress or NullProgress()
    statistics = AbStatistics()
    for photo in photos:
        truth = _as_tensor(photo)
        result = _as_tensor(colorize_still(_grey(truth), model, options).astype(np.uint8))
        pair = [rgb_to_lab(rgb[None] / 255.0)[0, 1:] for rgb in (result, truth)]
        statistics.add(pair[0], pair[1], (colourfulness(result), colourfulness(truth)))
        progress.advance(1)
    return statistics.scores()


def _as_tensor(photo: Photo) -> Tensor:
    """``(3, H, W)`` float32 code values."""
    return torch.from_numpy(photo).permute(2, 0, 1).float()


def _grey(rgb: Tensor) -> StillImage:
    """The grey photograph with the same lightness, in 8 bit."""
    lightness = rgb_to_lab(rgb[None] / 255.0)[0, 0] / 100.0
    codes = (lightness_to_grey(lightness) * 255.0).round().clamp(0.0, 255.0)
    luma = codes.to(torch.uint8).numpy()
    return StillImage(luma=luma, depth=8, alpha=None, format="PNG", has_color=False)
