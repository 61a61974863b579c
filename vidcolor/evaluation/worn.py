"""Photographs worn like old film, as training wears them, for measuring."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vidcolor.color import join_rgb, lightness_to_grey
from vidcolor.data.stock import draw_weights, lightness_on_stock
from vidcolor.data.wear import film_like
from vidcolor.errors import OptionError
from vidcolor.evaluation.measures.scores import lab_of
from vidcolor.types import StillImage

ORTHOCHROMATIC_SHARE: float = 0.2
"""Of the pictures, whose lightness is that of a stock that hardly sees red."""


@dataclass(frozen=True, slots=True)
class Wear:
    """How photographs are worn before they are colorized.

    A picture's wear depends on the seed and its name alone, so it is the same among others, and
    for every model.

    Attributes:
        strength: above 0, up to 1; see ``film_like``.
        seed: another one wears every picture otherwise.

    Raises:
        OptionError: the strength isn't in that range.
    """

    strength: float
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.strength <= 1:
            raise OptionError(
                f"must be above 0 and at most 1, got {self.strength}", option="strength"
            )

    def grey(self, rgb: Tensor, name: str) -> StillImage:
        """The worn grey photograph, 8 bit.

        Args:
            rgb: ``(3, H, W)`` float32 code values in [0, 255].
            name: of the photograph.
        """
        key = zlib.crc32(name.encode("utf-8", "surrogateescape"))
        rng = np.random.default_rng((self.seed, key))
        if rng.random() < ORTHOCHROMATIC_SHARE:
            codes = rgb.round().clamp(0.0, 255.0).byte().permute(1, 2, 0).contiguous().numpy()
            lightness = lightness_on_stock(codes, draw_weights(rng))
        else:
            lightness = (lab_of(rgb)[0] / 100.0).numpy()
        worn = film_like(lightness, self.strength, rng).lightness
        return still_of(torch.from_numpy(worn))


def still_of(lightness: Tensor) -> StillImage:
    """The grey photograph of ``(H, W)`` float32 L*/100, in 8 bit."""
    codes = (lightness_to_grey(lightness) * 255.0).round().clamp(0.0, 255.0)
    luma = codes.to(torch.uint8).numpy()
    return StillImage(luma=luma, depth=8, alpha=None, format="PNG", has_color=False)


def on_clean_lightness(result: Tensor, lightness: Tensor) -> Tensor:
    """A worn picture's result with its colours put onto the unworn lightness.

    So every figure compares colours only; how far wear changes lightness is no merit of a model.

    Args:
        result: ``(3, H, W)`` code values in [0, 255].
        lightness: ``(H, W)`` float32, L*/100, of the truth.

    Returns:
        ``(3, H, W)`` float32 whole code values in [0, 255], in gamut as the engine does it.
    """
    ab = lab_of(result)[1:]
    return join_rgb(lightness[None, None], ab[None], depth=8)[0].float()
