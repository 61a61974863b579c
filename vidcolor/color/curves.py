"""Transfer curves of outputs: code values in [0, 1] to light relative to its maximum, and back.

Sources: IEC 61966-2-1 (sRGB), ITU-R BT.2100 (PQ, HLG).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vidcolor.color.lab import linear_to_srgb, power_of, srgb_to_linear


@dataclass(frozen=True, slots=True)
class Curve:
    """A monotone curve; both functions take and return float32 tensors of any shape.

    Attributes:
        to_linear: code values to light.
        from_linear: light to code values.
    """

    to_linear: Callable[[Tensor], Tensor]
    from_linear: Callable[[Tensor], Tensor]


_TINY = 1e-12

_M1, _M2 = 2610.0 / 16384.0, 2523.0 / 4096.0 * 128.0
_C1, _C2, _C3 = 3424.0 / 4096.0, 2413.0 / 4096.0 * 32.0, 2392.0 / 4096.0 * 32.0

_A, _B, _C = 0.17883277, 0.28466892, 0.55991073


def _pq_to_linear(code: Tensor) -> Tensor:
    root = power_of(code.clamp_min(_TINY), 1.0 / _M2)
    return power_of((root - _C1).clamp_min_(_TINY).div_(_C2 - _C3 * root), 1.0 / _M1)


def _linear_to_pq(light: Tensor) -> Tensor:
    root = power_of(light.clamp_min(_TINY), _M1)
    return power_of((root * _C2 + _C1).div_(root * _C3 + 1.0), _M2)


def _hlg_to_linear(code: Tensor) -> Tensor:
    high = (code.clamp_min(0.5).sub_(_C).div_(_A).exp_() + _B) / 12.0
    return torch.where(code > 0.5, high, code.clamp(0.0, 0.5).square_().div_(3.0))


def _linear_to_hlg(light: Tensor) -> Tensor:
    high = (light.clamp_min(1.0 / 12.0) * 12.0 - _B).log_().mul_(_A).add_(_C)
    return torch.where(light > 1.0 / 12.0, high, (light.clamp(0.0, 1.0 / 12.0) * 3.0).sqrt_())


SRGB = Curve(srgb_to_linear, linear_to_srgb)
"""Stands for all curves of standard dynamic range; see ``vidcolor.color.spaces``."""

PQ = Curve(_pq_to_linear, _linear_to_pq)
"""Light is relative to 10,000 cd/m2."""

HLG = Curve(_hlg_to_linear, _linear_to_hlg)
"""Light is the scene's. The display's is the same colour with luminance to the power of 1.2, so
what has the scene luminance and chromaticity of a grey or a colour has the display's too."""
