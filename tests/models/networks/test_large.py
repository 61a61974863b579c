"""``large``: the mean of its members; its shipped weights."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from skimage import color, data, io
from torch import Tensor, nn

import vidcolor
from vidcolor.errors import WeightsError
from vidcolor.models._metadata import settings
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ModelInput
from vidcolor.models.families.own import build_own
from vidcolor.models.finishing import Finishing
from vidcolor.models.mirrored import Mirrored
from vidcolor.models.networks.layers.blocks import ConvNorm
from vidcolor.models.networks.own.architectures import find_architecture
from vidcolor.models.networks.own.ensemble import LargeConfig, LargeNet
from vidcolor.models.networks.own.trained import TrainedNetwork
from vidcolor.models.weights.safe_load import load_checkpoint
from vidcolor.models.weights.store import bundled_path

_PHOTOS = ("astronaut", "coffee", "chelsea", "rocket")


@pytest.fixture(scope="module")
def model() -> Colorizer:
    """The shipped network in float32."""
    return vidcolor.load_model("large", "cpu", "fp32")


def _shipped(name: str) -> nn.Module:
    """A network as it was trained: not folded, without calm and saturation."""
    file = load_checkpoint(bundled_path(f"{name}.safetensors"))
    network = find_architecture(name).build(settings(file.metadata)).eval()
    network.load_state_dict({key: tensor.float() for key, tensor in file.state_dict.items()})
    return network


def _photographs() -> Tensor:
    return torch.cat([_lightness(name) for name in _PHOTOS])


def _lightness(name: str, side: int = 256) -> Tensor:
    photo = getattr(data, name)()[:side, :side]
    return torch.from_numpy(color.rgb2lab(photo)[None, None, ..., 0] / 100).float()


def test_all_members_have_their_say() -> None:
    torch.manual_seed(2)
    network = LargeNet(LargeConfig(members=3)).eval()
    lightness = torch.rand(2, 1, 64, 96)
    with torch.inference_mode():
        plain = network(ModelInput(lightness))
        assert plain.shape == (2, 2, 16, 24)
        for index in range(3):
            network.members[index].regress.bias[1] += 0.3  # type: ignore[index, union-attr]
            moved = (network(ModelInput(lightness)) - plain)[:, 1].mean()
            # a third each, of 0.3 times the head's unit, 110
            assert moved.item() == pytest.approx((index + 1) * 11.0, abs=1e-3)


def test_a_photograph_gets_its_colours(samples_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "portrait.png"
    options = vidcolor.ColorizeOptions(model="large", device="cpu")
    result = vidcolor.colorize_image(samples_dir / "portrait.jpg", out, options=options)
    assert result.model == "large"
    found, truth = (color.rgb2lab(x) for x in (io.imread(out), data.astronaut()))
    # Random weights give about 0; the mean over validation photographs is above 0.5.
    assert np.corrcoef(found[..., 1:].ravel(), truth[..., 1:].ravel())[0, 1] > 0.35


def test_it_has_its_members_and_says_what_it_is(model: Colorizer) -> None:
    assert (model.spec.name, model.label) == ("large", "large")
    assert model.spec.working_size.shape == "aspect"
    inner = model.network
    if isinstance(inner, Mirrored):
        inner = inner.network
    assert isinstance(inner, TrainedNetwork)
    assert isinstance(inner.network, LargeNet)
    assert len(inner.network.members) > 1
    millions = sum(t.numel() for t in load_file(bundled_path("large.safetensors")).values()) / 1e6
    # The file's norms aren't folded yet, which is less than 0.1 M numbers.
    assert millions == pytest.approx(model.spec.parameters_millions, abs=0.1)


def test_bfloat16_stays_close(model: Colorizer) -> None:
    half = vidcolor.load_model("large", "cpu", "bf16")
    batch = _photographs()
    # A mean of half a unit is about a quarter of what anybody can see.
    assert (model(ModelInput(batch)).ab - half(ModelInput(batch)).ab).abs().mean() < 0.5


def test_float16_holds_its_activations(model: Colorizer) -> None:
    """GPUs without bfloat16 compute in it; beyond 65,504 it is infinite."""
    file = load_checkpoint(bundled_path("large.safetensors"))
    half = build_own(file, torch.float16).network
    stripes = (torch.arange(256) % 2).float().expand(1, 1, 256, 256)
    for x in (_lightness("coffee"), stripes):
        with torch.inference_mode():
            # A twentieth of the unit that codecs round colours to.
            assert (model(ModelInput(x)).ab - half(ModelInput(x)).ab).abs().mean() < 0.05


@pytest.mark.parametrize("name", ["large", "compact"])
def test_a_file_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    copy = tmp_path / "film colours.pth"
    shutil.copy(bundled_path(f"{name}.safetensors"), copy)
    x = _lightness("coffee")
    found = vidcolor.load_model(copy, "cpu", "fp32")
    assert (found.spec.name, found.label) == (name, str(copy))
    assert torch.equal(
        found(ModelInput(x)).ab, vidcolor.load_model(name, "cpu", "fp32")(ModelInput(x)).ab
    )


@pytest.mark.parametrize("name", ["large", "compact"])
def test_tensors_alone_are_enough(tmp_path: Path, name: str) -> None:
    """A conversion may lose the metadata: the network itself can be seen from the tensors."""
    bare = tmp_path / "bare.safetensors"
    save_file(load_file(bundled_path(f"{name}.safetensors")), bare)
    x = _lightness("coffee")
    whole, found = (
        vidcolor.load_model(name, "cpu", "fp32"),
        vidcolor.load_model(bare, "cpu", "fp32"),
    )
    assert found.spec.name == name
    # what the metadata ask for besides is missing from tensors: finishing, and the mirror image
    assert whole.finishing != found.finishing == Finishing()
    if isinstance(whole.network, Mirrored):
        whole.network = whole.network.network
    # float32 with several threads: a process's first call may round otherwise (3e-4 seen, of 20)
    assert torch.allclose(found(ModelInput(x)).ab, whole(ModelInput(x)).ab, atol=2e-3)


def test_another_networks_tensors_under_its_name_are_refused(tmp_path: Path) -> None:
    tensors = load_file(bundled_path("large.safetensors"))
    del tensors["members.1.encoder.stem.weight"]
    path = tmp_path / "less.safetensors"
    save_file(tensors, path, metadata={"architecture": "large"})
    with pytest.raises(WeightsError) as caught:
        vidcolor.load_model(path, "cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["large", "compact"])
def test_no_channel_is_silent(name: str) -> None:
    """Channels that a ReLU has silenced for good are weight and time for nothing.

    Half of the first shipped ``large`` was so, and no figure told.
    """
    network = _shipped(name)
    loudest: dict[str, Tensor] = {}

    def listen(part: str) -> Callable[[nn.Module, object, Tensor], None]:
        def hear(_: nn.Module, __: object, output: Tensor) -> None:
            most = output.amax(dim=(0, 2, 3))
            loudest[part] = torch.maximum(loudest.get(part, most), most)

        return hear

    for part, module in network.named_modules():
        if isinstance(module, ConvNorm):
            module.register_forward_hook(listen(part))
    with torch.inference_mode():
        for photo in _PHOTOS:
            network(ModelInput(_lightness(photo)))
    assert len(loudest) >= 7
    assert {part: int((most <= 0).sum()) for part, most in loudest.items() if most.min() <= 0} == {}


def test_what_varies_at_the_coarsest_stride_is_used() -> None:
    """A path that is drowned by a louder one beside it is weight and time for nothing.

    The first shipped ones were so, attention and all.
    """
    network = _shipped("compact")
    batch = _photographs()
    with torch.inference_mode():
        whole = network(ModelInput(batch))
        network.get_submodule("decoder.bottom").register_forward_hook(
            lambda _, __, output: output.mean(dim=(2, 3), keepdim=True).expand_as(output)
        )
        share = (network(ModelInput(batch)) - whole).norm() / whole.norm()
    assert share > 0.06  # 0.024 in the drowned one, 0.13 now


def test_its_members_differ() -> None:
    network = _shipped("large")
    assert isinstance(network, LargeNet)
    batch = _photographs()
    with torch.inference_mode():
        mean = network(ModelInput(batch))
        for member in network.members:
            share = (member(ModelInput(batch)) - mean).norm() / mean.norm()
            assert 0.05 < share < 0.6  # the same network twice, or one that is random


def test_what_is_shipped_stays_small() -> None:
    """40 MB for both: everyone who installs vidcolor downloads them."""
    sizes = [bundled_path(f"{name}.safetensors").stat().st_size for name in ("compact", "large")]
    assert sum(sizes) <= 40e6
