"""R'G'B' as outputs are tagged: primaries and curve, by ITU-T H.273 code points.

The network's colours are found as linear BT.709 RGB. Here they become linear RGB of the primaries
that a player is told, so that it shows the colours that were meant. A tag that is missing or not
known counts as BT.709, which is what players assume.

Curves of standard dynamic range (BT.709, BT.601, BT.2020, sRGB, gamma 2.2 and 2.8) are all taken as
the sRGB curve, on the way in and on the way out: these tags name cameras' curves, while players and
screens show all of them by much the same display curve (BT.1886). PQ and HLG are other displays, so
their colours are made by their own curves: the chromaticity that was meant, with the light that the
source's code value stands for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vidcolor.color.curves import HLG, PQ, SRGB, Curve
from vidcolor.color.lab import LUMINANCE, Channels, linear_to_srgb, srgb_to_linear

_Matrix = NDArray[np.float64]

_D65, _C, _DCI = (0.3127, 0.3290), (0.310, 0.316), (0.314, 0.351)
"""White points, CIE xy."""

_PRIMARIES: dict[int, tuple[tuple[float, float], ...]] = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65),
    4: ((0.670, 0.330), (0.210, 0.710), (0.140, 0.080), _C),
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060), _D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _DCI),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}
"""CIE xy of red, green, blue and white (ITU-T H.273, table 2)."""

_CURVES = {16: PQ, 18: HLG}

_BRADFORD = np.array(
    ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
)
"""XYZ to cone responses (Lam, 1985), by which whites are adapted to each other."""


@dataclass(frozen=True, slots=True)
class RgbSpace:
    """What R', G' and B' of an output stand for.

    Attributes:
        from_bt709: linear BT.709 RGB to linear RGB of this space, rows; None changes nothing. Rows
            sum to 1: grey stays grey, whatever the white point.
        luminance: weights of linear R, G and B in relative luminance.
        curve: from code values to light.
    """

    from_bt709: tuple[tuple[float, float, float], ...] | None
    luminance: tuple[float, float, float]
    curve: Curve

    def convert(self, channels: Channels) -> Channels:
        """Linear BT.709 RGB to this space.

        Colours that these primaries can't show lose chroma, in linear light at the same luminance.

        Args:
            channels: each of one shape, in [0, 1].

        Returns:
            R, G and B in [0, 1] but for rounding.
        """
        if self.from_bt709 is None:
            return channels
        red, green, blue = channels
        red, green, blue = (
            (red * row[0]).add_(green, alpha=row[1]).add_(blue, alpha=row[2])
            for row in self.from_bt709
        )
        weights = self.luminance
        grey = (red * weights[0]).add_(green, alpha=weights[1]).add_(blue, alpha=weights[2])
        low = torch.minimum(torch.minimum(red, green), blue)
        high = torch.maximum(torch.maximum(red, green), blue)
        share = torch.minimum(
            grey / (grey - low).clamp_min_(1e-6), (1.0 - grey) / (high - grey).clamp_min_(1e-6)
        ).clamp_(0.0, 1.0)
        red, green, blue = (torch.lerp(grey, channel, share) for channel in (red, green, blue))
        return red, green, blue


def rgb_space(primaries: int, transfer: int) -> RgbSpace:
    """The space of an output that is tagged so.

    Args:
        primaries: H.273 code point.
        transfer: H.273 code point.
    """
    return _space(primaries if primaries in _PRIMARIES else 1, _CURVES.get(transfer, SRGB))


def to_bt709(rgb: Tensor, primaries: int, *, white: float = 1.0) -> Tensor:
    """R'G'B' of some primaries as R'G'B' of BT.709, both with the sRGB curve.

    Args:
        rgb: ``(3, H, W)`` float32 in [0, ``white``].
        primaries: H.273 code point; a missing or unknown one counts as BT.709.
        white: the code value of white.

    Returns:
        The same shape and range, colours that BT.709 can't show clipped; itself for BT.709.
    """
    rows = rgb_space(primaries, 1).from_bt709
    if rows is None:
        return rgb
    back = torch.from_numpy(np.linalg.inv(np.array(rows))).to(rgb)
    linear = torch.einsum("ij,jhw->ihw", back, srgb_to_linear(rgb / white))
    return linear_to_srgb(linear.clamp_(0.0, 1.0)) * white


@lru_cache(maxsize=8)
def _space(primaries: int, curve: Curve) -> RgbSpace:
    if primaries == 1:
        return RgbSpace(None, LUMINANCE, curve)
    to_xyz, white = _rgb_to_xyz(1)
    target_to_xyz, target_white = _rgb_to_xyz(primaries)
    cones = np.diag((_BRADFORD @ target_white) / (_BRADFORD @ white))
    adapted = np.linalg.inv(_BRADFORD) @ cones @ _BRADFORD @ to_xyz
    matrix = np.linalg.solve(target_to_xyz, adapted)
    red, green, blue = (tuple(float(v) for v in row) for row in matrix)
    weights = np.asarray(LUMINANCE) @ np.linalg.inv(matrix)
    return RgbSpace(
        (_three(red), _three(green), _three(blue)), _three(tuple(weights.tolist())), curve
    )


def _three(values: tuple[float, ...]) -> tuple[float, float, float]:
    first, second, third = values
    return first, second, third


def _rgb_to_xyz(primaries: int) -> tuple[_Matrix, _Matrix]:
    """Linear RGB to XYZ, and XYZ of white with Y = 1 (SMPTE RP 177)."""
    columns = np.array([(x / y, 1.0, (1.0 - x - y) / y) for x, y in _PRIMARIES[primaries]]).T
    colours, white = columns[:, :3], columns[:, 3]
    return colours * np.linalg.solve(colours, white), white
