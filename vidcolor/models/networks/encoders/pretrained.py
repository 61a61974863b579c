"""Encoder weights learnt on ImageNet, from the int8 safetensors files that hold them."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from vidcolor.errors import WeightsError
from vidcolor.models.networks.compact import EdgeEncoder


def load_edge_encoder(encoder: EdgeEncoder, path: Path) -> None:
    """Fill a MobileNet EdgeTPU 0.75 encoder.

    The file stores convolutions in the order of work as ``{i}.weight`` (int8), ``{i}.scale`` (per
    output channel) and ``{i}.bias``: ``weight * scale`` restores them. For one grey channel the
    first convolution is summed over its three inputs, since grey is R = G = B.

    Raises:
        WeightsError: if the file can't be read, or is not that encoder.
    """
    layers = [m for m in encoder.modules() if isinstance(m, nn.Conv2d)]
    try:
        weights, biases = _read(path)
        if encoder.stem.in_channels == 1:
            weights[0] = weights[0].sum(dim=1, keepdim=True)
        with torch.no_grad():
            for layer, weight, bias in zip(layers, weights, biases, strict=True):
                assert layer.bias is not None
                _fill(layer.weight, weight)
                _fill(layer.bias, bias)
    except OSError as error:
        raise WeightsError(f"{path}: can't read these pretrained weights: {error}") from error
    except (SafetensorError, IndexError, RuntimeError, ValueError) as error:
        raise WeightsError(
            f"{path}: not the int8 weights of a MobileNet EdgeTPU 0.75 encoder; a run's own "
            "weights are for --start"
        ) from error


def _read(path: Path) -> tuple[list[Tensor], list[Tensor]]:
    with safe_open(path, framework="pt") as file:
        indices = sorted(int(k.split(".")[0]) for k in file.keys() if k.endswith(".weight"))  # noqa: SIM118
        weights = [
            _restore(file.get_tensor(f"{i}.weight"), file.get_tensor(f"{i}.scale")) for i in indices
        ]
        return weights, [file.get_tensor(f"{i}.bias") for i in indices]


def _fill(own: Tensor, found: Tensor) -> None:
    if own.shape != found.shape:
        raise ValueError(f"{tuple(found.shape)} in place of {tuple(own.shape)}")
    own.copy_(found)


def _restore(codes: Tensor, scale: Tensor) -> Tensor:
    return codes.float() * scale.float().view(-1, 1, 1, 1)
