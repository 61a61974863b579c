"""Another encoder is one class: the network takes its channels, scales and scene from it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import vidcolor
from vidcolor.errors import OptionError, WeightsError
from vidcolor.models.contract import ModelInput
from vidcolor.models.networks.own.compact import CompactConfig, CompactNet
from vidcolor.models.networks.own.encoders import choice
from vidcolor.models.networks.own.encoders.edgetpu import EdgeEncoder
from vidcolor.models.networks.own.encoders.encoder import Encoder


class Halving(Encoder):
    """Four convolutions, each of which halves the picture, and a classification head's features."""

    name = "halving"
    channels = (4, 6, 8, 10)
    scales = (1.0, 0.5, 0.25, 0.125)
    scene_channels = 32

    def __init__(self) -> None:
        super().__init__()
        widths = (1, *self.channels)
        self.stages = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride=4 if before == 1 else 2, padding=1)
            for before, after in zip(widths[:-1], widths[1:], strict=True)
        )
        self.head = nn.Conv2d(10, 32, 1)

    def normalise(self, srgb: Tensor) -> Tensor:
        return srgb * 2.0 - 1.0

    def forward(self, x: Tensor) -> list[Tensor]:
        features = []
        for stage in self.stages:
            x = torch.relu(stage(x))
            features.append(x)
        return features

    def scene(self, deepest: Tensor) -> Tensor:
        return torch.relu(self.head(deepest)).mean(dim=(2, 3), keepdim=True)


@pytest.fixture
def halving(monkeypatch: pytest.MonkeyPatch) -> CompactConfig:
    known = {EdgeEncoder.name: EdgeEncoder, Halving.name: Halving}
    monkeypatch.setattr(choice, "ENCODERS", known)
    return CompactConfig(decoder=(32, 24, 16, 8), encoder="halving")


def test_a_network_on_another_encoder_colorizes_from_its_file(
    halving: CompactConfig, tmp_path: Path
) -> None:
    torch.manual_seed(4)
    network = CompactNet(halving).eval()
    path = tmp_path / "own.safetensors"
    metadata = {
        "architecture": "compact",
        "config": '{"decoder": [32, 24, 16, 8], "encoder": "halving"}',
    }
    save_file(network.state_dict(), path, metadata=metadata)
    inputs = ModelInput(torch.rand(2, 1, 64, 96))
    with torch.inference_mode():
        wanted = network(inputs)
    # Norms are folded and convolutions packed in the product: float32 sums in another order.
    assert torch.allclose(vidcolor.load_model(path, "cpu", "fp32")(inputs).ab, wanted, atol=2e-3)


def test_scene_and_scales_are_the_encoders(halving: CompactConfig) -> None:
    network = CompactNet(halving).eval()
    inputs = ModelInput(torch.rand(1, 1, 64, 64))
    with torch.inference_mode():
        before = network(inputs)
        network.encoder.head.bias += 5.0  # type: ignore[operator, union-attr]
        other_scene = network(inputs)
        assert not torch.allclose(before, other_scene, atol=1e-3)
        Halving.scales = (2.0, 0.5, 0.25, 0.125)
        try:
            assert not torch.allclose(network(inputs), other_scene, atol=1e-3)
        finally:
            Halving.scales = (1.0, 0.5, 0.25, 0.125)


def test_an_unknown_encoder_is_said(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no encoder 'resnet'; known are mobilenet-edgetpu-075"):
        CompactNet(CompactConfig(encoder="resnet"))
    with pytest.raises(WeightsError, match="not the int8 weights"):
        path = tmp_path / "x.safetensors"
        save_file({"0.weight": torch.zeros(1)}, path)
        EdgeEncoder().load_pretrained(path)
