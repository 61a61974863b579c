"""Folds what is constant once a network only infers: reparametrised weights and BatchNorms.

* A spectrally or weight-normalised layer becomes the ordinary layer that it equals.
* A BatchNorm directly behind a convolution goes into its weights and bias.
* A BatchNorm elsewhere (DeOldify has most behind a ReLU) becomes one multiply-add, which also keeps
  its variances out of half precision, where the smallest would become zero.

The folded network equals the unfolded one to float precision.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


class Reparametrised(nn.Module):
    """A layer whose weight is computed from stored parts; ``plain`` is the layer it equals."""

    def plain(self) -> nn.Module:
        """An ordinary layer with the computed weight."""
        raise NotImplementedError


class ScaleShift(nn.Module):
    """``x * weight + bias`` per channel, (B, C, H, W)."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.view(-1, 1, 1), requires_grad=False)
        self.bias = nn.Parameter(bias.view(-1, 1, 1), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Scales and shifts."""
        return torch.addcmul(self.bias, x, self.weight)


def fold(network: nn.Module) -> nn.Module:
    """Folds ``network`` in place and returns it; after that it only infers.

    A BatchNorm counts as directly behind a convolution if it is the next child of the same module:
    the networks here register children in the order in which they run.

    Args:
        network: in evaluation mode, float32 (precision would be lost for good in a smaller dtype).
    """
    with torch.no_grad():
        _fold_children(network)
    return network.requires_grad_(False)


def _fold_children(module: nn.Module) -> None:
    for name, child in list(module.named_children()):
        if isinstance(child, Reparametrised):
            setattr(module, name, child.plain())
        else:
            _fold_children(child)
    for (_, child), (next_name, follower) in pairwise(list(module.named_children())):
        if isinstance(child, nn.Conv2d) and isinstance(follower, nn.BatchNorm2d):
            _merge(child, follower)
            setattr(module, next_name, nn.Identity())
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, _scale_and_shift(child))


def _merge(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    """New tensors: the old ones may belong to the caller's state_dict."""
    mean, variance = _statistics(norm)
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, mean, variance, norm.eps, norm.weight, norm.bias
    )


def _scale_and_shift(norm: nn.BatchNorm2d) -> ScaleShift:
    mean, variance = (each.double() for each in _statistics(norm))
    scale = norm.weight.double() / torch.sqrt(variance + norm.eps)
    shift = norm.bias.double() - mean * scale
    return ScaleShift(scale.float(), shift.float())


def _statistics(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("a BatchNorm without running statistics can't be folded")
    return norm.running_mean, norm.running_var
