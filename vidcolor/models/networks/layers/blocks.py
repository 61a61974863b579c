"""Layers and numbers that several networks share."""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

AB_SCALE: Final = 110.0
"""Unit of regression heads: their outputs times this are ab."""

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
"""Mean of ImageNet's sRGB values in [0, 1], which networks trained on it expect to be taken off."""

IMAGENET_STD: Final = (0.229, 0.224, 0.225)
"""Their standard deviation."""


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME: at stride 2, less before than after.

    Attributes:
        border: what ``forward`` pads by itself (left, right, top, bottom), in pixels, if anything.
    """

    def __init__(
        self, channels: int, out: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(channels, out, kernel, stride=stride, padding=padding, groups=groups)
        before, after = (kernel - 2) // 2, (kernel - 1) // 2
        self.border = (before, after, before, after) if stride == 2 else None

    def forward(self, x: Tensor) -> Tensor:
        """As ``nn.Conv2d``, for even sizes at stride 2."""
        if self.border is not None:
            x = F.pad(x, self.border)
        if self.groups > 1 and self.training and x.device.type == "cpu":
            # oneDNN's bfloat16 gradient of a depthwise convolution takes 5 times float32's.
            with torch.autocast("cpu", enabled=False):
                return super().forward(x.float()).to(x.dtype)
        return super().forward(x)


class ConvNorm(nn.Sequential):
    """3x3 convolution, BatchNorm, ReLU."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(
            nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()
        )
