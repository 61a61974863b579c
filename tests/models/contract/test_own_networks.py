"""What our own networks give besides ab, and that it costs nothing unless asked for."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import vidcolor
from vidcolor.models.contract import ModelInput
from vidcolor.models.mirrored import Mirrored
from vidcolor.models.networks.layers.ab_bins import AbBins, AnnealedHead, certainty
from vidcolor.models.networks.own.architectures import (
    ARCHITECTURES,
    as_trainable,
    find_architecture,
)
from vidcolor.models.networks.own.trained import TrainedNetwork

BINS = len(AbBins(torch.device("cpu")))


def _network(name: str, bins: int = 0) -> tuple[TrainedNetwork, int]:
    torch.manual_seed(3)
    architecture = find_architecture(name)
    network = architecture.build({"bins": bins}).eval()
    classify = as_trainable(network).classify
    head = None if classify is None else AnnealedHead(classify)
    as_trainable(network).classify = None
    prepared = as_trainable(network).prepare(torch.float32)
    return TrainedNetwork(prepared, architecture.stride({}), head=head), architecture.stride({})


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
@pytest.mark.parametrize("odd", [0, 5])
def test_features_have_abs_size_and_no_gradient(name: str, odd: int) -> None:
    network, stride = _network(name)
    inputs = ModelInput(torch.rand(2, 1, stride - odd, 2 * stride - odd), wants_features=True)
    found = network(inputs)
    assert found.features is not None
    assert found.features.shape[-2:] == found.ab.shape[-2:]
    assert not found.features.requires_grad
    assert found.confidence is None  # regression doesn't know how sure it is
    plain = network(ModelInput(inputs.lightness))
    assert plain.features is None
    assert torch.equal(plain.ab, found.ab)


def test_features_explain_ab() -> None:
    """They are what the head reads, and not some other layer's, also of the mirrored view."""
    network, _ = _network("compact")
    inputs = ModelInput(torch.rand(1, 1, 64, 96), wants_features=True)
    for model in (network, Mirrored(network)):
        found = model(inputs)
        again = as_trainable(network.network).head_ab(found.features)
        # the mean of two linear heads is the head of the mean, to float32's rounding
        assert torch.allclose(again, found.ab, atol=1e-3)


def test_confidence_comes_with_a_classification_head_when_asked() -> None:
    network, _ = _network("unet", BINS)
    lightness = torch.rand(2, 1, 64, 96)
    found = network(ModelInput(lightness, wants_confidence=True))
    assert found.confidence is not None
    assert found.confidence.shape == (2, 1, *found.ab.shape[-2:])
    assert 0.0 <= found.confidence.min() <= found.confidence.max() <= 1.0
    assert network(ModelInput(lightness)).confidence is None


def test_confidence_is_0_where_nothing_is_known_and_1_where_one_bin_has_all() -> None:
    logits = torch.zeros(1, BINS, 1, 3)
    logits[0, 7, 0, 1] = 200.0
    logits[0, :2, 0, 2] = 200.0  # one of two
    none, all_of_it, half = certainty(logits).flatten().tolist()
    assert none == pytest.approx(0.0, abs=1e-5)  # float32
    assert all_of_it == pytest.approx(1.0, abs=1e-5)
    assert half == pytest.approx(1.0 - math.log(2) / math.log(BINS), abs=1e-5)


def test_features_reach_the_caller_of_a_loaded_model() -> None:
    model = vidcolor.load_model("compact", "cpu", "fp32")
    inputs = ModelInput(torch.rand(3, 1, 64, 64), wants_features=True)
    found = model(inputs)
    assert found.features is not None
    assert found.features.shape == (3, 64, 16, 16)


class _Guided(nn.Module):
    """A trainable network whose features are the guidance that it gets."""

    classify = None

    def features(self, inputs: ModelInput) -> torch.Tensor:
        assert inputs.guidance is not None
        return torch.cat((inputs.guidance.ab, inputs.guidance.confidence, inputs.lightness), dim=1)

    def head_ab(self, features: torch.Tensor) -> torch.Tensor:
        return features[:, :2]


@pytest.mark.parametrize("size", [(32, 64), (30, 50)])
def test_guidance_is_at_the_same_places_as_the_lightness_inside(size: tuple[int, int]) -> None:
    network = TrainedNetwork(_Guided(), 32)
    ab, confidence = torch.randn(1, 2, *size), torch.ones(1, 1, *size)
    guidance = vidcolor.Guidance(ab, confidence)
    found = network(ModelInput(torch.rand(1, 1, *size), guidance))
    assert torch.equal(found.ab, ab)
