"""Blocks of DeOldify's networks with packed convolutions, see ``packed``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidcolor.models.networks.layers.packed import PackedConv

if TYPE_CHECKING:
    from vidcolor.models.networks.published.deoldify import Residual, Upsample


class PackedResidual(nn.Module):
    """``deoldify.Residual``."""

    def __init__(self, block: Residual) -> None:
        super().__init__()
        convs = [block.conv1, block.conv2, *([block.conv3] if block.bottleneck else [])]
        self.inner = nn.Sequential(*(PackedConv(conv, relu=True) for conv in convs[:-1]))
        self.last = PackedConv(convs[-1], relu=True)
        shortcut = None if block.downsample is None else block.downsample[0]
        self.shortcut = PackedConv(shortcut) if isinstance(shortcut, nn.Conv2d) else None

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)``; overwrites ``x`` where it is the shortcut."""
        y = self.inner(x)
        return self.last.add_to(x if self.shortcut is None else self.shortcut(x), y)


class PackedUpsample(nn.Module):
    """``deoldify.Upsample``: channels are ordered such that PixelShuffle moves whole pixels."""

    def __init__(self, block: Upsample) -> None:
        super().__init__()
        conv = block.conv[0]
        if not isinstance(conv, nn.Conv2d):
            raise TypeError(f"fold it first: {type(conv).__name__} is no plain convolution")
        order = torch.arange(conv.out_channels).view(-1, 4).t().reshape(-1)
        conv.weight = nn.Parameter(
            conv.weight[order].contiguous(memory_format=torch.channels_last), requires_grad=False
        )
        if conv.bias is not None:
            conv.bias = nn.Parameter(conv.bias[order], requires_grad=False)
        self.conv = PackedConv(conv, relu=True)
        self.blur = block.blur

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in, H, W)`` to ``(B, out, 2 H, 2 W)``."""
        y: Tensor = self.conv(x)
        batch, channels, height, width = y.shape
        pixels = y.permute(0, 2, 3, 1).reshape(batch, height, width, 2, 2, channels // 4)
        shuffled = pixels.transpose(2, 3).reshape(batch, 2 * height, 2 * width, channels // 4)
        y = shuffled.permute(0, 3, 1, 2)
        if not self.blur:
            return y
        return F.avg_pool2d(F.pad(y, (1, 0, 1, 0), mode="replicate"), 2, stride=1)
