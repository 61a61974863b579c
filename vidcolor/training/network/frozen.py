"""Frozen parts of a network: they stay as they are, and run as they will in use."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from vidcolor.models.networks.encoders.encoder import Encoder
from vidcolor.models.networks.packed import can_pack, pack


def quicken(network: nn.Module) -> int:
    """Give parts that don't learn their quick form (``models.networks.packed``).

    Names, values and what ``state_dict`` gives stay as they are; only ``forward`` of whole encoders
    and stages is another: it takes about three quarters of the time. Parts with norms are
    left alone.

    Args:
        network: to train on the CPU under bfloat16's autocast, with the weights it keeps; not to
            be copied or loaded into afterwards.

    Returns:
        How many parts there were.
    """
    if not can_pack(torch.bfloat16):
        return 0
    return _quicken(network)


def hold_norms(network: nn.Module) -> None:
    """Keep the statistics of norms that don't learn; in training mode they follow the batches.

    Args:
        network: just set to training mode.
    """
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d) and not any(p.requires_grad for p in part.parameters()):
            part.eval()


def _quicken(module: nn.Module) -> int:
    if next(module.parameters(), None) is None:
        return 0
    whole = isinstance(module, Encoder | nn.Sequential)
    if not whole or _changes(module):
        return sum(_quicken(child) for child in module.children())
    module.forward = _packed(module)
    return 1


def _changes(module: nn.Module) -> bool:
    norms = any(isinstance(part, nn.BatchNorm2d) for part in module.modules())
    return norms or any(parameter.requires_grad for parameter in module.parameters())


def _packed(module: nn.Module) -> Callable[[Tensor], Any]:
    own = copy.deepcopy(module).eval()
    quick = pack(own.to(torch.bfloat16).to(memory_format=torch.channels_last))  # type: ignore[call-overload]

    def forward(x: Tensor) -> Any:  # noqa: ANN401 - what the module gives
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            return quick(x.to(torch.bfloat16))

    return forward
