"""sRGB <-> CIE Lab (D65, 2 degrees), the same constants as scikit-image.

Sources: IEC 61966-2-1 (sRGB), CIE 15:2004 (Lab).
"""

from __future__ import annotations

import torch
from torch import Tensor

WHITE_D65: tuple[float, float, float] = (0.95047, 1.0, 1.08883)
"""Reference white, XYZ with Y = 1."""

RGB_TO_XYZ: tuple[tuple[float, float, float], ...] = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)

LUMINANCE: tuple[float, float, float] = RGB_TO_XYZ[1]
"""Weights of linear R, G, B in relative luminance Y."""

_EPSILON = 0.008856  # below it, CIE's curve is a straight line
_SLOPE = 7.787
_OFFSET = 16.0 / 116.0
_F_EPSILON = 0.2068966  # CIE's function at _EPSILON; the line keeps darker values finite


Channels = tuple[Tensor, Tensor, Tensor]
"""Red, green and blue, as tensors of one shape."""

# The curves below have no branches: on CPUs ``where`` costs ten times as much as clamping. Values
# below the knee are clamped to it, and the straight part is added. Temporaries are reused.


def power_of(base: Tensor, exponent: float) -> Tensor:
    """``base ** exponent`` for base > 0: by exp and log, ten times as fast as pow on CPUs."""
    return base.log().mul_(exponent).exp_()


def srgb_to_linear(value: Tensor) -> Tensor:
    """Code values of sRGB to linear light, any shape, float32; values below 0 continue the line."""
    bent = value.clamp_min(0.04045)
    below = value - bent
    curve = bent.add_(0.055).div_(1.055).log_().mul_(2.4).exp_()
    return curve.add_(below, alpha=1.0 / 12.92)


def linear_to_srgb(value: Tensor) -> Tensor:
    """Linear light to sRGB code values, any shape, float32; values below 0 continue the line."""
    bent = value.clamp_min(0.0031308)
    below = value - bent
    curve = bent.log_().mul_(1.0 / 2.4).exp_().mul_(1.055).sub_(0.055)
    return curve.add_(below, alpha=12.92)


def luminance_to_lightness(luminance: Tensor) -> Tensor:
    """Relative luminance Y in [0, 1] to L*/100 in [0, 1]."""
    return (116.0 * _cie_f(luminance) - 16.0) / 100.0


def lightness_to_luminance(lightness: Tensor) -> Tensor:
    """L*/100 in [0, 1] to relative luminance Y in [0, 1]."""
    return cie_f_inverse((lightness * 100.0 + 16.0) / 116.0)


def grey_to_lightness(grey: Tensor) -> Tensor:
    """SRGB grey code values in [0, 1] to L*/100 in [0, 1]."""
    return luminance_to_lightness(srgb_to_linear(grey))


def lightness_to_grey(lightness: Tensor) -> Tensor:
    """L*/100 in [0, 1] to the sRGB grey code value in [0, 1] that has this lightness."""
    return linear_to_srgb(lightness_to_luminance(lightness))


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """SRGB to Lab.

    Args:
        rgb: ``(B, 3, H, W)`` float32 code values in [0, 1].

    Returns:
        ``(B, 3, H, W)`` float32: L* in [0, 100], a* and b*.
    """
    linear = srgb_to_linear(rgb)
    x, y, z = (
        _cie_f(_mix(linear, row) / white) for row, white in zip(RGB_TO_XYZ, WHITE_D65, strict=True)
    )
    return torch.cat((116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)), dim=1)


def lab_to_linear(lightness: Tensor, ab: Tensor) -> Tensor:
    """Lab to linear RGB, unclipped: values outside [0, 1] are colours outside sRGB.

    Args:
        lightness: ``(B, 1, H, W)`` float32, L*/100.
        ab: ``(B, 2, H, W)`` float32.

    Returns:
        ``(B, 3, H, W)`` float32 linear light.
    """
    return torch.cat(channels_to_linear(lightness, ab[:, 0:1], ab[:, 1:2]), dim=1)


def channels_to_linear(lightness: Tensor, a: Tensor, b: Tensor) -> Channels:
    """As ``lab_to_linear``, for L*/100, a and b of one shape, whatever it is."""
    fy = (lightness * 100.0).add_(16.0).div_(116.0)
    x = cie_f_inverse(torch.add(fy, a, alpha=1.0 / 500.0))
    z = cie_f_inverse(torch.add(fy, b, alpha=-1.0 / 200.0))
    y = cie_f_inverse(fy)
    red, green, blue = (
        (x * row[0]).add_(y, alpha=row[1]).add_(z, alpha=row[2]) for row in WHITE_XYZ_TO_RGB
    )
    return red, green, blue


def lab_to_rgb(lab: Tensor) -> Tensor:
    """Lab ``(B, 3, H, W)`` to sRGB code values ``(B, 3, H, W)``, float32, not clipped."""
    return linear_to_srgb(lab_to_linear(lab[:, 0:1] / 100.0, lab[:, 1:3]))


def _cie_f(t: Tensor) -> Tensor:
    cube_root = power_of(t.clamp_min(_EPSILON), 1.0 / 3.0)
    return torch.where(t > _EPSILON, cube_root, t * _SLOPE + _OFFSET)


def cie_f_inverse(f: Tensor) -> Tensor:
    """X, Y or Z relative to the white's, from CIE's function of it; any shape."""
    bent = f.clamp_min(_F_EPSILON)
    below = f - bent
    return (bent * bent).mul_(bent).add_(below, alpha=1.0 / _SLOPE)


def _mix(channels: Tensor, row: tuple[float, ...]) -> Tensor:
    # Three multiply-adds: a 1x1 convolution would fall under TF32 on some GPUs.
    return channels[:, 0:1] * row[0] + channels[:, 1:2] * row[1] + channels[:, 2:3] * row[2]


def _invert(matrix: tuple[tuple[float, float, float], ...]) -> tuple[tuple[float, ...], ...]:
    inverse = torch.linalg.inv(torch.tensor(matrix, dtype=torch.float64))
    return tuple(tuple(float(v) for v in row) for row in inverse)


XYZ_TO_RGB: tuple[tuple[float, ...], ...] = _invert(RGB_TO_XYZ)

WHITE_XYZ_TO_RGB: tuple[tuple[float, ...], ...] = tuple(
    tuple(v * w for v, w in zip(row, WHITE_D65, strict=True)) for row in XYZ_TO_RGB
)
"""From XYZ relative to the white's."""
