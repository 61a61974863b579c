"""The optimiser's groups, and the learning rate over a run."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import nn

from vidcolor.training.config import TrainConfig


def make_optimizer(network: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW on what isn't frozen.

    Modules called "encoder" have a rate of their own. Weights decay; norms' factors and biases,
    which have one dimension, don't (He et al., 2019, "Bag of tricks", section 3.1).
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups["encoder" in name.split("."), parameter.ndim > 1].append(parameter)
    listed = [
        {
            "params": groups[in_encoder, decays],
            "top_lr": config.encoder_lr if in_encoder else config.lr,
            "weight_decay": config.weight_decay if decays else 0.0,
        }
        for in_encoder, decays in sorted(groups, reverse=True)
    ]
    device = next(network.parameters()).device.type
    return torch.optim.AdamW(
        listed,
        lr=config.lr,
        betas=config.betas,
        # One pass over memory in place of ten: on a CPU a sixth of the time.
        fused=device in ("cpu", "cuda"),
    )


def restore(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Take an optimiser's state back; its own rates hold, not those of the run so far.

    Raises:
        ValueError: for the state of other parameters.
    """
    own = [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, values in zip(optimizer.param_groups, own, strict=True):
        group.update(values)


def set_rate(optimizer: torch.optim.Optimizer, step: int, config: TrainConfig) -> float:
    """Set each group's learning rate for a step; returns the factor on the top rates."""
    factor = learning_rate_factor(step, config)
    for group in optimizer.param_groups:
        group["lr"] = group["top_lr"] * factor
    return factor


def ema_decay(step: int, decay: float) -> float:
    """Decay of the moving average: small at first, so that random starting weights soon fade."""
    return min(decay, (1 + step) / (10 + step))


def learning_rate_factor(step: int, config: TrainConfig) -> float:
    """Share of the top learning rate: a short rise, a plateau, and a straight fall at the end.

    The plateau makes the length of a run free to choose while it runs: only the fall is tied to it.
    """
    rise = min(1.0, (step + 1) / max(config.warmup, 1))
    fall = (config.steps - step) / max(config.steps * config.decay, 1.0)
    return min(rise, max(0.0, min(1.0, fall)))
