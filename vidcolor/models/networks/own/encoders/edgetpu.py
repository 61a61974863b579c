"""MobileNet EdgeTPU, width 0.75 (Gupta and Akin, 2020; Apache-2.0, google-coral/edgetpu).

Its BatchNorm is folded, so it is convolutions, ReLUs and additions only. Strides are padded as
TensorFlow's SAME does, because its features were learnt that way.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from vidcolor.errors import WeightsError
from vidcolor.models.networks.layers.blocks import SameConv
from vidcolor.models.networks.layers.packed import PackedConv
from vidcolor.models.networks.own.encoders.encoder import Encoder


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


class EdgeEncoder(Encoder):
    """The encoder, for grey or colour pictures.

    Args:
        channels_in: 1 for grey, 3 for R'G'B'.
    """

    name = "mobilenet-edgetpu-075"
    channels = (24, 40, 72, 144)
    scales = (1.0 / 16.0,) * 4  # features have an rms of 9 to 14 at every stride
    scene_channels = 144

    def __init__(self, channels_in: int = 1) -> None:
        super().__init__()
        self.stem = SameConv(channels_in, 24, 3, stride=2)
        self.stem_project = SameConv(24, 16, 1)
        stages, channels = [], 16
        for blocks in _STAGES:
            layers = []
            for block in blocks:
                layers.append(Bottleneck(channels, block))
                channels = block.out
            stages.append(nn.Sequential(*layers))
        self.stages = nn.ModuleList(stages)

    def normalise(self, srgb: Tensor) -> Tensor:
        """Codes 0 to 255 as ``(code - 123) * 0.01157``."""
        return (srgb * 255.0 - 123.0) * 0.01157

    def forward(self, x: Tensor) -> list[Tensor]:
        """See ``Encoder``."""
        x = self.stem_project(F.relu(self.stem(x)))
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features

    def load_pretrained(self, path: Path) -> None:
        """Fill it from an int8 safetensors file.

        The file stores convolutions in the order of work as ``{i}.weight`` (int8), ``{i}.scale``
        (per output channel) and ``{i}.bias``: ``weight * scale`` restores them. For grey, the first
        convolution is summed over its three inputs, since grey is R = G = B.

        Raises:
            WeightsError: if the file can't be read, or is not that encoder.
        """
        layers = [module for module in self.modules() if isinstance(module, nn.Conv2d)]
        try:
            weights, biases = _read(path)
            if self.stem.in_channels == 1:
                weights[0] = weights[0].sum(dim=1, keepdim=True)
            with torch.no_grad():
                for layer, weight, bias in zip(layers, weights, biases, strict=True):
                    _fill(layer.weight, weight)
                    _fill(layer.bias, bias)
        except OSError as error:
            raise WeightsError(f"{path}: can't read these pretrained weights: {error}") from error
        except (SafetensorError, IndexError, RuntimeError, ValueError) as error:
            raise WeightsError(
                f"{path}: not the int8 weights of a MobileNet EdgeTPU 0.75 encoder; a run's own "
                "weights are for 'start'"
            ) from error


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
            depthwise = SameConv(
                block.expand, block.expand, block.kernel, stride=block.stride, groups=block.expand
            )
            layers = [SameConv(channels, block.expand, 1), nn.ReLU(), depthwise, nn.ReLU()]
        self.layers = nn.Sequential(*layers, SameConv(block.expand, block.out, 1))
        self.residual = block.residual and block.stride == 1 and channels == block.out

    def forward(self, x: Tensor) -> Tensor:
        """``(B, channels, h, w)`` to ``(B, out, h/stride, w/stride)``."""
        y: Tensor = self.layers(x)
        return x + y if self.residual else y

    def packed(self) -> nn.Module:
        """See ``packed.pack``."""
        return PackedBottleneck(self)


class PackedBottleneck(nn.Module):
    """``Bottleneck`` with packed convolutions."""

    def __init__(self, block: Bottleneck) -> None:
        super().__init__()
        convs = [layer for layer in block.layers if isinstance(layer, nn.Conv2d)]
        self.inner = nn.Sequential(*(PackedConv(conv, relu=True) for conv in convs[:-1]))
        self.last = PackedConv(convs[-1])
        self.residual = block.residual

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)``; overwrites ``x`` where it is added."""
        y = self.inner(x)
        result: Tensor = self.last.add_to(x, y) if self.residual else self.last(y)
        return result


def _read(path: Path) -> tuple[list[Tensor], list[Tensor]]:
    with safe_open(path, framework="pt") as file:
        indices = sorted(int(k.split(".")[0]) for k in file.keys() if k.endswith(".weight"))  # noqa: SIM118
        weights = [
            _restore(file.get_tensor(f"{i}.weight"), file.get_tensor(f"{i}.scale")) for i in indices
        ]
        return weights, [file.get_tensor(f"{i}.bias") for i in indices]


def _fill(own: Tensor | None, found: Tensor) -> None:
    if own is None or own.shape != found.shape:
        there = "nothing" if own is None else tuple(own.shape)
        raise ValueError(f"{tuple(found.shape)} in place of {there}")
    own.copy_(found)


def _restore(codes: Tensor, scale: Tensor) -> Tensor:
    return codes.float() * scale.float().view(-1, 1, 1, 1)
