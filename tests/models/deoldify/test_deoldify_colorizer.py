"""Lightness in, ab out: sizes, batches, number formats, colour arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from deoldify_recordings import Recording
from skimage.color import rgb2lab
from torch import nn

from vidcolor.color import grey_to_lightness
from vidcolor.errors import DeviceError
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ModelInput
from vidcolor.models.families.deoldify import DEOLDIFY, DeOldifyColorizer, load_deoldify

MEAN = np.array([0.485, 0.456, 0.406])
STD = np.array([0.229, 0.224, 0.225])


@pytest.fixture(scope="module")
def lightness(artistic: Recording) -> torch.Tensor:
    grey = torch.from_numpy(artistic.grey)[None, None].float() / 255
    return grey_to_lightness(grey)


def test_ab_is_that_of_the_originals_rgb(
    colorizer: DeOldifyColorizer, artistic: Recording, lightness: torch.Tensor
) -> None:
    rgb = (artistic.output[0].permute(1, 2, 0).double().numpy() * STD + MEAN).clip(0, 1)
    expected = rgb2lab(rgb)[..., 1:]  # scikit-image, and the original's recorded output
    found = colorizer(ModelInput(lightness)).ab[0].permute(1, 2, 0).numpy()
    assert found.dtype == np.float32
    assert np.abs(expected).max() > 10  # there is colour to compare
    # 1e-3 of the raw output is 2e-4 of RGB, and up to 0.2 Lab in the darkest colours.
    assert np.abs(found - expected).max() < 0.2
    assert np.abs(found - expected).mean() < 0.02


@pytest.mark.parametrize("size", [(1, 1), (17, 40), (33, 47), (48, 79)])
def test_any_size_comes_back_at_its_size(
    colorizer: DeOldifyColorizer, size: tuple[int, int]
) -> None:
    lightness = torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(0))
    ab = colorizer(ModelInput(lightness)).ab
    assert ab.shape == (1, 2, *size)
    assert ab.isfinite().all()


def test_padding_repeats_the_edge(colorizer: DeOldifyColorizer, lightness: torch.Tensor) -> None:
    cropped = lightness[..., :41, :77]
    repeated = torch.nn.functional.pad(cropped, (0, 3, 0, 7), mode="replicate")
    found, whole = (colorizer(ModelInput(x)).ab for x in (cropped, repeated))
    assert torch.equal(found, whole[..., :41, :77])


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_black_and_white_are_finite(colorizer: DeOldifyColorizer, value: float) -> None:
    assert colorizer(ModelInput(torch.full((1, 1, 32, 32), value))).ab.isfinite().all()


def test_batch_size_changes_nothing(colorizer: DeOldifyColorizer, lightness: torch.Tensor) -> None:
    flipped = lightness.flip(3)
    together = colorizer(ModelInput(torch.cat((lightness, flipped, lightness * 0.5)))).ab
    one_by_one = torch.cat(
        [colorizer(ModelInput(x)).ab for x in (lightness, flipped, lightness * 0.5)]
    )
    assert (together - one_by_one).abs().max() < 0.01  # Lab; the requirement


@pytest.mark.parametrize(("dtype", "limit"), [(torch.bfloat16, 3.0), (torch.float16, 0.4)])
def test_half_precision_stays_near_float32(
    artistic: Recording,
    colorizer: DeOldifyColorizer,
    lightness: torch.Tensor,
    dtype: torch.dtype,
    limit: float,
) -> None:
    reduced = load_deoldify(artistic.state, dtype=dtype)
    assert reduced.dtype is dtype
    ab = reduced(ModelInput(lightness)).ab
    assert ab.dtype is torch.float32
    expected = colorizer(ModelInput(lightness)).ab
    assert expected.abs().mean() > 15
    # Mean Lab units: 1.5 to 2 times what was measured. Most is noise from pixel to pixel: drawn
    # weights amplify rounding some tenfold.
    assert (ab - expected).abs().mean() < limit


def test_autocast_does_not_reach_inside(
    colorizer: DeOldifyColorizer, lightness: torch.Tensor
) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        ab = colorizer(ModelInput(lightness)).ab
    assert torch.equal(ab, colorizer(ModelInput(lightness)).ab)


def test_published_half_precision_files_load(artistic: Recording, lightness: torch.Tensor) -> None:
    halved = {
        name: value.half() if name.endswith("bias") else value
        for name, value in artistic.state.items()
    }
    assert load_deoldify(halved)(ModelInput(lightness)).ab.isfinite().all()


class Overflowing(nn.Module):
    """What a network gives when float16 overflows inside it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, dtype=torch.float16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x * 6e4 * 6e4 * self.weight).float()


def test_overflow_in_float16_is_said_and_not_shown() -> None:
    """The sigmoid behind it would make colours of infinities, but not of what they become."""
    model = Colorizer(
        DeOldifyColorizer(Overflowing()), DEOLDIFY.models[0],
        label="x", device=torch.device("cpu"), dtype=torch.float16,
    )  # fmt: skip
    with pytest.raises(DeviceError, match="bf16 or fp32"):
        model(ModelInput(torch.rand(1, 1, 16, 16)))


def test_loaded_network_only_infers(colorizer: DeOldifyColorizer) -> None:
    assert not any(parameter.requires_grad for parameter in colorizer.parameters())
    assert not colorizer.training
