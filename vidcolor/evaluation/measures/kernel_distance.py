"""Kernel distance (KID) between results and true pictures, on an ImageNet encoder's features.

Binkowski et al., "Demystifying MMD GANs" (ICLR 2018): the squared maximum mean discrepancy of
features under the kernel ``(x y / d + 1)^3``. It needs no thousands of pictures as FID does, for
its estimate has no bias. Results and truths come in pairs of one photograph, which aren't
independent, so pairs are left out of the cross term too: Gretton et al., "A Kernel Two-Sample Test"
(JMLR 2012), lemma 6, the estimate for as many of one as of the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MIN_PICTURES: int = 2
"""A U-statistic needs two; differences below some hundred pictures are chance."""

_MULTIPLE_PX = 32
_STRIDES_USED = slice(1, None)  # 8, 16 and 32 of 4 to 32: what is where, not single pixels
_FEATURE_SCALE = 1.0 / 16.0  # the encoder's features have an rms of 9 to 14


class KernelDistance:
    """Collects features of pairs."""

    def __init__(self) -> None:
        self._results: list[Tensor] = []
        self._truths: list[Tensor] = []

    def add(self, result: Tensor, truth: Tensor) -> None:
        """Take the features of a pair, ``(1, C)`` each."""
        self._results.append(result.cpu())
        self._truths.append(truth.cpu())

    @property
    def value(self) -> float:
        """The estimate, which may be below 0; NaN for fewer than two pictures."""
        if len(self._results) < MIN_PICTURES:
            return math.nan
        return kernel_distance(torch.cat(self._results), torch.cat(self._truths))


def kernel_distance(results: Tensor, truths: Tensor) -> float:
    """Unbiased squared maximum mean discrepancy of paired samples.

    Args:
        results: ``(N, C)``, N at least 2.
        truths: ``(N, C)``.
    """
    x, y = results.double(), truths.double()
    within, among, across = _kernel(x, x), _kernel(y, y), _kernel(x, y)
    total = _off_diagonal(within) + _off_diagonal(among) - 2.0 * _off_diagonal(across)
    return total / (len(x) * (len(x) - 1))


def pooled_features(backbone: nn.Module) -> Callable[[Tensor], Tensor]:
    """Mean and standard deviation over the picture of a backbone's features at strides 8 to 32.

    Args:
        backbone: ``(B, 3, H, W)`` sRGB in [0, 1], sides multiples of 32, to features at strides 4
            to 32.

    Returns:
        ``(B, 3, H, W)`` code values in [0, 255] to ``(B, C)`` float32.
    """

    @torch.inference_mode()
    def features(rgb: Tensor) -> Tensor:
        size = [max(1, round(n / _MULTIPLE_PX)) * _MULTIPLE_PX for n in rgb.shape[-2:]]
        seen = F.interpolate(rgb.float() / 255.0, size=size, mode="bilinear", antialias=True)
        maps = [each.flatten(2) * _FEATURE_SCALE for each in backbone(seen)[_STRIDES_USED]]
        deviations = [m.std(dim=2, correction=0) for m in maps]
        return torch.cat([*(m.mean(dim=2) for m in maps), *deviations], dim=1)

    return features


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1.0) ** 3


def _off_diagonal(values: Tensor) -> float:
    return float(values.sum() - values.diagonal().sum())
