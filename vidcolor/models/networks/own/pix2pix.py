"""The generator of pix2pix (Isola, Zhu, Zhou, Efros, 2017), from lightness to ab.

A U-Net of 4x4 convolutions of stride 2 down to a few pixels and transposed ones back up, BatchNorm
but for the outermost and innermost, leaky ReLU on the way down, dropout in the deepest layers on
the way up (the paper's source of chance while training; off when it colorizes), tanh at the end.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidcolor.errors import OptionError
from vidcolor.models.contract import ModelInput
from vidcolor.models.networks.layers.blocks import AB_SCALE

_LEAST_DEPTH = 2  # the outermost and innermost layers
_LEAK = 0.2
_DROPOUT = 0.5
_INIT_STD = 0.02  # the paper's


@dataclass(frozen=True, slots=True)
class Pix2PixConfig:
    """What it takes to build the network again; stored with its weights.

    Attributes:
        width: channels after the first convolution; doubled three times on the way down.
        depth: halvings of the size; inputs are multiples of ``2 ** depth`` (the paper: 8).
        bins: classes of a head over quantised ab, 0 to leave it out.
    """

    width: int = 64
    depth: int = 7
    bins: int = 0

    def __post_init__(self) -> None:
        if self.depth < _LEAST_DEPTH:
            raise OptionError(f"depth must be at least {_LEAST_DEPTH}, got {self.depth}")

    @property
    def stride(self) -> int:
        """Sides of inputs are multiples of it, in pixels."""
        return int(2**self.depth)

    @property
    def output_stride(self) -> int:
        """Ab is as large as the input."""
        return 1

    def as_dict(self) -> dict[str, object]:
        """Plain values, ready for JSON."""
        return asdict(self)


class Pix2Pix(nn.Module):
    """Lightness in, ab of the same size out."""

    def __init__(self, config: Pix2PixConfig | None = None) -> None:
        super().__init__()
        self.config = config or Pix2PixConfig()
        c = self.config
        widths = [c.width * min(2**level, 8) for level in range(c.depth)]
        self.down = nn.ModuleList(
            _Down(before, after, norm=0 < level < c.depth - 1)
            for level, (before, after) in enumerate(zip([1, *widths[:-1]], widths, strict=True))
        )
        wide = [widths[-1], *(2 * w for w in widths[-2:0:-1])]
        self.up = nn.ModuleList(
            _Up(before, after, dropout=0 < level <= c.depth - 5)
            for level, (before, after) in enumerate(zip(wide, widths[-2::-1], strict=True))
        )
        self.regress = nn.ConvTranspose2d(2 * c.width, 2, 4, stride=2, padding=1)
        self.classify = nn.Conv2d(2 * c.width, c.bins, 1) if c.bins else None
        for part in self.modules():
            if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(part.weight, 0.0, _INIT_STD)

    def forward(self, inputs: ModelInput) -> Tensor:
        """Colorize.

        Args:
            inputs: lightness with sides that are multiples of the config's stride.

        Returns:
            ``(B, 2, H, W)`` float32 ab.
        """
        return self.head_ab(self.features(inputs))

    def features(self, inputs: ModelInput) -> Tensor:
        """The last but one layer's features, ``(B, 2 * width, H/2, W/2)``, which the heads read."""
        first = next(self.down.parameters())
        x = (inputs.lightness * 2.0 - 1.0).to(first.dtype)
        kept = []
        for stage in self.down:
            x = stage(x)
            kept.append(x)
        for stage, skip in zip(self.up, kept[-2::-1], strict=True):
            x = torch.cat((stage(x), skip), dim=1)
        return F.relu(x)

    def head_ab(self, features: Tensor) -> Tensor:
        """Ab from the last features, float32."""
        x: Tensor = self.regress(features.to(self.regress.weight.dtype))
        return torch.tanh(x.float()) * AB_SCALE

    def prepare(self, dtype: torch.dtype) -> Pix2Pix:
        """Make it ready to run: channels_last, weights in ``dtype``, the last layer float32."""
        self.eval().requires_grad_(False)
        self.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.regress.float()
        return self


class _Down(nn.Sequential):
    """Leaky ReLU, 4x4 convolution of stride 2, norm; the first takes the picture as it is."""

    def __init__(self, channels: int, out: int, *, norm: bool) -> None:
        super().__init__(
            nn.Identity() if channels == 1 else nn.LeakyReLU(_LEAK),
            nn.Conv2d(channels, out, 4, stride=2, padding=1, bias=not norm),
            nn.BatchNorm2d(out) if norm else nn.Identity(),
        )


class _Up(nn.Sequential):
    """ReLU, transposed 4x4 convolution of stride 2, norm, perhaps dropout."""

    def __init__(self, channels: int, out: int, *, dropout: bool) -> None:
        super().__init__(
            nn.ReLU(),
            nn.ConvTranspose2d(channels, out, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(out),
            nn.Dropout(_DROPOUT) if dropout else nn.Identity(),
        )
