"""Our network behind ``load_model``: sizes, precision, recognition, quality of the shipped file."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from skimage import data

import vidcolor
from vidcolor.color import rgb_to_lab
from vidcolor.errors import OptionError, WeightsError
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ModelInput
from vidcolor.models.networks.layers.blocks import SameConv
from vidcolor.models.networks.own.compact import CompactConfig, CompactNet
from vidcolor.models.weights.store import bundled_path


@pytest.fixture(scope="module")
def model() -> Colorizer:
    """The shipped network in float32."""
    return vidcolor.load_model("compact", "cpu", "fp32")


def _lab(name: str, side: int = 256) -> torch.Tensor:
    photo = torch.from_numpy(getattr(data, name)()[:side, :side].copy())
    return rgb_to_lab(photo.permute(2, 0, 1)[None].float() / 255)


@pytest.mark.parametrize("size", [(256, 256), (32, 64), (1, 1), (17, 33), (100, 260), (65, 64)])
def test_any_size_goes(model: Colorizer, size: tuple[int, int]) -> None:
    ab = model(ModelInput(torch.rand(2, 1, *size))).ab
    assert ab.dtype == torch.float32
    assert ab.shape[:2] == (2, 2)
    assert abs(ab.shape[2] / ab.shape[3] - size[0] / size[1]) < 0.02 * size[0] / size[1]
    assert torch.isfinite(ab).all()


def test_padding_does_not_move_the_picture(model: Colorizer) -> None:
    """A crop coloured alone agrees in place with the whole: a shift by one sample would not."""
    lightness = _lab("coffee")[:, :1] / 100
    whole = torch.nn.functional.interpolate(
        model(ModelInput(lightness)).ab, scale_factor=4.0, mode="bilinear"
    )
    part = model(ModelInput(lightness[..., :255, :253])).ab
    assert part.shape[-2:] == (255, 253)
    difference = (whole[..., :255, :253] - part).abs().mean()
    # The missing rows change the scene's mean a little; the colours' own mean size is near 20.
    assert difference < 1.0


def test_wrong_input_is_refused(model: Colorizer) -> None:
    for wrong in (torch.rand(1, 3, 64, 64), torch.rand(64, 64), torch.rand(1, 1, 64, 64).double()):
        with pytest.raises(ValueError, match="float32"):
            model(ModelInput(wrong))


def test_batch_size_changes_nothing(model: Colorizer) -> None:
    batch = torch.cat([_lab(n)[:, :1] / 100 for n in ("astronaut", "coffee", "chelsea", "rocket")])
    together = model(ModelInput(batch)).ab
    alone = torch.cat([model(ModelInput(one[None])).ab for one in batch])
    assert (together - alone).abs().max() < 0.01  # the bar, in Lab units


def test_bfloat16_stays_close(model: Colorizer) -> None:
    half = vidcolor.load_model("compact", "cpu", "bf16")
    batch = torch.cat([_lab(n)[:, :1] / 100 for n in ("astronaut", "coffee", "chelsea", "rocket")])
    # A mean of half a unit is about a quarter of what anybody can see.
    assert (model(ModelInput(batch)).ab - half(ModelInput(batch)).ab).abs().mean() < 0.5


def test_real_photos_get_their_colours(model: Colorizer) -> None:
    """Not just any colours: they go with the truth, far beyond chance."""
    correlations = []
    for name in ("astronaut", "coffee", "chelsea"):
        lab = _lab(name)
        ab = torch.nn.functional.interpolate(
            model(ModelInput(lab[:, :1] / 100)).ab, size=lab.shape[-2:], mode="bilinear"
        )
        correlations.append(np.corrcoef(ab.flatten().numpy(), lab[:, 1:].flatten().numpy())[0, 1])
    # Random weights give about 0. Here 0.32: nobody can know the colour of a cup (-0.02), a cat's
    # fur is plain (0.64).
    assert np.mean(correlations) > 0.2
    assert max(correlations) > 0.4


def test_a_checkpoint_is_known_by_its_content(tmp_path: Path, model: Colorizer) -> None:
    copy = tmp_path / "some thing.pth"
    shutil.copy(bundled_path("compact.safetensors"), copy)
    other = vidcolor.load_model(copy, "cpu", "fp32")
    assert other.spec.name == "compact"
    x = torch.rand(1, 1, 64, 64)
    assert torch.equal(other(ModelInput(x)).ab, model(ModelInput(x)).ab)


def test_strangers_are_refused(tmp_path: Path) -> None:
    stranger = tmp_path / "compact.safetensors"
    save_file({"weight": torch.zeros(3)}, stranger)
    with pytest.raises(WeightsError, match="no network that vidcolor knows"):
        vidcolor.load_model(stranger, "cpu")
    save_file({"encoder.stem.weight": torch.zeros(3), "regress.weight": torch.zeros(2)}, stranger)
    with pytest.raises(WeightsError, match="compact"):
        vidcolor.load_model(stranger, "cpu")
    with pytest.raises(OptionError, match="deoldify-video"):
        vidcolor.load_model("no-such-model", "cpu")


@pytest.mark.parametrize(
    "metadata",
    [
        {"config": "[1]"},
        {"config": '{"decoder": []}'},
        {"config": '{"decoder": [1e400, 192, 128, 64]}'},
        {"config": '{"decoder": [1000000000, 192, 128, 64]}'},
        {"config": "[" * 100_000},
        {"saturation": "nan"},
        {"cast": "1.5"},
        {"shadows": "nan"},
        {"reds": "-0.1"},
        {"architecture": "unet", "config": "null"},
    ],
)
def test_senseless_settings_in_a_file_are_refused_in_one_line(
    tmp_path: Path, metadata: dict[str, str]
) -> None:
    path = tmp_path / "odd.safetensors"
    save_file(load_file(bundled_path("compact.safetensors")), path, metadata=metadata)
    with pytest.raises(WeightsError) as caught:
        vidcolor.load_model(path, "cpu")
    assert "\n" not in str(caught.value)


def test_the_shipped_saturation_is_part_of_finishing(model: Colorizer) -> None:
    assert model.finishing.saturation > 1.0


def test_folded_norms_change_nothing() -> None:
    torch.manual_seed(1)
    network = CompactNet(CompactConfig(decoder=(32, 24, 16, 8)))
    network.train()
    for _ in range(3):
        network(ModelInput(torch.rand(4, 1, 64, 64)))  # statistics other than 0 and 1
    network.eval()
    x = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        before = network(ModelInput(x))
        after = network.prepare(torch.float32)(ModelInput(x))
    # Values are up to 100; folding reorders float32 sums.
    assert (before - after).abs().max() < 1e-2


def test_strided_padding_is_tensorflows_same() -> None:
    """Even size, kernel 3: nothing before, one after, so output 0 starts on input 0."""
    conv = SameConv(1, 1, 3, stride=2)
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[0, 0, 0, 0] = 1.0
        conv.bias.zero_()  # type: ignore[union-attr]
    x = torch.arange(16.0).view(1, 1, 4, 4)
    assert conv(x).flatten().tolist() == [0.0, 2.0, 8.0, 10.0]
