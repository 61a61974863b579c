"""Encoder weights learnt on ImageNet, from the int8 safetensors files that hold them."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from vidcolor.errors import WeightsError
from vidcolor.models.networks.compact import EdgeEncoder
from vidcolor.models.networks.resnet import GREY_MEAN, GREY_STD, ResNetEncoder, Unit

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

_NORM_EPS = 1e-5


def load_edge_encoder(encoder: EdgeEncoder, path: Path) -> None:
    """Fill a MobileNet EdgeTPU 0.75 encoder.

    The file stores convolutions in the order of work as ``{i}.weight`` (int8), ``{i}.scale`` (per
    output channel) and ``{i}.bias``: ``weight * scale`` restores them. For one grey channel the
    first convolution is summed over its three inputs, since grey is R = G = B.

    Raises:
        WeightsError: if the file is not that encoder.
    """
    with safe_open(path, framework="pt") as file:
        indices = sorted(int(k.split(".")[0]) for k in file.keys() if k.endswith(".weight"))  # noqa: SIM118
        weights = [
            _restore(file.get_tensor(f"{i}.weight"), file.get_tensor(f"{i}.scale")) for i in indices
        ]
        biases = [file.get_tensor(f"{i}.bias") for i in indices]
    if encoder.stem.in_channels == 1:
        weights[0] = weights[0].sum(dim=1, keepdim=True)
    layers = [m for m in encoder.modules() if isinstance(m, nn.Conv2d)]
    if [m.weight.shape for m in layers] != [w.shape for w in weights]:
        raise WeightsError(f"{path}: not a MobileNet EdgeTPU 0.75 encoder")
    with torch.no_grad():
        for layer, weight, bias in zip(layers, weights, biases, strict=True):
            layer.weight.copy_(weight)
            assert layer.bias is not None
            layer.bias.copy_(bias)


def _restore(codes: Tensor, scale: Tensor) -> Tensor:
    return codes.float() * scale.float().view(-1, 1, 1, 1)


def load_resnet_encoder(encoder: ResNetEncoder, path: Path) -> None:
    """Fill a ResNet-50 v2 encoder, stem to stage 3, from int8 weights and float32 norms.

    Norms are applied by their statistics: folded into the convolution before them, or kept as the
    scale and shift at a unit's head. The input's own norm and the sum over its three equal channels
    go into the stem; exact but for the outermost pixels, whose zero padding stood after the norm.

    Raises:
        WeightsError: if the file is not that encoder.
    """
    tensors = load_file(path)
    try:
        with torch.no_grad():
            _fill_stem(encoder.stem, tensors)
            for s, stage in enumerate(encoder.stages):
                assert isinstance(stage, nn.Sequential)
                for u, unit in enumerate(stage):
                    assert isinstance(unit, Unit)
                    _fill_unit(unit, tensors, f"stages.{s}.{u}.")
    except (KeyError, RuntimeError) as error:
        raise WeightsError(f"{path}: not the stages 1 to 3 of a ResNet-50 v2") from error


def _fill_stem(stem: nn.Conv2d, tensors: dict[str, Tensor]) -> None:
    weight = _convolution(tensors, "conv0.")
    # grey = x * std + mean of ours; the file's encoder knows (grey - mean_c) / std_c, then norm0.
    mean, std = torch.tensor(_IMAGENET_MEAN), torch.tensor(_IMAGENET_STD)
    scale, shift = _norm(tensors, "norm0.", fixed_scale=True)
    gain = scale * GREY_STD / std
    offset = scale * (GREY_MEAN - mean) / std + shift
    after, bias = _norm(tensors, "norm1.")
    grey = (weight * gain.view(1, -1, 1, 1)).sum(dim=1, keepdim=True)
    constant = (weight * offset.view(1, -1, 1, 1)).sum(dim=(1, 2, 3))
    stem.weight.copy_(grey * after.view(-1, 1, 1, 1))
    assert stem.bias is not None
    stem.bias.copy_(constant * after + bias)


def _fill_unit(unit: Unit, tensors: dict[str, Tensor], prefix: str) -> None:
    scale, shift = _norm(tensors, prefix + "norm1.")
    unit.norm.scale.copy_(scale.view(1, -1, 1, 1))
    unit.norm.shift.copy_(shift.view(1, -1, 1, 1))
    for layer, name, norm in ((unit.reduce, "conv1.", "norm2."), (unit.mix, "conv2.", "norm3.")):
        gain, bias = _norm(tensors, prefix + norm)
        layer.weight.copy_(_convolution(tensors, prefix + name) * gain.view(-1, 1, 1, 1))
        assert layer.bias is not None
        layer.bias.copy_(bias)
    unit.expand.weight.copy_(_convolution(tensors, prefix + "conv3."))
    if unit.down is not None:
        unit.down.weight.copy_(_convolution(tensors, prefix + "down."))


def _convolution(tensors: dict[str, Tensor], prefix: str) -> Tensor:
    return _restore(tensors[prefix + "weight"], tensors[prefix + "scale"])


def _norm(
    tensors: dict[str, Tensor], prefix: str, *, fixed_scale: bool = False
) -> tuple[Tensor, Tensor]:
    """A BatchNorm by its statistics, as the scale and the shift that it amounts to."""
    gain = torch.rsqrt(tensors[prefix + "running_var"] + _NORM_EPS)
    if not fixed_scale:
        gain = gain * tensors[prefix + "weight"]
    return gain, tensors[prefix + "bias"] - tensors[prefix + "running_mean"] * gain
