"""What a colorizer must beat: no colour at all, and one colour everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, count

import torch
from torch import Tensor

from vidcolor.color import join_rgb
from vidcolor.evaluation.measures.scores import lab_of

TRUTH: str = "truth"
GREY: str = "grey"
CONSTANT: str = "best constant ab"


BASELINES: tuple[str, str, str] = (TRUTH, GREY, CONSTANT)


def distinct(names: Sequence[str], taken: Sequence[str] = BASELINES) -> list[str]:
    """Names that tell competitors apart, also from the baselines: a second "x" is "x (2)"."""
    used, result = set(taken), []
    for name in names:
        tries = (f"{name} ({number})" for number in count(2))
        result.append(next(each for each in chain((name,), tries) if each not in used))
        used.add(result[-1])
    return result


class MeanColour:
    """The mean ab over all pixels: of all single colours the one with the least squared error."""

    def __init__(self) -> None:
        self._sum = torch.zeros(2, dtype=torch.float64)
        self._pixels = 0
        self.pictures = 0

    def add(self, rgb: Tensor) -> None:
        """Take a true picture, ``(3, H, W)`` code values in [0, 255]."""
        ab = lab_of(rgb)[1:]
        self._sum += ab.double().sum(dim=(1, 2)).cpu()
        self._pixels += ab[0].numel()
        self.pictures += 1

    @property
    def ab(self) -> tuple[float, float]:
        """Lab a and b; 0, 0 of nothing."""
        a, b = (self._sum / max(self._pixels, 1)).tolist()
        return a, b


def mean_colour(pictures: Iterable[Tensor]) -> MeanColour:
    """Of all pictures handed in."""
    mean = MeanColour()
    for picture in pictures:
        mean.add(picture)
    return mean


def painted(lightness: Tensor, ab: tuple[float, float]) -> Tensor:
    """A picture in one colour, mapped into gamut as the engine does it.

    Args:
        lightness: ``(H, W)`` L*/100.
        ab: the colour; 0, 0 is grey.

    Returns:
        ``(3, H, W)`` float32 whole code values in [0, 255].
    """
    plane = torch.tensor(ab, dtype=torch.float32).view(1, 2, 1, 1)
    colour = plane.expand(1, 2, *lightness.shape).contiguous()
    return join_rgb(lightness[None, None], colour, depth=8)[0].float()
