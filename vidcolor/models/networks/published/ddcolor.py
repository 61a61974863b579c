"""DDColor's networks in plain torch, with the published files' names.

Structure: "DDColor: Towards Photo-Realistic Image Colorization via Dual Decoders" (Kang et al.,
2023, Apache-2.0); this file is written from the paper and the published layer definitions, no code
is taken over. A ConvNeXt encodes the grey picture. A pixel decoder of U-Net blocks brings features
back to full size; a colour decoder lets 100 learned queries look at three of its scales, and makes
of each a vector over those features. The result is linear in the products of vectors and features.

Because it is linear, the two ab planes need neither the 100 maps nor the features at full size:
queries and last layer are multiplied first, which leaves 2 vectors, and PixelShuffle and blur,
which mix no channels, are done on 2 planes instead of 256. ``DDColorNet.forward`` does that; the
numbers are those of the published order to float precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidcolor.models.networks.layers.blocks import IMAGENET_MEAN, IMAGENET_STD
from vidcolor.models.networks.layers.spectral import SpectralConv
from vidcolor.models.networks.published.convnext import ConvNext
from vidcolor.models.networks.published.ddcolor_queries import ColourDecoder
from vidcolor.models.networks.published.deoldify import Upsample, conv_relu_norm

DDColorSize = Literal["tiny", "large"]
"""Which encoder."""

ENCODERS: Final = {
    "tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
    "large": ((3, 3, 27, 3), (192, 384, 768, 1536)),
}
"""Blocks and channels of ConvNeXt's stages."""

WIDTH: Final = 512
"""Channels of the pixel decoder's coarse blocks; half of that in the last, and in the features."""

_FINE: Final = 4
"""How far the last PixelShuffle enlarges."""

_PLACES: Final = 2048
"""Places whose finest features are made at a time: 33 MB in float32."""


class UnetBlock(nn.Module):
    """Doubles the size, joins the encoder's features of that size, and mixes them.

    Args:
        below: channels of the input.
        skip: channels of the encoder's features.
        out: channels of the output.
    """

    def __init__(self, below: int, skip: int, out: int) -> None:
        super().__init__()
        self.shuf = Upsample(SpectralConv(below, out * 4, 1), nn.BatchNorm2d(out * 4), blur=True)
        self.bn = nn.BatchNorm2d(skip)
        self.conv = conv_relu_norm(out + skip, out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """``x`` (B, below, h, w) and ``skip`` (B, skip, 2 h, 2 w) -> (B, out, 2 h, 2 w)."""
        joined = torch.cat((self.shuf(x), self.bn(skip)), dim=1).relu_()
        mixed: Tensor = self.conv(joined)
        return mixed


class FineFeatures(nn.Module):
    """1x1 convolution to 16 times the channels and ReLU: features of 4 x 4 pixels in each place.

    They are never all there at once: that would be the network's largest map by far.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(SpectralConv(channels, channels * _FINE**2, 1, bias=True))

    def products(self, x: Tensor, vectors: Tensor) -> Tensor:
        """Scalar products of the features with vectors.

        Args:
            x: ``(B, C, h, w)``.
            vectors: ``(B, P, C)``.

        Returns:
            ``(B, P, 4 h, 4 w)`` float32.
        """
        batch, channels, height, width = x.shape
        conv = self.conv.get_submodule("0")
        # PixelShuffle's order is channel, then pixel; pixel first, products read memory in order.
        order = torch.arange(channels * _FINE**2).view(channels, -1).t().reshape(-1).to(x.device)
        weight, bias = _weight(conv).flatten(1)[order], conv.get_parameter("bias")[order]
        flat, wanted = x.permute(0, 2, 3, 1).reshape(batch, -1, channels), vectors.to(x.dtype)
        planes = []
        for picture, columns in zip(flat, wanted, strict=True):
            parts = [
                F.linear(part, weight, bias).relu_().view(len(part), -1, channels) @ columns.t()
                for part in picture.split(_PLACES)
            ]
            planes.append(torch.cat(parts).permute(2, 1, 0))  # (P, 16, h * w)
        stacked = torch.stack(planes).float().reshape(batch, -1, height, width)
        return F.pixel_shuffle(stacked, _FINE)


class PixelDecoder(nn.Module):
    """The decoder's two halves, under the published name ``decoder``."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        stages = []
        below = widths[-1]
        for place, skip in enumerate(reversed(widths[:-1])):
            out = WIDTH // 2 if place == 2 else WIDTH
            stages.append(UnetBlock(below, skip, out))
            below = out
        self.layers = nn.ModuleList(stages)
        self.last_shuf = FineFeatures(below)
        self.color_decoder = ColourDecoder((WIDTH, WIDTH, WIDTH // 2), below)


class DDColorNet(nn.Module):
    """One of DDColor's networks.

    Args:
        size: which encoder.
    """

    def __init__(self, size: DDColorSize) -> None:
        super().__init__()
        depths, widths = ENCODERS[size]
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))
        self.mean: Tensor
        self.std: Tensor
        self.encoder = nn.Module()
        self.encoder.add_module("arch", ConvNext(depths, widths))
        self.decoder = PixelDecoder(widths)
        head = SpectralConv(self.decoder.color_decoder.queries + 3, 2, 1, bias=True)
        self.refine_net = nn.Sequential(nn.Sequential(head))

    def prepare(self, dtype: torch.dtype) -> DDColorNet:
        """Set what it runs in; queries and the last layer stay float32, they are small."""
        for part in (self.encoder, self.decoder.layers, self.decoder.last_shuf):
            part.to(dtype)
        return self

    def forward(self, grey: Tensor) -> Tensor:
        """Colorize.

        Args:
            grey: ``(B, 3, H, W)`` float32 sRGB in [0, 1]; H and W multiples of 32.

        Returns:
            ``(B, 2, H, W)`` float32, Lab ab.
        """
        normalised = (grey - self.mean) / self.std
        dtype = self.encoder.get_parameter("arch.norm.weight").dtype
        seen = normalised.to(dtype, memory_format=torch.channels_last)
        *skips, x = self.encoder.get_submodule("arch")(seen)
        scales = []
        for layer in self.decoder.layers:
            x = layer(x, skips.pop())
            scales.append(x)
        colours = self.decoder.color_decoder(scales)
        return self._joined(colours, x, normalised)

    def _joined(self, colours: Tensor, x: Tensor, normalised: Tensor) -> Tensor:
        """Last layer after products, as products after the last layer.

        Args:
            colours: ``(B, queries, C)`` float32.
            x: ``(B, C, H/4, W/4)``, what the finest features are made of.
            normalised: ``(B, 3, H, W)`` float32, the network's input.
        """
        head = self.refine_net.get_submodule("0.0")
        weight, count = _weight(head).flatten(1), colours.shape[1]
        planes = self.decoder.last_shuf.products(x, weight[:, :count] @ colours)
        blurred = F.avg_pool2d(F.pad(planes, (1, 0, 1, 0), mode="replicate"), 2, stride=1)
        bias = head.get_parameter("bias")
        return blurred + F.conv2d(normalised, weight[:, count:, None, None], bias)


def _weight(layer: nn.Module) -> Tensor:
    """Of a layer, folded or not."""
    return layer.weight() if isinstance(layer, SpectralConv) else layer.get_parameter("weight")
