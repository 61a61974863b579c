"""Our own colorizers: ``compact``, and ``large``, several of it that were trained apart.

Encoder: MobileNet EdgeTPU, width 0.75 (Gupta and Akin, 2020; Apache-2.0, google-coral/edgetpu),
with its BatchNorm folded, so it is convolutions, ReLUs and additions only. Strides are padded as
TensorFlow's SAME does, because its features were learnt that way.

Decoder: at each stride the coarser features are doubled in size, joined with the encoder's, and
mixed by two 3x3 convolutions (Ronneberger et al., 2015). The mean over the whole picture is added
at the coarsest stride: what a scene is decides much of its colour.

``large`` is the mean of its members' colours: what one has learnt by chance, the others haven't
(deep ensembles, Lakshminarayanan et al., 2017).

Output: ab at a quarter of the input's size. Eyes and video codecs see colour at no more.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from vidcolor.color import lightness_to_grey
from vidcolor.errors import OptionError
from vidcolor.models.contract import ModelInput

STRIDE = 32
"""The encoder's coarsest stride: inputs are padded to multiples of it."""

OUTPUT_STRIDE = 4

FEATURE_SCALE = 1.0 / 16.0
"""Makes the encoder's features, of an rms of 9 to 14 at every stride, about as large as what norms
in the decoder let out; beside louder ones, what comes from the coarsest stride isn't learnt."""

AB_SCALE = 110.0
"""The regression head's unit: its outputs times this are ab."""

_MOST_MEMBERS = 16


@dataclass(frozen=True, slots=True)
class CompactConfig:
    """What it takes to build the network again; stored with its weights.

    Attributes:
        decoder: channels of the decoder at strides 32, 16, 8 and 4.
        bins: classes of the auxiliary head over quantised ab, 0 to leave the head out.
    """

    decoder: tuple[int, int, int, int] = (256, 192, 128, 64)
    bins: int = 0

    def as_dict(self) -> dict[str, object]:
        """Plain values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class LargeConfig(CompactConfig):
    """The same of each member; ``bins`` is of the one auxiliary head that they share.

    Attributes:
        members: how many there are.
    """

    members: int = 3

    def __post_init__(self) -> None:
        if not 1 <= self.members <= _MOST_MEMBERS:
            raise OptionError(f"members must be from 1 to {_MOST_MEMBERS}, got {self.members}")


@dataclass(frozen=True, slots=True)
class _Block:
    """One inverted bottleneck: expand (with the 3x3 itself where fused), project, maybe add."""

    expand: int
    out: int
    kernel: int = 3
    stride: int = 1
    fused: bool = False
    residual: bool = True


_STAGES: tuple[tuple[_Block, ...], ...] = (
    (_Block(128, 24, stride=2, fused=True), *[_Block(96, 24, fused=True)] * 3),
    (_Block(192, 40, stride=2, fused=True), *[_Block(160, 40, fused=True)] * 3),
    (
        _Block(320, 72, stride=2),
        *[_Block(288, 72)] * 3,
        _Block(576, 72, residual=False),
        *[_Block(288, 72)] * 3,
    ),
    (_Block(576, 120, kernel=5, stride=2), *[_Block(480, 120, kernel=5)] * 3, _Block(960, 144)),
)

ENCODER_CHANNELS: tuple[int, int, int, int] = (24, 40, 72, 144)
"""Channels of the encoder's features at strides 4, 8, 16 and 32."""


class CompactNet(nn.Module):
    """Lightness in, ab at stride 4 out; see the module's docstring."""

    def __init__(self, config: CompactConfig | None = None) -> None:
        super().__init__()
        self.config = config or CompactConfig()
        self.encoder = EdgeEncoder()
        self.decoder = Decoder(ENCODER_CHANNELS, self.config.decoder)
        width = self.config.decoder[-1]
        self.regress = nn.Conv2d(width, 2, 1)
        self.classify = nn.Conv2d(width, self.config.bins, 1) if self.config.bins else None

    def forward(self, inputs: ModelInput) -> Tensor:
        """Colorize.

        Args:
            inputs: lightness with sides that are multiples of 32.

        Returns:
            ``(B, 2, H/4, W/4)`` float32 ab, not finished.
        """
        return self.head_ab(self.features(inputs))

    def features(self, inputs: ModelInput) -> Tensor:
        """The decoder's last features, ``(B, width, H/4, W/4)``, which the heads read."""
        # The encoder knows sRGB codes 0..255 through (code - 123) * 0.01157.
        grey = (lightness_to_grey(inputs.lightness) * 255.0 - 123.0) * 0.01157
        features: Tensor = self.decoder(self.encoder(grey.to(self.encoder.stem.weight.dtype)))
        return features

    def head_ab(self, features: Tensor) -> Tensor:
        """Ab from the decoder's features, float32."""
        ab: Tensor = self.regress(features.to(self.regress.weight.dtype))
        return ab.float() * AB_SCALE

    def prepare(self, dtype: torch.dtype) -> CompactNet:
        """Make it ready to run: norms folded, channels_last, weights in ``dtype``.

        The last layer stays float32: bfloat16 would round its colours to steps of half a unit.
        """
        self.eval().requires_grad_(False)
        for part in list(self.decoder.modules()):
            if isinstance(part, ConvNorm):
                part.fold()
        self.classify = None
        self.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.regress.float()
        return self


class LargeNet(nn.Module):
    """The mean of several ``CompactNet``s, in whose place it can stand."""

    def __init__(self, config: LargeConfig | None = None) -> None:
        super().__init__()
        self.config = config or LargeConfig()
        each = CompactConfig(decoder=self.config.decoder)
        self.members = nn.ModuleList(CompactNet(each) for _ in range(self.config.members))
        width = self.config.members * self.config.decoder[-1]
        self.classify = nn.Conv2d(width, self.config.bins, 1) if self.config.bins else None

    def forward(self, inputs: ModelInput) -> Tensor:
        """As ``CompactNet``."""
        return self.head_ab(self.features(inputs))

    def features(self, inputs: ModelInput) -> Tensor:
        """The members' features, one after the other, ``(B, members * width, H/4, W/4)``."""
        return torch.cat([member.features(inputs) for member in self._each()], dim=1)

    def head_ab(self, features: Tensor) -> Tensor:
        """Ab from the features of all, float32."""
        parts = features.chunk(len(self.members), dim=1)
        colours = [m.head_ab(part) for m, part in zip(self._each(), parts, strict=True)]
        return torch.stack(colours).mean(dim=0)

    def prepare(self, dtype: torch.dtype) -> LargeNet:
        """As ``CompactNet``."""
        for member in self._each():
            member.prepare(dtype)
        self.classify = None
        return self

    def _each(self) -> list[CompactNet]:
        return [member for member in self.members if isinstance(member, CompactNet)]


class EdgeEncoder(nn.Module):
    """MobileNet EdgeTPU 0.75 on one grey channel; returns features at strides 4, 8, 16, 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(1, 24, 3, stride=2)
        self.stem_project = SameConv(24, 16, 1)
        stages, channels = [], 16
        for blocks in _STAGES:
            layers = []
            for block in blocks:
                layers.append(Bottleneck(channels, block))
                channels = block.out
            stages.append(nn.Sequential(*layers))
        self.stages = nn.ModuleList(stages)

    def forward(self, grey: Tensor) -> list[Tensor]:
        """Features of ``(B, 1, H, W)`` normalised grey."""
        x = self.stem_project(F.relu(self.stem(grey)))
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


class Bottleneck(nn.Module):
    """Expand, filter, project; the 3x3 is depthwise, or fused with the expansion early on."""

    def __init__(self, channels: int, block: _Block) -> None:
        super().__init__()
        if block.fused:
            layers = [
                SameConv(channels, block.expand, block.kernel, stride=block.stride),
                nn.ReLU(),
            ]
        else:
            layers = [
                SameConv(channels, block.expand, 1),
                nn.ReLU(),
                SameConv(
                    block.expand,
                    block.expand,
                    block.kernel,
                    stride=block.stride,
                    groups=block.expand,
                ),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers, SameConv(block.expand, block.out, 1))
        self.residual = block.residual and block.stride == 1 and channels == block.out

    def forward(self, x: Tensor) -> Tensor:
        """``(B, channels, h, w)`` to ``(B, out, h/stride, w/stride)``."""
        y: Tensor = self.layers(x)
        return x + y if self.residual else y


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME: at stride 2, less before than after."""

    def __init__(
        self, channels: int, out: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(channels, out, kernel, stride=stride, padding=padding, groups=groups)
        self.before, self.after = (kernel - 2) // 2, (kernel - 1) // 2

    def forward(self, x: Tensor) -> Tensor:
        """As ``nn.Conv2d``, for even sizes at stride 2."""
        if self.stride[0] == 2:
            x = F.pad(x, (self.before, self.after, self.before, self.after))
        if self.groups > 1 and self.training and x.device.type == "cpu":
            # oneDNN's bfloat16 gradient of a depthwise convolution takes 5 times float32's.
            with torch.autocast("cpu", enabled=False):
                return super().forward(x.float()).to(x.dtype)
        return super().forward(x)


class Decoder(nn.Module):
    """From features at strides 4 to 32 back to one map at stride 4."""

    def __init__(self, encoder: tuple[int, ...], widths: tuple[int, ...]) -> None:
        super().__init__()
        self.context = nn.Conv2d(encoder[-1], widths[0], 1)
        self.bottom = ConvNorm(encoder[-1], widths[0])
        skips = encoder[-2::-1]
        self.mixes = nn.ModuleList(
            nn.Sequential(ConvNorm(coarse + skip, fine), ConvNorm(fine, fine))
            for coarse, skip, fine in zip(widths[:-1], skips, widths[1:], strict=True)
        )

    def forward(self, features: list[Tensor]) -> Tensor:
        """``(B, widths[-1], H/4, W/4)``."""
        features = [each * FEATURE_SCALE for each in features]
        deepest = features[-1]
        x = self.bottom(deepest) + self.context(deepest.mean(dim=(2, 3), keepdim=True))
        for mix, skip in zip(self.mixes, features[-2::-1], strict=True):
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear")
            x = mix(torch.cat((x, skip), dim=1))
        result: Tensor = x
        return result


class ConvNorm(nn.Sequential):
    """3x3 convolution, BatchNorm, ReLU."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(
            nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()
        )

    def fold(self) -> None:
        """Fold the norm's statistics into the convolution, for inference."""
        if isinstance(self[1], nn.BatchNorm2d):
            convolution = self[0]
            assert isinstance(convolution, nn.Conv2d)
            self[0] = fuse_conv_bn_eval(convolution.eval(), self[1].eval())
            self[1] = nn.Identity()
