"""Photographs with hints, paintings, references: the colours come where they belong."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

import vidcolor
from vidcolor.color import rgb_to_lab
from vidcolor.direction.color import ab_of
from vidcolor.direction.model import Direction, Hint, Painting, Protected, Reference
from vidcolor.models.colorizer import Colorizer

Picture = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def model() -> Colorizer:
    return vidcolor.load_model("compact", "cpu")


@pytest.fixture(scope="module")
def grey(samples_dir: Path) -> Picture:
    picture = cv2.imread(str(samples_dir / "portrait.jpg"), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    return cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA)


def colored(grey: Picture, model: Colorizer, direction: Direction | None) -> Picture:
    options = vidcolor.ColorizeOptions(direction=direction)
    made: Picture = vidcolor.colorize_array(grey, model=model, options=options)
    return made


def ab_at(rgb: Picture, x: int, y: int) -> tuple[float, float]:
    part = torch.from_numpy(rgb[y - 2 : y + 3, x - 2 : x + 3]).permute(2, 0, 1)[None].float()
    lab = rgb_to_lab(part / 255.0).mean(dim=(2, 3))[0]
    return float(lab[1]), float(lab[2])


def test_without_a_word_nothing_changes(grey: Picture, model: Colorizer) -> None:
    plain = colored(grey, model, None)
    assert np.array_equal(colored(grey, model, Direction()), plain)


def test_a_hint_gives_its_place_its_colour(grey: Picture, model: Colorizer) -> None:
    wanted = (12.0, -20.0)
    made = colored(grey, model, Direction(hints=(Hint(40, 40, "lab(12, -20)", radius=8),)))
    # the noise of the kernel and the neighbours leave a hint its colour within 6 units
    assert ab_at(made, 40, 40) == pytest.approx(wanted, abs=6.0)


def test_keep_holds_what_another_hint_would_change(grey: Picture, model: Colorizer) -> None:
    plain = ab_at(colored(grey, model, None), 200, 40)
    loud = Hint(40, 40, "lab(40, -40)", radius=12)
    moved = ab_at(colored(grey, model, Direction(hints=(loud,))), 200, 40)
    keep = Hint(200, 40, "keep", radius=12)
    kept = ab_at(colored(grey, model, Direction(hints=(loud, keep))), 200, 40)
    assert np.hypot(*np.subtract(kept, plain)) < 0.5 * np.hypot(*np.subtract(moved, plain))


def test_what_is_painted_is_exact_and_what_is_protected_stays(
    grey: Picture, model: Colorizer, tmp_path: Path
) -> None:
    painted = np.zeros((256, 256, 4), np.uint8)
    painted[60:120, 60:120] = (200, 60, 60, 255)  # blue, green, red, opaque
    file = tmp_path / "painted.png"
    assert cv2.imwrite(str(file), painted)
    box = Protected(180, 180, 256, 256)
    plain = colored(grey, model, None)
    made = colored(grey, model, Direction(paintings=(Painting(file),), protected=(box,)))
    # the result has the grey's lightness, in which the paint's full chroma may not fit
    a, b = ab_of("#3c3cc8")
    found = ab_at(made, 90, 90)
    assert np.arctan2(found[1], found[0]) == pytest.approx(np.arctan2(b, a), abs=0.15)
    assert np.array_equal(made[200:, 200:], plain[200:, 200:])


def test_the_palette_of_a_reference_moves_the_mean(
    grey: Picture, model: Colorizer, tmp_path: Path
) -> None:
    file = tmp_path / "green.png"
    assert cv2.imwrite(str(file), np.full((64, 64, 3), (60, 160, 60), np.uint8))
    made = colored(grey, model, Direction(references=(Reference(file, kind="palette"),)))
    before, after = (
        rgb_to_lab(torch.from_numpy(p).permute(2, 0, 1)[None].float() / 255)[0, 1].mean()
        for p in (colored(grey, model, None), made)
    )
    assert after < before - 10  # the reference's a* is -50


def test_a_similar_picture_in_colour_is_followed(
    grey: Picture, model: Colorizer, tmp_path: Path
) -> None:
    plain = colored(grey, model, None)
    turned = np.ascontiguousarray(colored(grey, model, None)[:, ::-1, ::-1])  # red and blue change
    file = tmp_path / "turned.png"
    assert cv2.imwrite(str(file), turned[..., ::-1])
    made = colored(grey, model, Direction(references=(Reference(file),)))
    wanted = np.ascontiguousarray(turned[:, ::-1]).astype(float)
    assert np.abs(made - wanted).mean() < 0.8 * np.abs(plain - wanted).mean()


def test_a_hint_outside_is_refused(grey: Picture, model: Colorizer) -> None:
    with pytest.raises(vidcolor.OptionError, match="300,10 lies outside"):
        colored(grey, model, Direction(hints=(Hint(300, 10, "red"),)))


def test_a_painting_of_another_shape_is_refused(
    grey: Picture, model: Colorizer, tmp_path: Path
) -> None:
    file = tmp_path / "wide.png"
    assert cv2.imwrite(str(file), np.zeros((64, 128, 4), np.uint8))
    with pytest.raises(vidcolor.InputError, match="not of the shape"):
        colored(grey, model, Direction(paintings=(Painting(file),)))


class Listener:
    """A model that shows what it is told, and elsewhere green."""

    spec = vidcolor.ModelSpec(name="listener", takes_guidance=True)
    device = torch.device("cpu")

    def __init__(self) -> None:
        self.told: list[vidcolor.Guidance | None] = []

    def __call__(self, inputs: vidcolor.ModelInput) -> vidcolor.Prediction:
        self.told.append(inputs.guidance)
        green = torch.tensor([-30.0, 20.0]).view(1, 2, 1, 1)
        ab = green.expand(len(inputs), 2, *inputs.lightness.shape[-2:])
        return vidcolor.Prediction(ab.clone())


def test_a_model_that_listens_is_told_of_hints(grey: Picture) -> None:
    model = Listener()
    said = (Hint(40, 60, "lab(12, -20)", radius=8), Hint(200, 40, "keep"))
    options = vidcolor.ColorizeOptions(direction=Direction(hints=said), saturation=0.5)
    vidcolor.colorize_array(grey, model=model, options=options)
    (told,) = model.told
    assert told is not None
    known = told.confidence[0, 0] > 0
    assert known[60, 40] and not known[40, 200] and not known[60, 60]
    # as the model has it: shown with half the saturation it is what was said
    assert told.ab[0, :, 60, 40].tolist() == [24.0, -40.0]
    vidcolor.colorize_array(grey, model=model)
    assert model.told[-1] is None
