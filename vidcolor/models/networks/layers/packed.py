"""Networks for CPUs: weights in oneDNN's own order, ReLU and addition inside convolutions.

An ordinary convolution puts its weights into oneDNN's order anew on every call: for DeOldify's
middle, 2048 to 4096 channels at 11 x 11 places, that takes three times as long as the convolution.
And a ReLU of its own reads and writes the whole map once more. Here weights are reordered once, by
the first call, and ReLUs and a block's addition are done while the results are still in registers.

The operations are those that torch's compiler uses for the same purpose (``torch.ops.mkldnn``).
They are not a public interface of torch, so ``can_pack`` tries them before they are used.
"""

from __future__ import annotations

import functools
import logging
import platform
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import conv_flop_count

logger = logging.getLogger(__name__)

Size = Sequence[int]

_ROUNDING = {torch.float32: 1e-5, torch.bfloat16: 2e-2}
"""How far results around 1 may differ from the plain convolution's: other orders of summation."""


@runtime_checkable
class HasPackedForm(Protocol):
    """A block that knows a form of its own with packed convolutions."""

    def packed(self) -> nn.Module:
        """The block's replacement, which may share and change its weights."""
        ...


@functools.cache
def can_pack(dtype: torch.dtype = torch.float32) -> bool:
    """Whether packed convolutions work here: two are tried and compared with plain ones.

    Args:
        dtype: of the weights.
    """
    if platform.machine().lower() not in ("x86_64", "amd64") or dtype not in _ROUNDING:
        return False
    try:
        works = torch.backends.mkldnn.is_available() and _agrees(dtype)  # type: ignore[no-untyped-call]
    except Exception as error:  # noqa: BLE001 - whatever another version of torch may raise
        logger.info("packed convolutions don't work here: %s", str(error).partition("\n")[0])
        return False
    if not works:
        logger.info("packed convolutions give other results here")
    return works


@torch.inference_mode()
def _agrees(dtype: torch.dtype) -> bool:
    """Whether both operations give what a plain convolution gives."""
    # The caller's random numbers must not move; the "meta" device would import sympy (0.4 s).
    with torch.random.fork_rng(devices=[]):
        conv = nn.Conv2d(8, 8, 3, padding=1)
    for each in conv.parameters():
        each.copy_(torch.linspace(-0.1, 0.1, each.numel()).view_as(each))
    conv.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = torch.linspace(-1.0, 1.0, 8 * 6 * 7).view(1, 8, 6, 7).to(dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    plain = conv(x).float()
    wanted = [plain.relu(), (plain + x.float()).relu()]
    found = [PackedConv(conv, relu=True)(x), PackedConv(conv, relu=True).add_to(x.clone(), x)]
    pairs = zip(found, wanted, strict=True)
    return all(torch.allclose(f.float(), w, atol=_ROUNDING[dtype]) for f, w in pairs)


def pack(network: nn.Module) -> nn.Module:
    """Replace, in place, what has a packed form; the network then only infers, on the CPU.

    Args:
        network: folded, in evaluation mode, channels last, in its final dtype.

    Returns:
        The network, or its replacement.
    """
    if isinstance(network, HasPackedForm):
        return network.packed()
    if isinstance(network, nn.Conv2d):
        return PackedConv(network) if _is_plain(network) else network
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
            conv: with numbers for padding, filled with zeros; a ``SameConv``'s border is kept.
            relu: whether a ReLU follows inside.

        Raises:
            ValueError: it pads in another way.
        """
        super().__init__()
        if not _is_plain(conv):
            raise ValueError("oneDNN pads with zeros, by numbers")
        self.relu = relu
        self.weight, self.bias = conv.weight, conv.bias
        self._geometry = (
            [int(each) for each in conv.padding], list(conv.stride), list(conv.dilation),
            conv.groups,
        )  # fmt: skip
        self._border: tuple[int, int, int, int] | None = getattr(conv, "border", None)
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


def _is_plain(conv: nn.Conv2d) -> bool:
    return conv.padding_mode == "zeros" and not isinstance(conv.padding, str)
