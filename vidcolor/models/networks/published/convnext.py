"""ConvNeXt (Liu et al., 2022) as an encoder: four feature maps, with the published names.

Written from the paper and the published layer definitions. Where a ConvNeXt ends in a mean over all
places and a classifier, this one stops: nothing here needs them, but the last norm's weights are
kept, since files have them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDE: Final = 32
"""Of the coarsest features, in pixels."""

_EPS: Final = 1e-6


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of ``(B, C, H, W)``; channels last on the way."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=_EPS)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each place."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNextBlock(nn.Module):
    """x + gamma * MLP(norm(7x7 depthwise convolution of x)), the MLP four times as wide inside."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((channels,), 1e-6))
        self.dwconv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=_EPS)
        self.pwconv1 = nn.Linear(channels, 4 * channels)
        self.pwconv2 = nn.Linear(4 * channels, channels)

    def fold(self) -> None:
        """Multiply gamma into the last layer's weights; new tensors, the old may be somebody's."""
        last = self.pwconv2
        last.weight = nn.Parameter(last.weight * self.gamma[:, None], requires_grad=False)
        last.bias = nn.Parameter(last.bias * self.gamma, requires_grad=False)
        del self.gamma

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.pwconv2(F.gelu(self.pwconv1(y)))
        if hasattr(self, "gamma"):
            y = y * self.gamma
        sum_: Tensor = x + y.permute(0, 3, 1, 2)
        return sum_


class ConvNext(nn.Module):
    """The encoder.

    Args:
        depths: blocks of each of the four stages.
        widths: their channels.
    """

    def __init__(self, depths: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(3, widths[0], 4, 4), ChannelNorm(widths[0]))
        self.downsample_layers = nn.ModuleList([stem])
        for before, after in zip(widths, widths[1:], strict=False):
            self.downsample_layers.append(
                nn.Sequential(ChannelNorm(before), nn.Conv2d(before, after, 2, 2))
            )
        self.stages = nn.ModuleList(
            nn.Sequential(*(ConvNextBlock(width) for _ in range(depth)))
            for depth, width in zip(depths, widths, strict=True)
        )
        for place, width in enumerate(widths):
            self.add_module(f"norm{place}", ChannelNorm(width))
        self.norm = nn.LayerNorm(widths[-1], eps=_EPS)

    def forward(self, x: Tensor) -> list[Tensor]:
        """The normed output of each stage, ``(B, C, H/4, W/4)`` to ``(B, C, H/32, W/32)``.

        Args:
            x: ``(B, 3, H, W)``, H and W multiples of ``STRIDE``.
        """
        features = []
        for place, (down, stage) in enumerate(
            zip(self.downsample_layers, self.stages, strict=True)
        ):
            x = stage(down(x))
            features.append(self.get_submodule(f"norm{place}")(x))
        return features
