"""Figures of one picture against its truth: PSNR, SSIM, masked SSIM, histogram similarity.

All take RGB code values ``(3, H, W)`` in [0, 255] of any dtype and compute in float64: differences
of uint8 wrap around, which has put PSNR 3 to 11 dB too high in published tables.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_Array = npt.NDArray[np.float64]

SSIM_WINDOW: int = 7
"""Side of the uniform window, as in scikit-image; Wang et al. also allow a Gaussian one."""

HISTOGRAM_BINS: int = 8
"""Bins per channel of the joint histogram: 512 in all."""

BEST_PSNR_DB: float = 100.0
"""What identical pictures get, so that one of them doesn't make a mean infinite."""

_C1, _C2 = (0.01 * 255.0) ** 2, (0.03 * 255.0) ** 2


def psnr(rgb: Tensor, truth: Tensor) -> float:
    """Peak signal to noise ratio in dB, peak 255, error pooled over the three channels."""
    error = float((rgb.double() - truth.double()).square().mean())
    if error == 0.0:
        return BEST_PSNR_DB
    return min(10.0 * math.log10(255.0**2 / error), BEST_PSNR_DB)


def ssim_map(rgb: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity around each pixel (Wang et al. 2004), mean of the three channels.

    Uniform window of 7 pixels, sample covariance, K1 0.01, K2 0.03: what scikit-image's
    ``structural_similarity(channel_axis=2)`` does.

    Returns:
        ``(H - 6, W - 6)`` float64: only where the window lies inside the picture.

    Raises:
        ValueError: if a side is shorter than the window.
    """
    if min(rgb.shape[-2:]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs pictures of {SSIM_WINDOW} pixels at least")
    x, y = (image.double().permute(1, 2, 0).cpu().numpy() for image in (rgb, truth))
    mean_x, mean_y, xx, yy, xy = (_window_mean(each) for each in (x, y, x * x, y * y, x * y))
    sample = SSIM_WINDOW**2 / (SSIM_WINDOW**2 - 1.0)
    var_x, var_y = sample * (xx - mean_x**2), sample * (yy - mean_y**2)
    covariance = sample * (xy - mean_x * mean_y)
    above = (2.0 * mean_x * mean_y + _C1) * (2.0 * covariance + _C2)
    below = (mean_x**2 + mean_y**2 + _C1) * (var_x + var_y + _C2)
    return torch.from_numpy((above / below).mean(axis=2))


def masked_mean(values: Tensor, mask: Tensor) -> float:
    """Mean of an SSIM map where a mask of the whole picture says so; NaN where it says nothing.

    Args:
        values: ``(H - 6, W - 6)`` from ``ssim_map``.
        mask: ``(H, W)`` bool.
    """
    edge = SSIM_WINDOW // 2
    inside = mask[edge:-edge, edge:-edge]
    return float(values[inside].mean()) if bool(inside.any()) else math.nan


def histogram_similarity(rgb: Tensor, truth: Tensor) -> float:
    """Histogram intersection (Swain and Ballard 1991), 1 for the same colours in the same shares.

    Joint histograms of R, G and B with 8 bins each; where in the picture a colour is does not
    matter.
    """
    return float(torch.minimum(_joint_histogram(rgb), _joint_histogram(truth)).sum())


def _window_mean(values: _Array) -> _Array:
    """Means over all windows inside ``(H, W, 3)``; OpenCV's running sums, for speed."""
    edge = SSIM_WINDOW // 2
    means = cv2.blur(values, (SSIM_WINDOW, SSIM_WINDOW))
    return np.asarray(means, dtype=np.float64)[edge:-edge, edge:-edge]


def _joint_histogram(rgb: Tensor) -> Tensor:
    codes = rgb.round() if rgb.is_floating_point() else rgb
    picture = codes.clamp(0, 255).byte().permute(1, 2, 0).cpu().contiguous().numpy()
    counts = cv2.calcHist([picture], [0, 1, 2], None, [HISTOGRAM_BINS] * 3, [0.0, 256.0] * 3)
    return torch.from_numpy(counts).double() / picture[..., 0].size
