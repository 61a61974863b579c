"""Networks that look at a picture and at its mirror image, and give the mean."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import vidcolor
from vidcolor.errors import WeightsError
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ModelInput
from vidcolor.models.weights.store import bundled_path


def _compact(path: Path, **said: str) -> Colorizer:
    tensors = load_file(bundled_path("compact.safetensors"))
    save_file(tensors, path, metadata=said)
    return vidcolor.load_model(path, "cpu", "fp32")


@pytest.mark.parametrize("size", [(64, 96), (33, 50)])
def test_it_is_the_mean_of_both(tmp_path: Path, size: tuple[int, int]) -> None:
    """At sizes that are padded inside the picture's mirror image is padded on its other side."""
    plain = _compact(tmp_path / "plain.safetensors")
    both = _compact(tmp_path / "both.safetensors", mirrored="1")
    torch.manual_seed(1)
    x = torch.rand(2, 1, *size)
    down, right = -size[0] % 32, -size[1] % 32
    padded = torch.nn.functional.pad(x, (0, right, 0, down), mode="replicate")
    mean = (plain(ModelInput(padded)).ab + plain(ModelInput(padded.flip(3))).ab.flip(3)) / 2.0
    found = both(ModelInput(padded)).ab
    assert (found - mean).abs().max() < 1e-3  # float32, in batches of another size
    assert (found - plain(ModelInput(padded)).ab).abs().max() > 0.1  # it does something
    # a picture with a left and a right is coloured like its own mirror image
    assert (both(ModelInput(padded.flip(3))).ab.flip(3) - found).abs().max() < 1e-3
    assert both(ModelInput(x)).ab.shape == plain(ModelInput(x)).ab.shape


def test_nonsense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="its mirrored is yes"):
        _compact(tmp_path / "odd.safetensors", mirrored="yes")
