"""The networks of Zhang, Isola and Efros in plain torch, with the published files' names.

``EccvNet``: "Colorful Image Colorization" (Zhang, Isola, Efros, ECCV 2016, BSD-2-Clause), a
classifier over 313 colours whose annealed mean is the result. ``SiggraphNet``: "Real-Time
User-Guided Image Colorization with Learned Deep Priors" (Zhang, Zhu, Isola, Geng, Lin, Yu, Efros,
2017, BSD-2-Clause), a U-Net by regression that also takes colours given at some places. Both are
written from the papers and the published layer definitions; no code is taken over.

Blocks are convolutions with ReLU and one BatchNorm at the end, so BatchNorm stands behind a ReLU
and becomes a multiply-add (``folding``). Strides: 8 at the coarsest, where dilated convolutions see
far.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

import torch
from torch import Tensor, nn

from vidcolor.models.networks.layers.blocks import AB_SCALE
from vidcolor.models.networks.layers.packed import PackedConv, pack

COLOURS: Final = 313
"""Colours that the 2016 network tells apart: the ab bins of 10 units that sRGB can show."""

STRIDE: Final = 8
"""Of the coarsest features, in pixels."""

ECCV_STRIDE: Final = 4
"""Of the 2016 network's output, in pixels."""

_LEAK: Final = 0.2
"""Slope of the 2017 network's last activation below 0."""


def block(
    channels: Sequence[int], *, stride: int = 1, dilation: int = 1, relu_first: bool = False
) -> nn.Sequential:
    """3x3 convolutions with ReLU, then BatchNorm.

    Args:
        channels: of the input and of each convolution.
        stride: of the last convolution.
        dilation: of all.
        relu_first: whether a ReLU precedes them.
    """
    layers: list[nn.Module] = [nn.ReLU(inplace=True)] if relu_first else []
    for place in range(1, len(channels)):
        step = stride if place == len(channels) - 1 else 1
        sizes = channels[place - 1], channels[place]
        layers.append(nn.Conv2d(*sizes, 3, step, padding=dilation, dilation=dilation))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers, nn.BatchNorm2d(channels[-1]))


def doubling(channels: int, out: int) -> nn.ConvTranspose2d:
    """A transposed convolution to twice the size, (B, channels, H, W) -> (B, out, 2 H, 2 W)."""
    return nn.ConvTranspose2d(channels, out, 4, 2, 1)


class EccvNet(nn.Module):
    """The network of 2016: lightness to a distribution over colours, and to its mean."""

    def __init__(self) -> None:
        super().__init__()
        self.model1 = block((1, 64, 64), stride=2)
        self.model2 = block((64, 128, 128), stride=2)
        self.model3 = block((128, 256, 256, 256), stride=2)
        self.model4 = block((256, 512, 512, 512))
        self.model5 = block((512, 512, 512, 512), dilation=2)
        self.model6 = block((512, 512, 512, 512), dilation=2)
        self.model7 = block((512, 512, 512, 512))
        decoder = list(block((256, 256, 256)))[:-1]  # the only block without BatchNorm
        classify = nn.Conv2d(256, COLOURS, 1)
        self.model8 = nn.Sequential(doubling(512, 256), nn.ReLU(inplace=True), *decoder, classify)
        self.model_out = nn.Conv2d(COLOURS, 2, 1, bias=False)

    def prepare(self, dtype: torch.dtype) -> EccvNet:
        """Set what it runs in. The classification stays float32: rounding would shift colours."""
        for number in range(1, 8):
            self.get_submodule(f"model{number}").to(dtype)
        for layer in list(self.model8)[:-1]:
            layer.to(dtype)
        return self

    def logits(self, lightness: Tensor) -> Tensor:
        """Scores of the colours.

        Args:
            lightness: ``(B, 1, H, W)``, L*/100 - 0.5 in the network's dtype; H, W multiples of
                ``STRIDE``.

        Returns:
            ``(B, 313, H/4, W/4)`` float32, sharpened by the published temperature.
        """
        x = lightness
        for number in range(1, 8):
            x = self.get_submodule(f"model{number}")(x)
        for layer in list(self.model8)[:-1]:
            x = layer(x)
        scores: Tensor = self.model8[-1](x.float())
        return scores

    def forward(self, lightness: Tensor) -> Tensor:
        """Colours: ``(B, 1, H, W)`` as ``logits`` takes it to ``(B, 2, H/4, W/4)`` float32, ab."""
        return self.mean_ab(self.logits(lightness))

    def mean_ab(self, logits: Tensor) -> Tensor:
        """The mean colour of each place, ``(B, 2, h, w)`` float32 ab."""
        shares = torch.softmax(logits, dim=1)
        return cast(Tensor, self.model_out(shares)) * AB_SCALE


class SiggraphNet(nn.Module):
    """The network of 2017: lightness and colours that are known at some places to all colours.

    The file's second head, a classifier for training (``model_class``), is loaded and not run.
    """

    def __init__(self) -> None:
        super().__init__()
        self.model1 = block((4, 64, 64))
        self.model2 = block((64, 128, 128))
        self.model3 = block((128, 256, 256, 256))
        self.model4 = block((256, 512, 512, 512))
        self.model5 = block((512, 512, 512, 512), dilation=2)
        self.model6 = block((512, 512, 512, 512), dilation=2)
        self.model7 = block((512, 512, 512, 512))
        self.model8up = nn.Sequential(doubling(512, 256))
        self.model3short8 = nn.Sequential(nn.Conv2d(256, 256, 3, padding=1))
        self.model8 = block((256, 256, 256), relu_first=True)
        self.model9up = nn.Sequential(doubling(256, 128))
        self.model2short9 = nn.Sequential(nn.Conv2d(128, 128, 3, padding=1))
        self.model9 = block((128, 128), relu_first=True)
        self.model10up = nn.Sequential(doubling(128, 128))
        self.model1short10 = nn.Sequential(nn.Conv2d(64, 128, 3, padding=1))
        last = nn.Conv2d(128, 128, 3, padding=1)
        self.model10 = nn.Sequential(nn.ReLU(inplace=True), last, nn.LeakyReLU(_LEAK))
        self.model_class = nn.Sequential(nn.Conv2d(256, 529, 1))
        self.model_out = nn.Sequential(nn.Conv2d(128, 2, 1), nn.Tanh())

    def prepare(self, dtype: torch.dtype) -> SiggraphNet:
        """Set what it runs in. The head stays float32."""
        for name, child in self.named_children():
            if name != "model_out":
                child.to(dtype)
        return self

    def forward(self, planes: Tensor) -> Tensor:
        """Colorize.

        Args:
            planes: ``(B, 4, H, W)`` in the network's dtype: L*/100 - 0.5, known ab / 110, and 1
                where they are known; H, W multiples of ``STRIDE``.

        Returns:
            ``(B, 2, H, W)`` float32, ab in (-110, 110).
        """
        fine = self.model1(planes)
        middle = self.model2(_every_second(fine))
        coarse = self.model3(_every_second(middle))
        x = _every_second(coarse)
        for number in range(4, 8):
            x = self.get_submodule(f"model{number}")(x)
        x = self.model8(_join(self.model8up(x), self.model3short8[0], coarse))
        x = self.model9(_join(self.model9up(x), self.model2short9[0], middle))
        x = self.model10(_join(self.model10up(x), self.model1short10[0], fine))
        return cast(Tensor, self.model_out(x.float())) * AB_SCALE

    def packed(self) -> SiggraphNet:
        """See ``packed.pack``: the ReLUs that begin decoder blocks go into what precedes them."""
        for name, child in list(self.named_children()):
            setattr(self, name, pack(child))
        for short, decoder in (
            (self.model3short8, self.model8),
            (self.model2short9, self.model9),
            (self.model1short10, self.model10),
        ):
            if isinstance(short[0], PackedConv):
                short[0].relu = True
                decoder[0] = nn.Identity()
        return self


def _every_second(x: Tensor) -> Tensor:
    """Half the size, without any mean: every second row and column."""
    return x[:, :, ::2, ::2].contiguous(memory_format=torch.channels_last)


def _join(larger: Tensor, conv: nn.Module, skip: Tensor) -> Tensor:
    """Add the convolution of the encoder's features to the decoder's enlarged ones."""
    if isinstance(conv, PackedConv):
        return conv.add_to(larger.contiguous(memory_format=torch.channels_last), skip)
    return larger.add_(conv(skip))
