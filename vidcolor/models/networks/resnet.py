"""ResNet-50 v2 up to stride 16, on one grey channel: the second, deeper encoder of ``large``.

Pre-activation residual units (He et al., 2016, "Identity Mappings in Deep Residual Networks") as in
the ONNX Model Zoo's resnet50-v2-7 (Apache-2.0). Norms that follow a convolution are folded into it;
the one at a unit's head stands before a ReLU and stays as a scale and a shift.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STEM_CHANNELS = 64

_UNITS: tuple[tuple[int, int, int], ...] = ((3, 64, 256), (4, 128, 512), (6, 256, 1024))
"""Units, inner channels and outer channels of the stages at strides 4, 8 and 16."""

RESNET_CHANNELS: tuple[int, int, int] = (256, 512, 1024)
"""Channels of the features at strides 4, 8 and 16."""

GREY_MEAN, GREY_STD = 0.449, 0.226
"""Of sRGB in [0, 1] over ImageNet, its three channels averaged."""


class ResNetEncoder(nn.Module):
    """Stem and stages 1 to 3; returns features at strides 4, 8, 16."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, STEM_CHANNELS, 7, stride=2, padding=3)
        stages, channels = [], STEM_CHANNELS
        for index, (units, inner, outer) in enumerate(_UNITS):
            layers = []
            for unit in range(units):
                stride = 2 if unit == 0 and index > 0 else 1
                layers.append(Unit(channels, inner, outer, stride=stride))
                channels = outer
            stages.append(nn.Sequential(*layers))
        self.stages = nn.ModuleList(stages)

    def forward(self, grey: Tensor) -> list[Tensor]:
        """Features of ``(B, 1, H, W)`` grey, sRGB code less ``GREY_MEAN`` over ``GREY_STD``."""
        x = F.max_pool2d(F.relu(self.stem(grey)), 3, stride=2, padding=1)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


class Unit(nn.Module):
    """``shortcut + expand(relu(mix(relu(reduce(a)))))`` with ``a = relu(norm(x))``."""

    def __init__(self, channels: int, inner: int, outer: int, *, stride: int) -> None:
        super().__init__()
        self.norm = Affine(channels)
        self.reduce = nn.Conv2d(channels, inner, 1)
        self.mix = nn.Conv2d(inner, inner, 3, stride=stride, padding=1)
        self.expand = nn.Conv2d(inner, outer, 1, bias=False)
        changes = channels != outer
        self.down = nn.Conv2d(channels, outer, 1, stride=stride, bias=False) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        """``(B, channels, h, w)`` to ``(B, outer, h/stride, w/stride)``."""
        active = F.relu(self.norm(x))
        shortcut = x if self.down is None else self.down(active)
        y: Tensor = self.expand(F.relu(self.mix(F.relu(self.reduce(active)))))
        return y + shortcut


class Affine(nn.Module):
    """A scale and a shift per channel: what is left of a BatchNorm whose statistics stand."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.shift = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, channels, h, w)``, scaled and shifted, in the dtype that came."""
        return torch.addcmul(self.shift.to(x.dtype), x, self.scale.to(x.dtype))
