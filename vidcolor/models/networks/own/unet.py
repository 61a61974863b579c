"""U-Nets from random weights: plain ("unet") or of residual blocks ("unet-resblock").

Ronneberger et al. (2015) with BatchNorm, bilinear enlargement in place of transposed convolutions
(which draw chequers), and a decoder that may stop before full size, since colour needs no more.
Residual blocks as in He et al. (2015): two 3x3 convolutions and a shortcut.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidcolor.errors import OptionError
from vidcolor.models.contract import ModelInput
from vidcolor.models.networks.layers.blocks import AB_SCALE
from vidcolor.models.networks.layers.folding import fold


@dataclass(frozen=True, slots=True)
class UNetConfig:
    """What it takes to build the network again; stored with its weights.

    Attributes:
        width: channels at full size; each halving of the size doubles them.
        widest: where the doubling ends.
        depth: halvings of the size; inputs are multiples of ``2 ** depth``.
        output_stride: 1, 2, 4 ...: the decoder ends at this fraction of the size.
        residual: residual blocks in place of plain ones.
        bins: classes of the head over quantised ab, 0 to leave it out.
    """

    width: int = 24
    widest: int = 256
    depth: int = 5
    output_stride: int = 4
    residual: bool = False
    bins: int = 0

    def __post_init__(self) -> None:
        if self.output_stride not in [2**i for i in range(self.depth)]:
            raise OptionError(
                f"output_stride must be a power of two below 2 ** depth, got {self.output_stride}"
            )

    @property
    def stride(self) -> int:
        """Sides of inputs are multiples of it, in pixels."""
        return int(2**self.depth)

    def as_dict(self) -> dict[str, object]:
        """Plain values, ready for JSON."""
        return asdict(self)


class UNet(nn.Module):
    """Lightness in, ab at the output stride out."""

    def __init__(self, config: UNetConfig | None = None) -> None:
        super().__init__()
        self.config = config or UNetConfig()
        c = self.config
        widths = [min(c.width * 2**level, c.widest) for level in range(c.depth + 1)]
        self.down = nn.ModuleList(
            _Stage(before, after, residual=c.residual)
            for before, after in zip([1, *widths[:-1]], widths, strict=True)
        )
        levels = range(c.depth - 1, c.output_stride.bit_length() - 2, -1)
        self.up = nn.ModuleList(
            _Stage(widths[i + 1] + widths[i], widths[i], residual=c.residual) for i in levels
        )
        last = widths[levels[-1]]
        self.regress = nn.Conv2d(last, 2, 1)
        self.classify = nn.Conv2d(last, c.bins, 1) if c.bins else None

    def forward(self, inputs: ModelInput) -> Tensor:
        """Colorize.

        Args:
            inputs: lightness with sides that are multiples of the config's stride.

        Returns:
            ``(B, 2, H/s, W/s)`` float32 ab, s the output stride.
        """
        return self.head_ab(self.features(inputs))

    def features(self, inputs: ModelInput) -> Tensor:
        """The decoder's last features, ``(B, C, H/s, W/s)``, which the heads read."""
        x = (inputs.lightness - 0.5).to(self.body_dtype) * 4.0  # about unit variance
        kept = []
        for level, stage in enumerate(self.down):
            x = stage(x if level == 0 else F.max_pool2d(x, 2))
            kept.append(x)
        for stage, skip in zip(self.up, kept[-2::-1], strict=False):
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear")
            x = stage(torch.cat((x, skip), dim=1))
        return x

    def head_ab(self, features: Tensor) -> Tensor:
        """Ab from the decoder's features, float32."""
        ab: Tensor = self.regress(features.to(self.regress.weight.dtype))
        return ab.float() * AB_SCALE

    @property
    def body_dtype(self) -> torch.dtype:
        """Number format of the body; the heads may differ."""
        first = next(iter(self.down.parameters()))
        return first.dtype

    def prepare(self, dtype: torch.dtype) -> UNet:
        """Make it ready to run: norms folded, channels_last, body in ``dtype``, head float32."""
        self.eval().requires_grad_(False)
        fold(self)
        self.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.regress.float()
        return self


class _ConvNorm(nn.Sequential):
    """Convolution and BatchNorm."""

    def __init__(self, channels: int, out: int, kernel: int = 3) -> None:
        convolution = nn.Conv2d(channels, out, kernel, padding=kernel // 2, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(out))


class _Stage(nn.Module):
    """Two 3x3 convolutions with norms and ReLUs; residual ones add a shortcut before the last."""

    def __init__(self, channels: int, out: int, *, residual: bool) -> None:
        super().__init__()
        self.first, self.second = _ConvNorm(channels, out), _ConvNorm(out, out)
        self.shortcut = _ConvNorm(channels, out, 1) if residual else None

    def forward(self, x: Tensor) -> Tensor:
        """``(B, channels, h, w)`` to ``(B, out, h, w)``."""
        y = self.second(F.relu(self.first(x)))
        return F.relu(y if self.shortcut is None else y + self.shortcut(x))
