"""Networks as CPUs like them: weights in oneDNN's own order, ReLU and addition inside convolutions.

An ordinary convolution puts its weights into oneDNN's order anew on every call: for DeOldify's
middle, 2048 to 4096 channels at 11 x 11 places, that takes three times as long as the convolution.
And a ReLU of its own reads and writes the whole map once more. Here weights are reordered once, by
the first call, and ReLUs and a block's addition are done while the results are still in registers.

The operations are those that torch's compiler uses for the same purpose (``torch.ops.mkldnn``).
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import conv_flop_count

from vidcolor.models.networks.compact import Bottleneck, SameConv
from vidcolor.models.networks.deoldify import Residual, Upsample

Size = Sequence[int]


def can_pack() -> bool:
    """Whether this torch has oneDNN's fused convolutions, and the processor is one they are for."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    names = ("_convolution_pointwise", "_convolution_pointwise_", "_reorder_convolution_weight")
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return available and all(hasattr(torch.ops.mkldnn, name) for name in names)


def pack(network: nn.Module) -> nn.Module:
    """Replace, in place, what has a packed form; the network then only infers, on the CPU.

    Args:
        network: folded, in evaluation mode, channels last, in its final dtype.

    Returns:
        The network, or its replacement.
    """
    for kind, build in _PACKED_FORMS.items():
        if isinstance(network, kind):
            return build(network)
    for name, child in list(network.named_children()):
        setattr(network, name, pack(child))
    if isinstance(network, nn.Sequential) and type(network).forward is nn.Sequential.forward:
        _fuse_relus(network)
    return network


def _fuse_relus(layers: nn.Sequential) -> None:
    """Where a ReLU follows a convolution, with nothing but identities between."""
    named = [(n, c) for n, c in layers.named_children() if not isinstance(c, nn.Identity)]
    for (_, child), (next_name, follower) in pairwise(named):
        if isinstance(child, PackedConv) and isinstance(follower, nn.ReLU):
            child.relu = True
            setattr(layers, next_name, nn.Identity())


def flop_formulas() -> dict[Any, Any]:
    """What ``torch.utils.flop_counter`` doesn't know: operations of packed convolutions.

    Returns:
        A ``custom_mapping`` for ``FlopCounterMode``.
    """
    if not can_pack():
        return {}

    def plain(x: Size, weight: Size, *_: object, out_shape: Size, **__: object) -> int:
        return int(conv_flop_count(list(x), list(weight), list(out_shape)))

    def adding(other: Size, x: Size, weight: Size, *_: object, **__: object) -> int:
        return int(conv_flop_count(list(x), list(weight), list(other)))

    ops = torch.ops.mkldnn
    return {ops._convolution_pointwise: plain, ops._convolution_pointwise_: adding}


class PackedConv(nn.Module):
    """A convolution, perhaps with ReLU, whose weights are in oneDNN's order after the first call.

    Attributes:
        relu: whether a ReLU follows inside.
        weight: empty after the first call; says the dtype.
    """

    def __init__(self, conv: nn.Conv2d, *, relu: bool = False) -> None:
        """Take a convolution's place, sharing its weights.

        Args:
            conv: with numbers for padding, filled with zeros.
            relu: whether a ReLU follows inside.
        """
        super().__init__()
        assert conv.padding_mode == "zeros", "oneDNN pads with zeros"
        assert not isinstance(conv.padding, str), "padding must be numbers"
        self.relu = relu
        self.weight, self.bias = conv.weight, conv.bias
        self._geometry = (
            list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups,
        )  # fmt: skip
        self._border = _same_border(conv)
        self._packed: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in, H, W)`` in the weights' dtype, to ``(B, out, H', W')``, channels last."""
        x, weight = self._ready(x)
        result: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, weight, self.bias, *self._geometry, "relu" if self.relu else "none", [], ""
        )
        return result

    def add_to(self, other: Tensor, x: Tensor) -> Tensor:
        """Add the convolution of ``x`` to ``other`` in place, then the ReLU; returns ``other``."""
        x, weight = self._ready(x)
        result: Tensor = torch.ops.mkldnn._convolution_pointwise_.binary(
            other, x, weight, self.bias, *self._geometry,
            "add", 1.0, "relu" if self.relu else None, [], "",
        )  # fmt: skip
        return result

    def _ready(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The padded input, and the weights, which the first input's size puts in order."""
        if self._border is not None:
            x = F.pad(x, self._border)
        x = x.contiguous(memory_format=torch.channels_last)
        if self._packed is None:
            self._packed = torch.ops.mkldnn._reorder_convolution_weight(
                self.weight, *self._geometry, list(x.shape)
            )
            self.weight = nn.Parameter(self.weight.new_empty(0), requires_grad=False)
        return x, self._packed


def _same_border(conv: nn.Conv2d) -> tuple[int, int, int, int] | None:
    """What ``SameConv`` pads by itself."""
    if isinstance(conv, SameConv) and conv.stride[0] == 2:
        return conv.before, conv.after, conv.before, conv.after
    return None


class PackedResidual(nn.Module):
    """``deoldify.Residual`` with packed convolutions."""

    def __init__(self, block: Residual) -> None:
        super().__init__()
        convs = [block.conv1, block.conv2, *([block.conv3] if block.bottleneck else [])]
        self.convs = nn.ModuleList(PackedConv(conv, relu=True) for conv in convs)
        shortcut = None if block.downsample is None else block.downsample[0]
        self.shortcut = PackedConv(shortcut) if isinstance(shortcut, nn.Conv2d) else None

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)``; overwrites ``x`` where it is the shortcut."""
        y = x
        for conv in self.convs[:-1]:
            y = conv(y)
        last = self.convs[-1]
        assert isinstance(last, PackedConv)
        return last.add_to(x if self.shortcut is None else self.shortcut(x), y)


class PackedBottleneck(nn.Module):
    """``compact.Bottleneck`` with packed convolutions."""

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


class PackedUpsample(nn.Module):
    """``deoldify.Upsample``: channels are ordered such that PixelShuffle moves whole pixels."""

    def __init__(self, block: Upsample) -> None:
        super().__init__()
        conv = block.conv[0]
        assert isinstance(conv, nn.Conv2d)
        order = torch.arange(conv.out_channels).view(-1, 4).t().reshape(-1)
        conv.weight = nn.Parameter(
            conv.weight[order].contiguous(memory_format=torch.channels_last), requires_grad=False
        )
        if conv.bias is not None:
            conv.bias = nn.Parameter(conv.bias[order], requires_grad=False)
        self.conv = PackedConv(conv, relu=True)
        self.blur = block.blur

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in, H, W)`` to ``(B, out, 2 H, 2 W)``."""
        y: Tensor = self.conv(x)
        batch, channels, height, width = y.shape
        pixels = y.permute(0, 2, 3, 1).reshape(batch, height, width, 2, 2, channels // 4)
        shuffled = pixels.transpose(2, 3).reshape(batch, 2 * height, 2 * width, channels // 4)
        y = shuffled.permute(0, 3, 1, 2)
        if not self.blur:
            return y
        return F.avg_pool2d(F.pad(y, (1, 0, 1, 0), mode="replicate"), 2, stride=1)


def _pack_conv(conv: nn.Module) -> nn.Module:
    assert isinstance(conv, nn.Conv2d)
    plain = conv.padding_mode == "zeros" and not isinstance(conv.padding, str)
    return PackedConv(conv) if plain else conv


_PACKED_FORMS: dict[type[nn.Module], Callable[..., nn.Module]] = {
    Residual: PackedResidual,
    Bottleneck: PackedBottleneck,
    Upsample: PackedUpsample,
    nn.Conv2d: _pack_conv,
}
