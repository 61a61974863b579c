"""Networks that look at pictures for the perceptual loss: VGG16, VGG19, MobileNet EdgeTPU."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from vidcolor.errors import WeightsError
from vidcolor.evaluation.measures.backbones import load_edge_backbone
from vidcolor.models.networks.layers.blocks import IMAGENET_MEAN, IMAGENET_STD
from vidcolor.models.weights.safe_load import load_checkpoint

_VGG = {
    "vgg16": (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512),
    "vgg19": (64, 64, 0, 128, 128, 0, *[256] * 4, 0, *[512] * 4, 0, *[512] * 4),
}
"""Channels of the 3x3 convolutions, 0 a halving (Simonyan and Zisserman, 2015, D and E)."""

BACKBONES = (*_VGG, "mobilenet")

_PREFIX = "features."


class Vgg(nn.Module):
    """A VGG without its classifier, with torchvision's numbering of layers.

    Args:
        name: "vgg16" or "vgg19".
        norm: with BatchNorm after each convolution ("vgg16_bn").
    """

    def __init__(self, name: str, *, norm: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in _VGG[name]:
            if width == 0:
                layers.append(nn.MaxPool2d(2))
                continue
            layers.append(nn.Conv2d(channels, width, 3, padding=1))
            layers += [nn.BatchNorm2d(width)] if norm else []
            layers.append(nn.ReLU())
            channels = width
        self.features = nn.Sequential(*layers)
        for key, values in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):
            self.register_buffer(key, torch.tensor(values).view(1, 3, 1, 1), persistent=False)
        self.mean: Tensor
        self.std: Tensor

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """``(B, 3, H, W)`` sRGB in [0, 1] to the features before each halving, and the last."""
        x = (rgb - self.mean) / self.std
        kept = []
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                kept.append(x)
            x = layer(x)
        return [*kept, x]


def load_backbone(name: str, path: Path) -> nn.Module:
    """A backbone with its weights.

    Args:
        name: one of ``BACKBONES``.
        path: for a VGG torchvision's file (with BatchNorm or without; .pth or .safetensors), for
            "mobilenet" the int8 safetensors that encoders start from.

    Raises:
        WeightsError: if the file is missing or doesn't fit.
    """
    if name == "mobilenet":
        return load_edge_backbone(path)
    tensors = load_checkpoint(path).state_dict
    known = {
        k.removeprefix(_PREFIX): v.float() for k, v in tensors.items() if k.startswith(_PREFIX)
    }
    vgg = Vgg(name, norm="1.running_mean" in known)
    try:
        vgg.features.load_state_dict(known)
    except RuntimeError as error:
        raise WeightsError(f"{path}: not the weights of {name}") from error
    return vgg
