"""DeOldify's three generators in plain torch, with the parameter names of the published files.

Structure: DeOldify (MIT, Jason Antic), built on fastai v1's dynamic U-Net (Apache-2.0) and ResNet
(He et al., 2015). This file is written from that structure; no code is taken over. Input: grey RGB,
ImageNet-normalised. Output: colour RGB of the same size, ImageNet-normalised, in (-3, 3).

::

    layers.0   ResNet without its head      features kept after its stages 2, 4, 5 and 6
    layers.1-3 BatchNorm, ReLU, two 3x3 convolutions C -> 2C -> C
    layers.4-7 four U-Net blocks            the second one ends in self-attention
    layers.8   to full size by PixelShuffle
    layers.9   the network's input is joined  (no parameters)
    layers.10  residual block, two 3x3 convolutions
    layers.11  1x1 convolution to R, G, B
    layers.12  sigmoid, scaled to (-3, 3)   (no parameters)

"Deep" (artistic: ResNet-34) has two convolutions per U-Net block, "wide" (stable and video:
ResNet-101) one with more channels. The order inside is convolution, ReLU, BatchNorm: unlike in a
ResNet, ReLU comes first. Convolutions of the decoder are spectrally normalised (Miyato et al.,
2018); the stored vectors are used as they are, without power iteration: the networks here only
infer. ``folding.fold`` makes them fast. Operations are in place where the tensor isn't used
elsewhere: at full size, new memory costs as much time as the arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidcolor.models.networks.layers.folding import Reparametrised
from vidcolor.models.networks.layers.spectral import SpectralConv, SpectralNormed, plain_conv
from vidcolor.models.networks.published.deoldify_packed import PackedResidual, PackedUpsample

DeOldifyName = Literal["artistic", "stable", "video"]

OUTPUT_RANGE: Final = 3.0
"""The output's sigmoid spans (-3, 3), in ImageNet's standard deviations."""

_SKIP_STAGES: Final = (2, 4, 5, 6)
"""Children of ``layers.0`` whose output the decoder joins: the last of each size."""


class SpectralProjection(SpectralNormed):
    """Spectrally normalised linear map, (B, N, in) -> (B, N, out); stored as a 1-d convolution."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__((channels_out, channels_in, 1))

    def forward(self, tokens: Tensor) -> Tensor:
        """Projects."""
        return F.linear(tokens, self.weight().squeeze(-1))

    def plain(self) -> nn.Linear:
        """The same as an ordinary linear layer."""
        weight = self.weight().squeeze(-1)
        linear = nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
        linear.weight = nn.Parameter(weight.detach(), requires_grad=False)
        return linear


class WeightNormConv(Reparametrised):
    """1x1 convolution whose rows are stored as length ``weight_g`` and direction ``weight_v``."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels_out))
        direction = nn.init.kaiming_normal_(torch.empty(channels_out, channels_in, 1, 1))
        self.weight_v = nn.Parameter(direction)
        self.weight_g = nn.Parameter(_row_lengths(direction))

    def weight(self) -> Tensor:
        """The weight, (out, in, 1, 1)."""
        return self.weight_v * (self.weight_g / _row_lengths(self.weight_v))

    def forward(self, x: Tensor) -> Tensor:
        """Convolves."""
        return F.conv2d(x, self.weight(), self.bias)

    def plain(self) -> nn.Conv2d:
        """The same as an ordinary convolution."""
        return plain_conv(self.weight(), self.bias)


def _row_lengths(weight: Tensor) -> Tensor:
    """Euclidean length of each output channel's weights, (out, 1, 1, 1)."""
    lengths: Tensor = torch.linalg.vector_norm(weight, dim=(1, 2, 3), keepdim=True)
    return lengths


class SelfAttention(nn.Module):
    """Every place looks at every other (Zhang et al., 2018): x + gamma * attention(x).

    Logits and softmax are float32 whatever the network runs in: unscaled as they are, they would
    lose their order in bfloat16 and could leave float16's range.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query: nn.Module = SpectralProjection(channels, channels // 8)
        self.key: nn.Module = SpectralProjection(channels, channels // 8)
        self.value: nn.Module = SpectralProjection(channels, channels)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        tokens = x.permute(0, 2, 3, 1).flatten(1, 2)
        # In the original the softmax runs over what it calls queries: they are the keys here.
        queries, keys, values = self.key(tokens), self.query(tokens), self.value(tokens)
        mixed = torch.empty_like(values)
        for item in range(
            len(tokens)
        ):  # one by one: the N x N logits are the largest tensor of all
            logits = queries[item].float() @ keys[item].float().t()
            mixed[item] = torch.softmax(logits, dim=-1).to(values.dtype) @ values[item]
        out = tokens + self.gamma * mixed
        batch, channels, height, width = x.shape
        return out.view(batch, height, width, channels).permute(0, 3, 1, 2)


class Residual(nn.Module):
    """ResNet's block: x + two 3x3 convolutions, or 1x1, 3x3, 1x1 (bottleneck), each with BatchNorm.

    Args:
        channels_in: of the input.
        width: channels inside.
        stride: of the block; in the bottleneck on the 3x3 convolution.
        bottleneck: three convolutions, with 4 * width channels out.
    """

    def __init__(
        self, channels_in: int, width: int, *, stride: int = 1, bottleneck: bool = False
    ) -> None:
        super().__init__()
        out = width * 4 if bottleneck else width
        if bottleneck:
            self.conv1 = nn.Conv2d(channels_in, width, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.conv3 = nn.Conv2d(width, out, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(out)
        else:
            self.conv1 = nn.Conv2d(channels_in, width, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
        self.bottleneck = bottleneck
        self.downsample: nn.Sequential | None = None
        if stride != 1 or channels_in != out:
            shortcut = nn.Conv2d(channels_in, out, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        """Adds what the convolutions find."""
        y: Tensor = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu_()))
        if self.bottleneck:
            y = self.bn3(self.conv3(y.relu_()))
        return y.add_(x if self.downsample is None else self.downsample(x)).relu_()

    def packed(self) -> nn.Module:
        """See ``packed.pack``."""
        return PackedResidual(self)


def resnet_body(blocks: Sequence[int], *, bottleneck: bool) -> nn.Sequential:
    """A ResNet cut before its pooling: (B, 3, H, W) -> (B, C, H / 32, W / 32), sizes rounded up."""
    stages: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
    ]
    channels = 64
    for number, count in enumerate(blocks):
        stage = nn.Sequential()
        for place in range(count):
            stride = 2 if number > 0 and place == 0 else 1
            stage.append(Residual(channels, 64 << number, stride=stride, bottleneck=bottleneck))
            channels = (64 << number) * (4 if bottleneck else 1)
        stages.append(stage)
    return nn.Sequential(*stages)


def conv_relu_norm(
    channels_in: int, channels_out: int, *, attention: bool = False
) -> nn.Sequential:
    """3x3 convolution, ReLU, BatchNorm, and perhaps self-attention."""
    layers: list[nn.Module] = [
        SpectralConv(channels_in, channels_out),
        nn.ReLU(inplace=True),
        nn.BatchNorm2d(channels_out),
    ]
    if attention:
        layers.append(SelfAttention(channels_out))
    return nn.Sequential(*layers)


class Upsample(nn.Module):
    """Twice the size: 1x1 convolution to four times the channels, ReLU, PixelShuffle, perhaps blur.

    Args:
        conv: what makes the channels: (B, in, H, W) -> (B, 4 * out, H, W).
        blur: whether 2x2 neighbours are averaged, which hides the shuffle's grid.
    """

    def __init__(self, *conv: nn.Module, blur: bool) -> None:
        super().__init__()
        self.conv = nn.Sequential(*conv)
        self.blur = blur

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, 2 H, 2 W)."""
        x = F.pixel_shuffle(self.conv(x).relu_(), 2)
        if not self.blur:
            return x
        return F.avg_pool2d(F.pad(x, (1, 0, 1, 0), mode="replicate"), 2, stride=1)

    def packed(self) -> nn.Module:
        """See ``packed.pack``."""
        return PackedUpsample(self)


class UnetBlock(nn.Module):
    """Doubles the size, joins the body's features of that size, and mixes them.

    Args:
        channels: of (the input, the upsampled input, the body's features, the output).
        deep: two convolutions (``conv1``, ``conv2``) instead of one (``conv``).
        attention: whether the block ends in self-attention.
    """

    def __init__(self, channels: tuple[int, int, int, int], *, deep: bool, attention: bool) -> None:
        super().__init__()
        below, upsampled, skip, out = channels
        widened = upsampled * 4
        self.shuf = Upsample(SpectralConv(below, widened, 1), nn.BatchNorm2d(widened), blur=True)
        self.bn = nn.BatchNorm2d(skip)
        self.deep = deep
        if deep:
            self.conv1 = conv_relu_norm(upsampled + skip, out)
            self.conv2 = conv_relu_norm(out, out, attention=attention)
        else:
            self.conv = conv_relu_norm(upsampled + skip, out, attention=attention)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """``x`` (B, in, h, w) and ``skip`` (B, skip, H, W) -> (B, out, H, W), H at most 2 h."""
        x = self.shuf(x)
        if x.shape[-2:] != skip.shape[-2:]:  # the body rounded an odd size up
            x = F.interpolate(x, skip.shape[-2:], mode="nearest")
        x = torch.cat((x, self.bn(skip)), dim=1).relu_()
        y: Tensor = self.conv2(self.conv1(x)) if self.deep else self.conv(x)
        return y


class LastResidual(nn.Module):
    """x + two 3x3 convolutions with ReLU, without BatchNorm, at full size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        pairs = (SpectralConv(channels, channels, bias=True) for _ in range(2))
        self.layers = nn.ModuleList(nn.Sequential(conv, nn.ReLU(inplace=True)) for conv in pairs)

    def forward(self, x: Tensor) -> Tensor:
        """Adds what the convolutions find."""
        y: Tensor = self.layers[1](self.layers[0](x))
        return y.add_(x)


class DeOldifyNet(nn.Module):
    """One of DeOldify's generators.

    Args:
        body: the ResNet (``resnet_body``).
        skips: channels that it keeps at strides 2, 4, 8, 16, and at 32.
        deep: the "deep" decoder of artistic; else the "wide" one of stable and video.
    """

    def __init__(
        self, body: nn.Sequential, skips: tuple[int, int, int, int, int], *, deep: bool
    ) -> None:
        super().__init__()
        below = skips[-1]
        middle = nn.Sequential(conv_relu_norm(below, below * 2), conv_relu_norm(below * 2, below))
        layers: list[nn.Module] = [body, nn.BatchNorm2d(below), nn.ReLU(), middle]
        for place, skip in enumerate(reversed(skips[:-1])):
            upsampled, out = _block_channels(below, skip, deep=deep, last=place == 3)
            channels = (below, upsampled, skip, out)
            layers.append(UnetBlock(channels, deep=deep, attention=place == 1))
            below = out
        layers.append(Upsample(WeightNormConv(below, below * 4), blur=False))
        layers.append(nn.Identity())  # where the input is joined
        layers.append(LastResidual(below + 3))
        layers.append(nn.Sequential(SpectralConv(below + 3, 3, 1, bias=True)))
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        """Colorizes.

        Args:
            x: ``(B, 3, H, W)``, ImageNet-normalised, in the network's dtype; H and W even.

        Returns:
            ``(B, 3, H, W)`` float32 in (-3, 3), ImageNet-normalised.
        """
        layers = self.layers
        y, kept = x, []
        for number, stage in enumerate(layers[0].children()):
            y = stage(y)
            if number in _SKIP_STAGES:
                kept.append(y)
        y = layers[3](layers[2](layers[1](y)))
        for block in layers[4:8]:
            y = block(y, kept.pop())
        y = torch.cat((layers[8](y), x), dim=1)
        y = layers[11](layers[10](y))
        return torch.sigmoid(y.float()) * (2 * OUTPUT_RANGE) - OUTPUT_RANGE


def _block_channels(below: int, skip: int, *, deep: bool, last: bool) -> tuple[int, int]:
    """Channels of a U-Net block after upsampling, and of its output."""
    if not deep:
        out = 256 if last else 512  # nf_factor 2
        return out, out
    joined = below // 2 + skip
    return below // 2, int((joined // 2 if last else joined) * 1.5)  # nf_factor 1.5


def build_deoldify(name: DeOldifyName) -> DeOldifyNet:
    """The bare network with fresh random weights, in evaluation mode, not folded.

    Under ``torch.device("meta")`` it takes neither time nor memory.

    Args:
        name: "artistic", or "stable" or "video", which share one structure.
    """
    if name == "artistic":
        body, skips = resnet_body((3, 4, 6, 3), bottleneck=False), (64, 64, 128, 256, 512)
    else:
        body, skips = resnet_body((3, 4, 23, 3), bottleneck=True), (64, 256, 512, 1024, 2048)
    return DeOldifyNet(body, skips, deep=name == "artistic").eval()
