"""What families of published networks share: strict loading, and random weights of sane size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vidcolor.errors import WeightsError
from vidcolor.models.weights.safe_load import Checkpoint


def plain_tensors(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of a state_dict; floating ones in float32."""
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in state.items()
        if isinstance(value, Tensor)
    }


def load_strictly(network: nn.Module, state: Mapping[str, Tensor], *, title: str) -> None:
    """Put tensors into a network; they are shared, not copied.

    Args:
        network: made under ``torch.device("meta")``, or anywhere else.
        state: as ``plain_tensors`` gives it.
        title: of the network, for messages.

    Raises:
        WeightsError: an entry is missing, unknown or misshapen; names the first in one line, where
            torch would use hundreds.
    """
    wanted = {name: value.shape for name, value in network.state_dict().items()}
    problems = [f"{name} is missing" for name in wanted if name not in state]
    problems += [f"{name[:80]} is unknown" for name in state if name not in wanted]
    problems += [
        f"{name} is {tuple(state[name].shape)} instead of {tuple(shape)}"
        for name, shape in wanted.items()
        if name in state and state[name].shape != shape
    ]
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise WeightsError(f"weights of {title} don't fit: {problems[0]}{more}")
    network.load_state_dict(state, strict=True, assign=True)


def calibrated(network: nn.Module, *inputs: Tensor) -> Checkpoint:
    """The state_dict of a network with random weights whose BatchNorms know its activations.

    So activations have the size of real ones, and neither overflows nor denormal numbers change
    the speed.

    Args:
        network: with fresh random weights.
        inputs: what its ``forward`` takes, a small batch.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0  # the only batch is all there is to learn from
    with torch.no_grad():
        network.train()(*inputs)
    return Checkpoint(dict(network.eval().state_dict()))
