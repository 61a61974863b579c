"""``vidcolor compare``: pictures and clips of several models side by side."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from engine_clips import write_clip
from PIL import Image

from vidcolor import ColorizeOptions
from vidcolor.engine.compare import compare, installed_models
from vidcolor.errors import OptionError, OutputExistsError, WeightsError
from vidcolor.media.write.side_by_side import caption

OPTIONS = ColorizeOptions(device="cpu", render_factor=2)
MODELS = ("compact", "compact+large")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six grey frames of 64 x 48."""
    grey = np.tile(np.linspace(20, 230, 64, dtype=np.uint8), (48, 1))
    return write_clip(tmp_path_factory.mktemp("clips") / "film.mkv", [grey] * 6)


def test_a_photograph_stands_beside_every_models_result(tmp_path: Path, samples_dir: Path) -> None:
    done = compare(samples_dir / "cat.png", tmp_path / "out.png", MODELS, options=OPTIONS)
    assert [each.model for each in done] == list(MODELS)
    assert all(each.seconds > 0.0 for each in done)
    with Image.open(tmp_path / "out.png") as sheet, Image.open(samples_dir / "cat.png") as cat:
        # Very wide rows are reduced.
        assert sheet.width == pytest.approx(3 * cat.width, rel=0.5)
        pixels = np.asarray(sheet.convert("RGB")).astype(int)
    third = pixels.shape[1] // 3
    chroma = np.ptp(pixels[60:], axis=2)
    assert chroma[:, : third - 2].max() == 0  # the source is grey
    assert chroma[:, third + 2 :].max() > 10  # the results aren't
    assert pixels[:20, :third].max() > 200  # a caption


def test_a_film_gets_a_row_for_each_frame_or_a_clip(tmp_path: Path, clip: Path) -> None:
    compare(clip, tmp_path / "out.png", MODELS, options=OPTIONS, count=2)
    with Image.open(tmp_path / "out.png") as sheet:
        assert sheet.width == 3 * 64
        assert 2 * 48 < sheet.height < 3 * 48
    done = compare(clip, tmp_path / "out.mkv", MODELS, options=OPTIONS)
    assert len(done) == 2
    with av.open(str(clip)) as source, av.open(str(tmp_path / "out.mkv")) as made:
        wanted = [frame.time for frame in source.decode(video=0)]
        frames = list(made.decode(video=0))
    assert [frame.time for frame in frames] == pytest.approx(wanted, abs=1e-3)  # in milliseconds
    assert frames[0].width == 2 * 64


def test_what_cannot_be_compared_is_refused_and_leaves_nothing(tmp_path: Path, clip: Path) -> None:
    with pytest.raises(OptionError):
        compare(clip, tmp_path / "out.png", [], options=OPTIONS)
    with pytest.raises(WeightsError):
        compare(
            clip, tmp_path / "out.mkv", ["compact", "ddcolor"],
            options=ColorizeOptions(device="cpu", render_factor=2, offline=True),
        )  # fmt: skip
    assert not list(tmp_path.iterdir())
    (tmp_path / "out.png").touch()
    with pytest.raises(OutputExistsError):
        compare(clip, tmp_path / "out.png", MODELS, options=OPTIONS)


def test_models_that_are_there_are_those_that_ship() -> None:
    assert installed_models() == ["compact", "large"]


def test_captions_fit_whatever_is_written() -> None:
    assert caption("a" * 500, 64).shape[1] == 64
    assert caption("grün", 200).max() == 255
