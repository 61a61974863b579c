"""Some shots of a film that is done are done again; the others stay as they are, byte for byte."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from engine_clips import write_clip

import vidcolor
from vidcolor.direction.model import Direction, Part, Scope
from vidcolor.media.files.work_folder import work_folder_of
from vidcolor.models.colorizer import Colorizer

FRAMES = 12
"""Of each shot."""

OPTIONS = vidcolor.ColorizeOptions(
    keep_shots=True, preset="ultrafast", encoder_threads=1, render_factor=2, smoothing=0.0
)
"""The network's smallest size, and no smoothing, for speed."""


@pytest.fixture(scope="module")
def model() -> Colorizer:
    return vidcolor.load_model("compact", "cpu")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shots: stripes of three kinds, which move."""
    y, x = np.mgrid[0:64, 0:96]
    frames = []
    for across, down in ((12, 20), (30, 7), (5, 40)):
        stripes = ((x // across + y // down) % 2 * 150 + 40).astype(np.uint8)
        frames += [np.roll(stripes, number, axis=1) for number in range(FRAMES)]
    return write_clip(tmp_path_factory.mktemp("film") / "film.mkv", frames, rate=24)


@pytest.fixture(scope="module")
def done(film: Path, model: Colorizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film in colour, and what is kept of it."""
    target = tmp_path_factory.mktemp("done") / "out.mkv"
    made = vidcolor.colorize_video(film, target, options=OPTIONS, model=model)
    assert made.plan is not None and len(made.plan.shots) == 3
    return target


@pytest.fixture
def copied(done: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    target = tmp_path / done.name
    shutil.copy(done, target)
    shutil.copytree(work_folder_of(done), work_folder_of(target))
    return target


def packets(path: Path) -> list[bytes]:
    """Of the pictures, in the order in which they are shown."""
    with av.open(str(path)) as film:
        found = [p for p in film.demux(video=0) if p.size]
        return [bytes(p) for p in sorted(found, key=lambda p: p.pts or 0)]


def chroma(path: Path, frame: int) -> float:
    with av.open(str(path)) as film:
        picture = list(film.decode(video=0))[frame].to_ndarray(format="yuv420p")
    return float(np.abs(picture[64:].astype(float) - 128.0).max())


def test_a_shot_is_done_again_and_the_others_stay(
    film: Path, model: Colorizer, copied: Path
) -> None:
    before = packets(copied)
    grey = Direction(parts=(Part(Scope(shot=2), saturation=0.0), Part(Scope(shot=3), 0.0)))
    options = replace(OPTIONS, only_shots=(2,), direction=grey)
    made = vidcolor.redo_shots(film, copied, options, model=model)
    after = packets(copied)
    assert made.frames == FRAMES
    assert len(after) == len(before) == 3 * FRAMES
    assert after[:FRAMES] == before[:FRAMES]
    assert after[2 * FRAMES :] == before[2 * FRAMES :]  # though more was said of it since
    assert chroma(copied, FRAMES + 3) <= 1.0 < chroma(copied, 3)  # 1: rounding of codes
    # and back again: what was joined is kept in its turn
    vidcolor.redo_shots(film, copied, replace(OPTIONS, only_shots=(2,)), model=model)
    assert packets(copied) == before


def test_a_shot_gets_another_model_as_in_a_run_over_the_film(
    film: Path, model: Colorizer, copied: Path, tmp_path: Path
) -> None:
    said = Direction(parts=(Part(Scope(shot=2), model="large"),))
    made = vidcolor.redo_shots(
        film, copied, replace(OPTIONS, only_shots=(2,), direction=said), model=model
    )
    whole = tmp_path / "whole.mkv"
    vidcolor.colorize_video(film, whole, options=replace(OPTIONS, direction=said), model=model)
    assert packets(copied) == packets(whole)
    assert made.part_models == ("large",)


def test_the_first_and_the_last_shot_can_be_done_again(
    film: Path, model: Colorizer, copied: Path
) -> None:
    before = packets(copied)
    options = replace(OPTIONS, only_shots=(3, 1), saturation=0.0)
    vidcolor.redo_shots(film, copied, options, model=model)
    assert packets(copied)[FRAMES : 2 * FRAMES] == before[FRAMES : 2 * FRAMES]
    assert chroma(copied, 0) <= 1.0 and chroma(copied, 3 * FRAMES - 1) <= 1.0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"only_shots": (4,)}, "4 isn't there: the film has 3"),
        ({"only_shots": (1,), "crf": 30.0}, "made with another encoding"),
        ({"only_shots": (1,), "end_s": 1.0}, "made with another input"),
    ],
)
def test_what_can_not_be_joined_is_refused_and_nothing_changes(
    film: Path, model: Colorizer, copied: Path, change: dict[str, object], says: str
) -> None:
    before = copied.read_bytes()
    with pytest.raises(vidcolor.OptionError, match=says):
        vidcolor.redo_shots(film, copied, replace(OPTIONS, **change), model=model)  # type: ignore[arg-type]
    assert copied.read_bytes() == before


def test_a_result_of_which_nothing_is_kept_is_refused(
    film: Path, model: Colorizer, copied: Path
) -> None:
    shutil.rmtree(work_folder_of(copied))
    with pytest.raises(vidcolor.OptionError, match="keep_shots"):
        vidcolor.redo_shots(film, copied, replace(OPTIONS, only_shots=(1,)), model=model)


def test_damaged_spans_are_noticed(film: Path, model: Colorizer, copied: Path) -> None:
    kept = next(work_folder_of(copied).glob("span-*.packets"))
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    with pytest.raises(vidcolor.InputError, match="damaged"):
        vidcolor.redo_shots(film, copied, replace(OPTIONS, only_shots=(1,)), model=model)
