"""Spectrally normalised convolutions (Miyato et al., 2018), as torch stores them.

The stored vectors are used as they are, without power iteration: the networks here only infer.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidcolor.models.networks.layers.folding import Reparametrised


class SpectralNormed(Reparametrised):
    """Stored weight over its largest singular value, which ``weight_u`` and ``weight_v`` give.

    Args:
        shape: of the weight: (out, in, ...).
        bias: whether there is a bias.
    """

    def __init__(self, shape: Sequence[int], *, bias: bool = False) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(shape[0])) if bias else None
        self.weight_orig = nn.Parameter(nn.init.kaiming_normal_(torch.empty(*shape)))
        matrix = self.weight_orig.detach().flatten(1)
        # One step of power iteration, so that a fresh network is of sane scale.
        left = F.normalize(torch.randn(matrix.shape[0]), dim=0)
        right = F.normalize(matrix.t() @ left, dim=0)
        self.register_buffer("weight_u", F.normalize(matrix @ right, dim=0))
        self.register_buffer("weight_v", right)
        self.weight_u: Tensor
        self.weight_v: Tensor

    def weight(self) -> Tensor:
        """The normalised weight, shaped as ``weight_orig``."""
        sigma = torch.dot(self.weight_u, self.weight_orig.flatten(1) @ self.weight_v)
        return self.weight_orig / sigma


class SpectralConv(SpectralNormed):
    """Spectrally normalised 2-d convolution of unchanged size, (B, in, H, W) -> (B, out, H, W)."""

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int = 3, *, bias: bool = False
    ) -> None:
        super().__init__((channels_out, channels_in, kernel, kernel), bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Convolves."""
        return F.conv2d(x, self.weight(), self.bias, padding=self.weight_orig.shape[-1] // 2)

    def plain(self) -> nn.Conv2d:
        """The same as an ordinary convolution."""
        return plain_conv(self.weight(), self.bias)


def plain_conv(weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    """A convolution of stride 1 that keeps the size, with these values (not copied)."""
    channels_out, channels_in, kernel, _ = weight.shape
    padding = kernel // 2
    conv = nn.Conv2d(channels_in, channels_out, kernel, padding=padding, bias=False, device="meta")
    conv.weight = nn.Parameter(weight.detach(), requires_grad=False)
    if bias is not None:
        conv.bias = nn.Parameter(bias.detach(), requires_grad=False)
    return conv
