"""Films with hints: colours go through the shot in both directions, and no further."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from engine_clips import write_clip

import vidcolor
from vidcolor.direction.model import Direction, Hint, Part, Scope
from vidcolor.models.colorizer import Colorizer

SIZE, FRAMES = 96, 14
RATE = 24


@pytest.fixture(scope="module")
def model() -> Colorizer:
    return vidcolor.load_model("compact", "cpu")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disc that moves over a rough ground; a cut; another picture."""
    random = np.random.default_rng(0)
    ground = random.normal(90, 6, (SIZE, 2 * SIZE)).clip(0, 255).astype(np.uint8)
    y, x = np.mgrid[0:SIZE, 0 : 2 * SIZE]
    frames = []
    for number in range(FRAMES):
        disc = (x - 40 - 5 * number) ** 2 + (y - 48) ** 2 < 22**2
        frames.append(np.where(disc, 200, ground).astype(np.uint8))
    stripes = ((x // 12 + y // 20) % 2 * 150 + 40).astype(np.uint8)
    frames += [np.roll(stripes, number, axis=1) for number in range(FRAMES)]
    return write_clip(tmp_path_factory.mktemp("film") / "film.mkv", frames, rate=RATE)


def colors(film: Path, model: Colorizer, direction: Direction | None) -> list[np.ndarray]:
    options = vidcolor.ColorizeOptions(direction=direction)
    with vidcolor.open(film) as opened:
        return [frame.ab for frame in opened.colorize(model, options=options)]


def at(ab: np.ndarray, x: float, y: float) -> np.ndarray:
    height, width = ab.shape[:2]
    return ab[int(y * height / SIZE), int(x * width / (2 * SIZE))]


def test_a_hint_goes_through_its_shot_and_no_further(film: Path, model: Colorizer) -> None:
    middle = FRAMES // 2
    hint = Hint(40 + 5 * middle, 48, "lab(30, -35)", time_s=middle / RATE, radius=10)
    plain, made = colors(film, model, None), colors(film, model, Direction(hints=(hint,)))
    for number in range(FRAMES):
        inside = at(made[number], 40 + 5 * number, 48)
        # "within 8 Lab units" is what is asked of hints in films
        assert np.hypot(*(inside - (30, -35))) < 8, number
        outside = at(made[number], (40 + 5 * number + 110) % 192, 8)
        far = at(plain[number], (40 + 5 * number + 110) % 192, 8)
        assert np.hypot(*(outside - far)) < 12, number  # a third of what the disc changes by
    for number in range(FRAMES, 2 * FRAMES):
        assert np.array_equal(made[number], plain[number])


def test_a_hint_for_the_film_reaches_the_same_thing_in_another_shot(
    model: Colorizer, tmp_path: Path
) -> None:
    random = np.random.default_rng(1)
    ground = random.normal(90, 6, (SIZE, 2 * SIZE)).clip(0, 255).astype(np.uint8)
    y, x = np.mgrid[0:SIZE, 0 : 2 * SIZE]
    stripes = ((x // 12 + y // 20) % 2 * 150 + 40).astype(np.uint8)

    def disc(left: int) -> np.ndarray:
        return np.where((x - left) ** 2 + (y - 48) ** 2 < 22**2, 200, ground).astype(np.uint8)

    frames = [disc(60 + n) for n in range(8)] + [stripes] * 8 + [disc(70 - n) for n in range(8)]
    film = write_clip(tmp_path / "film.mkv", frames, rate=RATE)
    said = [Hint(64, 48, "lab(30, -35)", 4 / RATE, 10, reach) for reach in ("shot", "film")]
    own, far = (colors(film, model, Direction(hints=(hint,))) for hint in said)
    wanted = np.array((30.0, -35.0))
    before, after = (np.hypot(*(at(made[20], 66, 48) - wanted)) for made in (own, far))
    assert after < 0.6 * before  # the share that is asked of a thing that returns
    assert np.array_equal(own[20], colors(film, model, None)[20])


def test_saturation_of_a_shot(film: Path, model: Colorizer) -> None:
    said = Direction(parts=(Part(Scope(shot=2), saturation=0.0),))
    plain, made = colors(film, model, None), colors(film, model, said)
    assert np.array_equal(made[0], plain[0])
    assert not made[-1].any()


@pytest.mark.parametrize(
    ("direction", "says"),
    [
        (Direction(hints=(Hint(1, 1, "red"),)), "need a time"),
        (Direction(hints=(Hint(1, 1, "red", 99.0),)), "behind the film's end"),
        (Direction(hints=(Hint(500, 1, "red", 0.1),)), "lies outside"),
        (Direction(parts=(Part(Scope(shot=3), saturation=0.0),)), "3 isn't there"),
        (Direction(parts=(Part(Scope(shot=1), model="unheard-of"),)), "unheard-of"),
    ],
)
def test_what_makes_no_sense_is_refused(
    film: Path, model: Colorizer, direction: Direction, says: str
) -> None:
    with pytest.raises(vidcolor.OptionError, match=says):
        colors(film, model, direction)


def test_the_file_is_written_with_the_colours(film: Path, model: Colorizer, tmp_path: Path) -> None:
    hint = Hint(75, 48, "lab(30, -35)", time_s=7 / RATE, radius=10)
    options = vidcolor.ColorizeOptions(direction=Direction(hints=(hint,)), video_codec="ffv1")
    target = tmp_path / "out.mkv"
    result = vidcolor.colorize_video(film, target, options=options, model=model)
    assert result.frames == 2 * FRAMES
    assert result.plan is not None and [s.first for s in result.plan.shots] == [0, FRAMES]


class Listener:
    """A model that notes what it is told."""

    spec = vidcolor.ModelSpec(name="listener", takes_guidance=True)
    device = torch.device("cpu")

    def __init__(self) -> None:
        self.told: list[tuple[torch.Tensor, torch.Tensor] | None] = []

    def __call__(self, inputs: vidcolor.ModelInput) -> vidcolor.Prediction:
        for at in range(len(inputs)):
            told = inputs.guidance
            self.told.append(None if told is None else (told.ab[at], told.confidence[at]))
        return vidcolor.Prediction(torch.zeros(len(inputs), 2, *inputs.lightness.shape[-2:]))


def test_a_model_that_listens_is_told_of_every_frame_of_the_shot(film: Path) -> None:
    listener = Listener()
    hint = Hint(75, 48, "lab(30, -35)", time_s=7 / RATE, radius=10)
    options = vidcolor.ColorizeOptions(
        direction=Direction(hints=(hint,)), batch_size=FRAMES, smoothing=0.0
    )
    with vidcolor.open(film) as opened:
        for _ in opened.colorize(listener, options=options):
            pass
    for number in range(FRAMES):
        told = listener.told[number]
        assert told is not None
        ab, confidence = (planes.permute(1, 2, 0).numpy() for planes in told)
        assert at(confidence, 40 + 5 * number, 48)[0] > 0.5, number
        # "within 8 Lab units" is what is asked of hints in films
        assert np.hypot(*(at(ab, 40 + 5 * number, 48) - (30, -35))) < 8, number
    assert listener.told[FRAMES:] == [None] * FRAMES
