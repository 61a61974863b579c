"""The decoder of our own networks: a U-Net's way up (Ronneberger et al., 2015).

At each stride the coarser features are doubled in size, joined with the encoder's, and mixed by two
3x3 convolutions. The scene's vector is added at the coarsest stride: what a scene is decides much
of its colour.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidcolor.models.networks.layers.blocks import ConvNorm


class Decoder(nn.Module):
    """From features at strides 4 to 32 to one map at stride 4.

    Args:
        channels: of the encoder's features, finest first.
        scene_channels: length of its scene's vector.
        widths: channels of the decoder at strides 32, 16, 8 and 4.
    """

    def __init__(self, channels: Sequence[int], scene_channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.context = nn.Conv2d(scene_channels, widths[0], 1)
        self.bottom = ConvNorm(channels[-1], widths[0])
        skips = channels[-2::-1]
        self.mixes = nn.ModuleList(
            nn.Sequential(ConvNorm(coarse + skip, fine), ConvNorm(fine, fine))
            for coarse, skip, fine in zip(widths[:-1], skips, widths[1:], strict=True)
        )

    def forward(self, features: Sequence[Tensor], scene: Tensor) -> Tensor:
        """Decode.

        Args:
            features: scaled, finest first, as ``Encoder.forward`` orders them.
            scene: ``(B, scene_channels, 1, 1)``.

        Returns:
            ``(B, widths[-1], H/4, W/4)``.
        """
        x = self.bottom(features[-1]) + self.context(scene)
        for mix, skip in zip(self.mixes, features[-2::-1], strict=True):
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear")
            x = mix(torch.cat((x, skip), dim=1))
        result: Tensor = x
        return result
