"""Packed networks give what the plain ones give."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import vidcolor
from vidcolor.models.contract import ModelInput
from vidcolor.models.networks.layers.folding import fold
from vidcolor.models.networks.layers.packed import PackedConv, can_pack, flop_formulas, pack
from vidcolor.models.networks.own.architectures import (
    ARCHITECTURES,
    as_trainable,
    find_architecture,
)
from vidcolor.models.networks.own.compact import CompactNet
from vidcolor.models.networks.published.deoldify import Residual, Upsample, WeightNormConv
from vidcolor.models.running.device import cpu_has_bf16

pytestmark = pytest.mark.skipif(not can_pack(), reason="no oneDNN with fused convolutions here")


@pytest.fixture(autouse=True)
def _fixed_weights() -> None:
    torch.manual_seed(5)


class Ab(nn.Module):
    """A trainable network as a function of tensors."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, lightness: torch.Tensor) -> torch.Tensor:
        ab: torch.Tensor = self.network(ModelInput(lightness))
        return ab


def _same(network: nn.Module, *inputs: torch.Tensor) -> None:
    """Packed and plain agree on inputs of several sizes, one after the other."""
    network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        wanted = [network(x.clone()) for x in inputs]
        packed = pack(network)
        assert any(isinstance(part, PackedConv) for part in packed.modules())
        for x, want in zip(inputs, wanted, strict=True):
            found = packed(x.clone(memory_format=torch.channels_last))
            # The same sums in another order, in float32.
            assert torch.allclose(found, want, rtol=1e-4, atol=1e-4 * want.abs().max().item())


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("bottleneck", [True, False])
def test_resnet_blocks(stride: int, bottleneck: bool) -> None:
    block = Residual(16, 8, stride=stride, bottleneck=bottleneck)
    _same(fold(block.eval()), torch.randn(2, 16, 12, 10), torch.randn(1, 16, 9, 7))


def test_a_shortcut_without_convolution() -> None:
    block = fold(Residual(16, 16).eval())
    _same(block, torch.randn(2, 16, 8, 8))


@pytest.mark.parametrize("blur", [True, False])
def test_upsampling_keeps_every_channel_in_its_place(blur: bool) -> None:
    block = Upsample(WeightNormConv(6, 20), blur=blur)
    nn.init.normal_(block.conv[0].bias)
    _same(fold(block.eval()), torch.randn(2, 6, 5, 7))


def test_compact_with_padded_strides() -> None:
    network = CompactNet().prepare(torch.float32)
    _same(Ab(network), torch.rand(2, 1, 96, 64), torch.rand(1, 1, 64, 128))


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_what_can_be_trained(name: str) -> None:
    network = find_architecture(name).build({}).eval()
    prepared = as_trainable(network).prepare(torch.float32)
    height = 256 if name == "pix2pix" else 64  # pix2pix halves eight times
    _same(Ab(prepared), torch.rand(1, 1, height, height))


def test_models_for_the_cpu_are_packed() -> None:
    model = vidcolor.load_model("compact", "cpu", "fp32")
    assert any(isinstance(part, PackedConv) for part in model.modules())


@pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU has no bfloat16")
def test_bfloat16_is_as_near_to_float32_as_unpacked() -> None:
    lightness = torch.rand(1, 1, 24, 18).repeat_interleave(8, -1).repeat_interleave(8, -2)
    exact = vidcolor.load_model("compact", "cpu", "fp32")(ModelInput(lightness)).ab
    found = vidcolor.load_model("compact", "cpu", "bf16")(ModelInput(lightness)).ab
    # On blocks of noise the unpacked network errs by 0.2 ab units on average.
    assert (found - exact).abs().mean() < 0.5


def test_operations_are_counted_as_of_the_plain_network() -> None:
    lightness = torch.rand(1, 1, 96, 64)
    network = CompactNet().prepare(torch.float32)
    with FlopCounterMode(display=False) as plain:
        network(ModelInput(lightness))
    with FlopCounterMode(display=False, custom_mapping=flop_formulas()) as counted:
        pack(network)(ModelInput(lightness))
    assert counted.get_total_flops() == plain.get_total_flops() > 0


class _Missing:
    """What another version of torch may have in place of an operation."""

    def __call__(self, *_: object) -> torch.Tensor:
        raise TypeError("_convolution_pointwise() missing 1 required positional argument")


class _Other:
    """An operation of the same signature that computes something else."""

    def __call__(self, x: torch.Tensor, weight: torch.Tensor, *_: object) -> torch.Tensor:
        return torch.zeros(len(x), 8, *x.shape[2:])


@pytest.mark.parametrize("changed", [_Missing(), _Other()])
def test_an_operation_that_has_changed_is_noticed_and_not_used(
    changed: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = ModelInput(torch.rand(1, 1, 64, 64))
    wanted = vidcolor.load_model("compact", "cpu", "fp32")(inputs).ab
    can_pack.cache_clear()
    monkeypatch.setattr(torch.ops.mkldnn, "_convolution_pointwise", changed)
    try:
        assert not can_pack()
        model = vidcolor.load_model("compact", "cpu", "fp32")
        assert not any(isinstance(part, PackedConv) for part in model.modules())
        # the same sums in another order, of colours up to 100, in float32
        assert (model(inputs).ab - wanted).abs().max() < 1e-2
    finally:
        can_pack.cache_clear()


def test_trying_leaves_random_numbers_alone() -> None:
    can_pack.cache_clear()
    before = torch.random.get_rng_state()
    assert can_pack()
    assert torch.equal(torch.random.get_rng_state(), before)
