"""The values that models take and give: cut, joined and resized without losing anything."""

from __future__ import annotations

import pytest
import torch

from vidcolor.errors import OptionError
from vidcolor.models.colorizer import Colorizer, as_colorizer
from vidcolor.models.contract import ColorModel, Guidance, ModelInput, Prediction
from vidcolor.models.spec import ModelSpec

CPU = torch.device("cpu")


def guidance(count: int, height: int = 8, width: int = 12) -> Guidance:
    return Guidance(torch.randn(count, 2, height, width) * 20, torch.rand(count, 1, height, width))


def inputs(count: int, *, guided: bool = True) -> ModelInput:
    return ModelInput(torch.rand(count, 1, 8, 12), guidance(count) if guided else None)


@pytest.mark.parametrize("parts", [1, 2, 3, 5, 9])
def test_what_is_split_and_joined_is_the_same(parts: int) -> None:
    whole = inputs(5)
    pieces = whole.split(parts)
    assert len(pieces) == min(parts, 5)
    assert max(map(len, pieces)) - min(map(len, pieces)) <= 1
    again = ModelInput.concatenate(pieces)
    assert torch.equal(again.lightness, whole.lightness)
    assert again.guidance is not None and whole.guidance is not None
    assert torch.equal(again.guidance.ab, whole.guidance.ab)
    assert torch.equal(again.guidance.confidence, whole.guidance.confidence)


def test_no_pictures_stay_no_pictures() -> None:
    assert [len(part) for part in inputs(0).split(3)] == [0]
    with pytest.raises(ValueError, match="nothing"):
        ModelInput.concatenate([])


def test_pictures_without_guidance_know_nothing_beside_those_with_it() -> None:
    joined = ModelInput.concatenate([inputs(1, guided=False), inputs(2)])
    assert joined.guidance is not None
    assert joined.guidance.confidence[0].max() == 0.0
    assert joined.guidance.confidence[1:].min() > 0.0
    plain = ModelInput.concatenate([inputs(1, guided=False), inputs(2, guided=False)])
    assert plain.guidance is None


def test_what_one_part_wants_all_get() -> None:
    wants = ModelInput(torch.rand(1, 1, 8, 8), wants_features=True)
    joined = ModelInput.concatenate([wants, ModelInput(torch.rand(1, 1, 8, 8))])
    assert (joined.wants_features, joined.wants_confidence) == (True, False)
    assert joined[:1].wants_features and joined.split(2)[1].wants_features


def test_predictions_keep_only_what_all_parts_have() -> None:
    ab, confidence = torch.rand(2, 2, 4, 4), torch.rand(2, 1, 4, 4)
    full = Prediction(ab, torch.rand(2, 5, 4, 4), confidence)
    joined = Prediction.concatenate([full, Prediction(ab, None, confidence)])
    assert joined.features is None
    assert joined.confidence is not None and len(joined.confidence) == len(joined) == 4
    part = full[1:].crop(3, 2)
    assert part.features is not None and part.features.shape == (1, 5, 3, 2)
    assert torch.equal(part.ab, ab[1:, :, :3, :2])


def test_a_hint_of_one_pixel_survives_a_smaller_size() -> None:
    ab, confidence = torch.zeros(1, 2, 64, 64), torch.zeros(1, 1, 64, 64)
    ab[0, :, 17, 33] = torch.tensor([30.0, -40.0])
    ab[0, :, 17, 34] = 99.0  # not known: it must not mix in
    confidence[0, 0, 17, 33] = 0.75
    small = Guidance(ab, confidence).resized((16, 16))
    assert small.confidence[0, 0, 4, 8] == 0.75
    assert small.confidence.sum() == 0.75
    # float32 means of 16 numbers
    assert small.ab[0, :, 4, 8].tolist() == pytest.approx([30.0, -40.0], abs=1e-4)
    assert small.ab.abs().sum() == pytest.approx(70.0, abs=1e-3)
    same = Guidance(ab, confidence)
    assert same.resized((64, 64)) is same


def test_guidance_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(1, 3, 4, 4\)"):
        Guidance(torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4))
    with pytest.raises(ValueError, match="confidence"):
        Guidance(torch.zeros(1, 2, 4, 4), torch.zeros(1, 1, 4, 5))


class Follower:
    """A model of the user's own that shows the guidance, and nothing where there is none."""

    device = CPU

    def __init__(self, *, takes_guidance: bool = True) -> None:
        self.spec = ModelSpec(name="follower", takes_guidance=takes_guidance)

    def __call__(self, inputs: ModelInput) -> Prediction:
        if inputs.guidance is None:
            return Prediction(torch.zeros_like(inputs.lightness).repeat(1, 2, 1, 1))
        size = (int(inputs.lightness.shape[-2]), int(inputs.lightness.shape[-1]))
        known = inputs.guidance.resized(size)
        return Prediction(known.ab * known.confidence)


def test_a_plain_class_is_a_model() -> None:
    model = Follower()
    assert isinstance(model, ColorModel)
    colorizer = as_colorizer(model)
    assert (colorizer.label, colorizer.precision, colorizer.copies) == ("follower", "fp32", 1)
    asked = inputs(2)
    assert asked.guidance is not None
    found = colorizer(asked).ab
    assert torch.equal(found, asked.guidance.ab * asked.guidance.confidence)
    assert as_colorizer(colorizer) is colorizer


def test_guidance_is_never_ignored_silently() -> None:
    with pytest.raises(OptionError, match="follower takes no guidance"):
        as_colorizer(Follower(takes_guidance=False))(inputs(1))
    wrong = ModelInput(torch.rand(2, 1, 8, 8), guidance(1))
    with pytest.raises(ValueError, match="guidance for 1 of 2 pictures"):
        as_colorizer(Follower())(wrong)


class Wrong(Follower):
    """Gives ab of one picture whatever it is asked."""

    def __call__(self, inputs: ModelInput) -> Prediction:
        return super().__call__(inputs)[:1]


def test_what_is_no_model_or_gives_nonsense_is_said_at_once() -> None:
    with pytest.raises(OptionError, match="got str"):
        as_colorizer("compact")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"follower must give ab \(2, 2, h, w\)"):
        as_colorizer(Wrong())(inputs(2))


def test_colorizers_are_models_too() -> None:
    model = Follower()
    made = Colorizer(model, model.spec, label="x", device=CPU, dtype=torch.float32)
    assert isinstance(made, ColorModel)
