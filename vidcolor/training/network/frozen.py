"""Frozen parts of a network: their statistics stay, and on CPUs they run packed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from vidcolor.models.networks.layers.packed import can_pack, pack
from vidcolor.models.networks.own.encoders.encoder import Encoder


def pack_frozen(network: nn.Module) -> int:
    """Pack whole encoders and stages that don't learn (``models.networks.layers.packed``).

    Names, values and ``state_dict`` stay the same; only ``forward`` is replaced, which then takes
    about three quarters of the time. Parts with norms are left alone.

    Args:
        network: to train on the CPU under bfloat16's autocast, with the weights it keeps; not to
            be copied or loaded into afterwards.

    Returns:
        How many parts were packed.
    """
    if not can_pack(torch.bfloat16):
        return 0
    return _pack_frozen(network)


def freeze_statistics(network: nn.Module) -> None:
    """Keep the statistics of norms that don't learn; in training mode they follow the batches.

    Args:
        network: just set to training mode.
    """
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d) and not any(p.requires_grad for p in part.parameters()):
            part.eval()


def _pack_frozen(module: nn.Module) -> int:
    if next(module.parameters(), None) is None:
        return 0
    can_be_packed = isinstance(module, Encoder | nn.Sequential)
    if not can_be_packed or _changes(module):
        return sum(_pack_frozen(child) for child in module.children())
    module.forward = _packed(module)
    return 1


def _changes(module: nn.Module) -> bool:
    norms = any(isinstance(part, nn.BatchNorm2d) for part in module.modules())
    return norms or any(parameter.requires_grad for parameter in module.parameters())


def _packed(module: nn.Module) -> Callable[[Tensor], Any]:
    own = copy.deepcopy(module).eval()
    packed = pack(own.to(torch.bfloat16).to(memory_format=torch.channels_last))  # type: ignore[call-overload]

    def forward(x: Tensor) -> Any:  # noqa: ANN401 - what the module gives
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            return packed(x.to(torch.bfloat16))

    return forward
