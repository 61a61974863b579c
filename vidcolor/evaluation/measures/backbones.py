"""The ImageNet encoder on colour pictures, whose features KID and the perceptual loss compare."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from vidcolor.models.networks.own.encoders.edgetpu import EdgeEncoder


class EdgeBackbone(nn.Module):
    """MobileNet EdgeTPU 0.75 on colour pictures: features at strides 4 to 32."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = EdgeEncoder(channels_in=3)

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """``(B, 3, H, W)`` sRGB in [0, 1]; sides are multiples of 32."""
        features: list[Tensor] = self.encoder(self.encoder.normalise(rgb))
        return features


def load_edge_backbone(path: Path) -> EdgeBackbone:
    """The backbone with its weights.

    Args:
        path: the int8 safetensors file that encoders start from.

    Raises:
        WeightsError: if the file is missing or doesn't fit.
    """
    backbone = EdgeBackbone()
    backbone.encoder.load_pretrained(path)
    return backbone
