"""Parts of a film with a model and a smoothing of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from engine_clips import write_clip

import vidcolor
from vidcolor.direction.file import load_direction
from vidcolor.direction.model import Direction, Part, Scope

FRAMES, RATE = 8, 24
"""Of each shot; a second."""

SECOND = range(FRAMES, 2 * FRAMES)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shots: stripes of three kinds, which move and flicker."""
    y, x = np.mgrid[0:64, 0:96]
    frames = []
    for across, down in ((12, 20), (30, 7), (5, 40)):
        stripes = (x // across + y // down) % 2 * 150 + 40
        frames += [
            (np.roll(stripes, number, axis=1) + number % 3 * 8).astype(np.uint8)
            for number in range(FRAMES)
        ]
    return write_clip(tmp_path_factory.mktemp("film") / "film.mkv", frames, rate=RATE)


def colors(film: Path, model: str = "compact", *parts: Part, **more: object) -> list[np.ndarray]:
    # one frame per call: with more, calls hold other frames, and round otherwise
    said = {"batch_size": 1, "render_factor": 2, "model": model, "device": "cpu", **more}
    options = vidcolor.ColorizeOptions(direction=Direction(parts=parts), **said)  # type: ignore[arg-type]
    with vidcolor.open(film) as opened:
        return [frame.ab for frame in opened.colorize(options=options)]


def same(one: list[np.ndarray], other: list[np.ndarray], numbers: range) -> bool:
    return all(np.array_equal(one[number], other[number]) for number in numbers)


@pytest.mark.parametrize("every", [1, 3])
def test_a_shot_has_the_colours_of_its_model_and_the_others_theirs(film: Path, every: int) -> None:
    compact, large = colors(film, every=every), colors(film, "large", every=every)
    made = colors(film, "compact", Part(Scope(shot=2), model="large"), every=every)
    assert len(made) == 3 * FRAMES
    assert not same(compact, large, SECOND)
    assert same(made, large, SECOND)
    assert same(made, compact, range(FRAMES))
    assert same(made, compact, range(2 * FRAMES, 3 * FRAMES))


def test_a_shot_has_its_smoothing(film: Path) -> None:
    smooth, rough = colors(film), colors(film, smoothing=0.0)
    made = colors(film, "compact", Part(Scope(shot=2), smoothing=0.0))
    assert not same(smooth, rough, SECOND)
    assert same(made, rough, SECOND)
    assert same(made, smooth, range(FRAMES))


def test_a_time_range_in_mid_shot_begins_as_a_cut_does(film: Path) -> None:
    part = Part(Scope(start_s=4 / RATE, end_s=6 / RATE), model="large", smoothing=0.0)
    made, plain = colors(film, "compact", part), colors(film)
    assert same(made, colors(film, "large", smoothing=0.0), range(4, 6))
    assert not np.array_equal(made[3], plain[3])  # what comes behind it isn't smoothed into it
    assert same(made, plain, range(FRAMES, 3 * FRAMES))


def test_each_setting_is_taken_from_the_last_part_that_says_it(film: Path) -> None:
    parts = (Part(Scope(end_s=99.0), model="large"), Part(Scope(shot=2), saturation=0.5))
    made, large = colors(film, "compact", *parts), colors(film, "large")
    assert same(made, [ab * 0.5 for ab in large], SECOND)
    assert same(made, large, range(FRAMES))


def test_a_part_that_says_what_holds_anyway_changes_nothing(film: Path) -> None:
    part = Part(Scope(start_s=0.1, end_s=0.2), model="compact", smoothing=2.0)
    made, plain = colors(film, "compact", part, smoothing=2.0), colors(film, smoothing=2.0)
    assert same(made, plain, range(3 * FRAMES))


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("ddcolor", "isn't installed: vidcolor weights pull ddcolor"),
        ("compact+ddcolor", "ddcolor isn't installed"),
        ("unheard-of", "unheard-of"),
        ("film.mkv", ""),
    ],
)
def test_a_model_that_is_not_there_is_refused_before_the_work(
    film: Path, tmp_path: Path, model: str, says: str
) -> None:
    model = str(film) if model == film.name else model
    path = tmp_path / "reel.colors.toml"
    path.write_text(f'version = 1\n\n[[part]]\nshot = 1\n\n[[part]]\nshot = 2\nmodel = "{model}"\n')
    options = vidcolor.ColorizeOptions(
        model="compact", direction=load_direction(path), weights_dir=tmp_path, render_factor=2
    )
    target = tmp_path / "out.mkv"
    with pytest.raises(vidcolor.InputError, match=r"line 8: \[\[part\]\] model") as refused:
        vidcolor.colorize_video(film, target, options=options)
    assert str(refused.value).startswith(str(path)) and says in str(refused.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name]


def test_the_result_names_the_models_of_parts(film: Path, tmp_path: Path) -> None:
    part = Part(Scope(shot=2), model="large")
    options = vidcolor.ColorizeOptions(
        model="compact", render_factor=2, direction=Direction(parts=(part,)), smoothing=0.0
    )
    done = vidcolor.colorize_video(film, tmp_path / "out.mkv", options=options)
    assert (done.model, done.part_models) == ("compact", ("large",))
