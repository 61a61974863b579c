"""Crops, and lightness that looks like film; colour is never touched."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.training.photos import Photo


def random_crop(
    photo: Photo, size: int, scale: tuple[float, float], rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """A square crop of the photograph enlarged by a random factor, flipped half of the time.

    Args:
        photo: ``(H, W, 3)`` RGB.
        size: side of the result in pixels.
        scale: smallest and largest enlargement; never more of the picture than there is.
        rng: source of chance.

    Returns:
        ``(size, size, 3)`` RGB.
    """
    height, width = photo.shape[:2]
    factor = float(np.exp(rng.uniform(np.log(scale[0]), np.log(scale[1]))))
    side = int(min(round(size / factor), height, width))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    part = photo[top : top + side, left : left + side]
    shrinks = side > size
    crop = cv2.resize(
        part, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    ).astype(np.uint8, copy=False)
    return crop[:, ::-1] if rng.random() < 0.5 else crop


def film_like(lightness: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Make modern lightness look filmed: tone curve, fading, blur, vignette, grain.

    Args:
        lightness: ``(B, 1, H, W)`` float32, L*/100 in [0, 1].
        strength: 0 leaves it alone, 1 is an old worn reel.
        generator: source of chance, on the CPU.

    Returns:
        The same shape, in [0, 1].
    """
    if strength <= 0:
        return lightness
    device, batch = lightness.device, lightness.shape[0]

    def chance(low: float, high: float) -> Tensor:
        u = torch.rand(batch, 1, 1, 1, generator=generator)
        return (low + (high - low) * u).to(device)

    x = lightness.clamp(0.0, 1.0).pow(torch.exp(chance(-0.45, 0.45) * strength))
    black, white = chance(0.0, 0.12) * strength, 1.0 - chance(0.0, 0.15) * strength
    x = black + x * (white - black)
    x = _sometimes(_blur(x), x, chance, 0.3 * strength)
    x = x * _vignette(x, chance(0.0, 0.35) * strength)
    grain = torch.randn(x.shape, generator=generator).to(device)
    grain = torch.lerp(grain, _blur(grain) * 2.0, chance(0.0, 1.0))
    return (x + grain * chance(0.0, 0.06) * strength).clamp(0.0, 1.0)


def _sometimes(changed: Tensor, plain: Tensor, chance: object, probability: float) -> Tensor:
    pick = chance(0.0, 1.0) < probability  # type: ignore[operator]
    return torch.where(pick, changed, plain)


def _blur(x: Tensor) -> Tensor:
    taps = torch.tensor([0.25, 0.5, 0.25], device=x.device)
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    return F.conv2d(F.conv2d(padded, taps.view(1, 1, 1, 3)), taps.view(1, 1, 3, 1))


def _vignette(x: Tensor, amount: Tensor) -> Tensor:
    height, width = x.shape[-2:]
    v = torch.linspace(-1.0, 1.0, height, device=x.device).view(1, 1, -1, 1)
    h = torch.linspace(-1.0, 1.0, width, device=x.device).view(1, 1, 1, -1)
    return 1.0 - amount * (v * v + h * h) / 2.0
