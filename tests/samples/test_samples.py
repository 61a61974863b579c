"""The samples are what the documents say they are, and the script still makes them."""

from __future__ import annotations

import importlib
import itertools
from pathlib import Path
from types import ModuleType

import av
import cv2
import numpy as np
import pytest

PHOTOS = {
    "portrait.jpg": (512, 512, np.uint8),
    "cat.png": (300, 451, np.uint8),
    "launch_16bit.png": (288, 400, np.uint16),
    "sepia_print.jpg": (448, 648, np.uint8),
}


@pytest.fixture
def render(samples_dir: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    pytest.importorskip("skimage", reason="the photographs come from scikit-image's wheel")
    monkeypatch.syspath_prepend(str(samples_dir))
    return importlib.import_module("render")


def test_scripts_and_results_stay_small(samples_dir: Path) -> None:
    files = [p for p in samples_dir.iterdir() if p.is_file() and "_color" not in p.name]
    assert sum(p.stat().st_size for p in files) < 2_000_000


@pytest.mark.parametrize("name", PHOTOS)
def test_photo_is_what_the_readme_says(samples_dir: Path, name: str) -> None:
    picture = cv2.imread(str(samples_dir / name), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert (*picture.shape[:2], picture.dtype) == PHOTOS[name]
    assert (picture.ndim == 3) == (name == "sepia_print.jpg")


def test_sixteen_bit_photo_uses_its_bits(samples_dir: Path) -> None:
    picture = cv2.imread(str(samples_dir / "launch_16bit.png"), cv2.IMREAD_UNCHANGED)
    assert len(np.unique(picture)) > 256, "no more tones than 8 bits hold: a poor test of 16"


def test_newsreel_has_picture_sound_chapters_and_tags(samples_dir: Path) -> None:
    with av.open(str(samples_dir / "newsreel.mp4")) as reel:
        video, audio = reel.streams.video[0], reel.streams.audio[0]
        assert (video.codec.name, audio.codec.name) == ("h264", "aac")
        assert (video.width, video.height, video.average_rate) == (480, 360, 24)
        assert len(reel.chapters()) == 5
        assert reel.metadata["title"] == "The Rocket and the Cat"
        frames = list(reel.decode(video))
    assert len(frames) == 240
    assert [frame.pts * frame.time_base * 24 for frame in frames] == list(range(240))


def test_newsreel_has_no_colour(samples_dir: Path) -> None:
    """Neutral chroma is exact in the source; a hint of colour would flatter the result."""
    with av.open(str(samples_dir / "newsreel.mp4")) as reel:
        for frame in itertools.islice(reel.decode(video=0), 0, None, 24):
            planes = frame.to_ndarray(format="yuv420p")
            # two codes: what the encoder's own rounding may leave
            assert np.abs(planes[frame.height :].astype(int) - 128).max() <= 2


def test_newsreel_cuts_stand_where_the_chapters_begin(samples_dir: Path) -> None:
    with av.open(str(samples_dir / "newsreel.mp4")) as reel:
        starts = [float(c["start"] * c["time_base"]) for c in reel.chapters()]
        frames = [f.to_ndarray(format="gray").astype(float) for f in reel.decode(video=0)]
    jumps = [np.abs(b - a).mean() for a, b in itertools.pairwise(frames)]
    largest = sorted(int(i) + 1 for i in np.argsort(jumps)[-4:])
    assert largest == [round(start * 24) for start in starts[1:]]


def test_script_makes_the_same_photos(
    render: ModuleType, samples_dir: Path, tmp_path: Path
) -> None:
    for name, make in (("cat.png", render.cat), ("launch_16bit.png", render.launch)):
        stored = cv2.imread(str(samples_dir / name), cv2.IMREAD_UNCHANGED)
        # one part in 255: resizing and decoding differ by rounding between processors
        tolerance = np.iinfo(stored.dtype).max / 255
        assert np.abs(stored.astype(float) - make().astype(float)).max() <= tolerance
    for name, make in (
        ("portrait.jpg", render.portrait),
        ("sepia_print.jpg", render.print_on_paper),
    ):
        stored = cv2.imread(str(samples_dir / name), cv2.IMREAD_UNCHANGED)
        made = make() if stored.ndim == 2 else make()[..., ::-1]
        # mean: JPEG at quality 88 moves single pixels far, the whole by a code or two
        assert np.abs(stored.astype(float) - made).mean() < 3


def test_script_makes_the_same_film(render: ModuleType, samples_dir: Path) -> None:
    """Grain and all: with another seed, order of draws or wear the frames would differ by > 6."""
    made = list(itertools.islice(render.newsreel_frames(), 48))
    with av.open(str(samples_dir / "newsreel.mp4")) as reel:
        stored = [f.to_ndarray()[:360] for f in itertools.islice(reel.decode(video=0), 48)]
    for frame, code in zip(made, stored, strict=True):
        assert np.abs(code - (16 + 219 * frame)).mean() < 4  # crf 26 loses 1 to 3 codes of grain


def test_sound_is_audible_and_never_clips(render: ModuleType) -> None:
    sound = render.newsreel_sound(2.0, 22050, np.random.default_rng(1))
    assert sound.shape == (44100,)
    assert np.abs(sound).max() == pytest.approx(0.8)
    assert 0.03 < sound.std() < 0.4
