"""Mixed models: what a name means, what comes out, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vidcolor.errors import OptionError
from vidcolor.models.contract import ModelInput
from vidcolor.models.loading import load_model, spec_of
from vidcolor.models.mixing import BOUND_MARGIN, Part, bounded, mix_of, names_of
from vidcolor.models.spec import PRECISIONS


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("a+b", [0.5, 0.5]),
        ("a+b:0.6", [0.4, 0.6]),
        ("a:0.2+b+c", [0.2, 0.4, 0.4]),
        ("a:3+b:1", [0.75, 0.25]),
    ],
)
def test_weights_are_shares_of_the_mean(text: str, weights: list[float]) -> None:
    parts = mix_of(text)
    assert parts is not None
    assert [part.weight for part in parts] == pytest.approx(weights)
    assert names_of(text) == ["a", "b", "c"][: len(weights)]


def test_one_model_is_no_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mix_of("deoldify-video") is None
    assert mix_of("C:\\weights\\a.pth") is None
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c++.pth").touch()
    assert mix_of("c++.pth") is None
    assert mix_of("a+b:bounded") == [Part("a", 0.0), Part("b", 1.0, bounded=True)]


@pytest.mark.parametrize(
    "text", ["a+", "+a", "a:1+b", "a:0+b:0", "a:bounded+b", "a+b:bounded+c", "a:0.5+b:bounded"]
)
def test_what_can_be_no_mix_is_refused(text: str) -> None:
    with pytest.raises(OptionError):
        mix_of(text)


def test_a_mean_is_the_mean_of_its_models() -> None:
    inputs = ModelInput(torch.rand(2, 1, 64, 96, generator=torch.Generator().manual_seed(1)))
    one, other = (load_model(name, "cpu", "fp32") for name in ("compact", "large"))
    mixed = load_model("compact+large:0.75", "cpu", "fp32")
    wanted = 0.25 * one.finishing(one(inputs).ab, inputs.lightness)
    wanted += 0.75 * other.finishing(other(inputs).ab, inputs.lightness)
    torch.testing.assert_close(mixed(inputs).ab, wanted, atol=1e-3, rtol=0)  # order of sums
    assert mixed.label == "compact+large:0.75"
    assert mixed.spec.working_size == one.spec.working_size
    assert spec_of("compact+large").parameters_millions == pytest.approx(13.2)
    assert spec_of("compact+large").precisions == dict(PRECISIONS)


def test_models_of_other_sizes_see_pictures_of_their_own_size() -> None:
    mix = spec_of("compact+deoldify-video")
    assert mix.working_size.shape == "aspect"
    assert (mix.working_size.video, mix.working_size.image) == (21, 35)
    assert "fp16" in spec_of("compact+deoldify-video").precisions["cuda"]
    assert "fp16" not in spec_of("compact+ddcolor").precisions["cuda"]
    assert spec_of("zhang-siggraph17+ddcolor").takes_guidance
    assert mix_of("compact+zhang-eccv16") is not None


def test_a_bound_keeps_hue_and_limits_chroma() -> None:
    ab = torch.tensor([[30.0, 3.0], [40.0, 4.0]]).t().reshape(2, 2, 1, 1)
    bound = torch.tensor([[4.0, 4.0], [3.0, 3.0]]).t().reshape(2, 2, 1, 1)
    found = bounded(ab, bound)
    limit = 5.0 + BOUND_MARGIN
    assert torch.linalg.vector_norm(found[0]) == pytest.approx(limit)
    assert found[0, 0] / found[0, 1] == pytest.approx(0.75)
    assert torch.equal(found[1], ab[1])  # below the bound nothing changes
