"""Drawn weights into a network of anybody's, and BatchNorm's statistics out of it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from synthetic import Array, NormStatistics
from torch import nn


def load(network: nn.Module, state: dict[str, Array]) -> None:
    """Puts arrays into the network, strictly."""
    network.load_state_dict(
        {key: torch.from_numpy(value) for key, value in state.items()}, strict=True
    )


def calibrate(network: nn.Module, inputs: torch.Tensor) -> NormStatistics:
    """Gives every BatchNorm the statistics of what it sees, in order, in one pass."""
    statistics, hooks = NormStatistics(), []

    def hook_for(name: str) -> Callable[[nn.Module, tuple[torch.Tensor, ...]], None]:
        def measure(module: nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
            std, mean = torch.std_mean(arguments[0].double(), dim=(0, 2, 3))
            statistics.measure(name, mean.numpy(), std.numpy())
            running = statistics.running(name)
            module.get_buffer("running_mean").copy_(torch.from_numpy(running[0]))
            module.get_buffer("running_var").copy_(torch.from_numpy(running[1]))

        return measure

    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            hooks.append(module.register_forward_pre_hook(hook_for(name)))
    network(inputs)
    for hook in hooks:
        hook.remove()
    return statistics
