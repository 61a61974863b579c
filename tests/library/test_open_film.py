"""A film as an object: the frames that the program would write, its shots, any frame at a time."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch

import vidcolor
from vidcolor.models.colorizer import Colorizer

RATE = 24
_CLOCKWISE = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
"""libav's display matrix for 90 degrees clockwise."""


@pytest.fixture(scope="module")
def model() -> Colorizer:
    return vidcolor.load_model("compact", "cpu")


@pytest.fixture(scope="module")
def options() -> vidcolor.ColorizeOptions:
    return vidcolor.ColorizeOptions(device="cpu", batch_size=4, render_factor=8, overwrite=True)


def _make_film(
    path: Path, samples: Path, *, pix_fmt: str = "gray", codec: str = "ffv1", count: int = 30,
) -> Path:  # fmt: skip
    """Two shots of photographs that are panned over, with a cut in the middle."""
    pictures = []
    for name in ("portrait.jpg", "cat.png"):
        codes = cv2.imread(str(samples / name), cv2.IMREAD_GRAYSCALE)
        assert codes is not None
        pictures.append(codes)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 96, 64, pix_fmt
        for number in range(count):
            picture = pictures[number >= count // 2][40:232, 40 + number : 328 + number]
            small = cv2.resize(picture, (96, 64), interpolation=cv2.INTER_AREA)
            grey = small if pix_fmt == "gray" else small.astype(np.uint16) * 4
            frame = av.VideoFrame.from_ndarray(grey, format=pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_frames_are_what_the_program_writes(
    samples_dir: Path, tmp_path: Path, model: Colorizer, options: vidcolor.ColorizeOptions
) -> None:
    source = _make_film(tmp_path / "film.mkv", samples_dir)
    with vidcolor.open(source) as film:
        frames = list(film.colorize(model, options=options))
    vidcolor.colorize_video(source, tmp_path / "out_%03d.png", model=model, options=options)
    files = sorted(tmp_path.glob("out_*.png"))
    written = [cv2.imread(str(file), cv2.IMREAD_COLOR_RGB) for file in files]
    assert len(frames) == len(written) == 30
    assert all(np.array_equal(f.rgb, w) for f, w in zip(frames, written, strict=True))
    assert [f.number for f in frames] == list(range(30))
    # Matroska rounds to milliseconds
    assert [f.seconds for f in frames] == pytest.approx([n / RATE for n in range(30)], abs=1e-3)
    assert all(f.duration_s == pytest.approx(1 / RATE, abs=1.1e-3) for f in frames)
    assert frames[0].rgb.dtype == np.uint8 and frames[0].rgb.shape == (64, 96, 3)
    assert frames[0].ab.dtype == np.float32 and frames[0].ab.shape[2] == 2
    assert np.abs(frames[0].ab).max() > 5, "it has no colours"


def test_lightness_and_depth_are_the_films(
    samples_dir: Path, tmp_path: Path, model: Colorizer, options: vidcolor.ColorizeOptions
) -> None:
    source = _make_film(tmp_path / "deep.mkv", samples_dir, pix_fmt="gray10le", count=6)
    with vidcolor.open(source) as film:
        grey = list(film)
        colored = list(film.colorize(model, options=options))
        assert film.info.depth == 10
    (pixel, *_) = grey[0].grey.ravel()
    assert grey[0].grey.dtype == colored[0].rgb.dtype == np.uint16
    with av.open(str(source)) as container:
        codes = next(container.decode(video=0)).to_ndarray(format="gray10le")
    # full-range 10 bits to 16: within one step of 16 bits of the exact share
    assert pixel == pytest.approx(int(codes.ravel()[0]) / 1023 * 65535, abs=1)


def test_pictures_are_upright(
    samples_dir: Path, tmp_path: Path, model: Colorizer, options: vidcolor.ColorizeOptions
) -> None:
    source = _make_film(tmp_path / "film.mkv", samples_dir, count=4)
    flat = _copy(source, tmp_path / "flat.mov", matrix=None)
    turned = _copy(source, tmp_path / "turned.mov", matrix=_CLOCKWISE)
    with vidcolor.open(flat) as film:
        upright = next(iter(film)).grey
    with vidcolor.open(turned) as film:
        assert film.info.rotation == 90
        grey = next(iter(film)).grey
        colored = next(iter(film.colorize(model, options=options)))
        (shown,) = [film.frame_at(0.0)]
    assert np.array_equal(grey, np.rot90(upright, -1))
    assert colored.rgb.shape == (96, 64, 3)
    assert colored.ab.shape[0] > colored.ab.shape[1]
    assert shown is not None and np.array_equal(shown.grey, grey)


def _copy(source: Path, target: Path, *, matrix: tuple[int, ...] | None) -> Path:
    """The same frames, without loss, with a display matrix."""
    with av.open(str(source)) as container, av.open(str(target), "w") as output:
        stream = output.add_stream("libx264", rate=RATE, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "gray"
        if matrix:
            stream.set_display_matrix(matrix)
        for frame in container.decode(video=0):
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return target


def test_shots_and_frames_at_times(samples_dir: Path, tmp_path: Path) -> None:
    source = _make_film(tmp_path / "film.mkv", samples_dir)
    with vidcolor.open(source) as film:
        first, second = film.shots()
        assert (first.first, first.last, second.first, second.last) == (0, 14, 15, 29)
        assert (first.begins, second.begins) == ("start", "cut")
        assert second.start_s == pytest.approx(15 / RATE, abs=1e-3)
        frames = list(film)
        # out of order, and none of them disturbs another reading
        reading = iter(film)
        next(reading)
        for number in (20, 3, 29, 0):
            shown = film.frame_at((number + 0.5) / RATE)
            assert shown is not None and np.array_equal(shown.grey, frames[number].grey)
        assert film.frame_at(5.0) is None
        assert np.array_equal(next(reading).grey, frames[1].grey)


def test_a_part_is_read_where_it_was_asked_for(samples_dir: Path, tmp_path: Path) -> None:
    source = _make_film(tmp_path / "film.mkv", samples_dir)
    with vidcolor.open(source) as film:
        whole = list(film)
    with vidcolor.open(source, start_s=0.5, end_s=1.0) as film:
        part = list(film)
        shots = film.shots()
    assert [f.seconds for f in part] == [f.seconds for f in whole[12:24]]
    assert all(np.array_equal(a.grey, b.grey) for a, b in zip(part, whole[12:24], strict=True))
    assert [round(shot.start_s * RATE) for shot in shots] == [12, 15]


def test_a_loop_may_be_left(
    samples_dir: Path, tmp_path: Path, model: Colorizer, options: vidcolor.ColorizeOptions
) -> None:
    source = _make_film(tmp_path / "film.mkv", samples_dir)
    with vidcolor.open(source) as film:
        two = list(itertools.islice(film.colorize(model, options=options), 2))
        again = list(itertools.islice(film.colorize(model, options=options), 2))
    assert np.array_equal(two[1].rgb, again[1].rgb)
    source.unlink()  # nothing holds it open


class _Sepia:
    spec = vidcolor.ModelSpec(name="sepia")
    device = torch.device("cpu")

    def __call__(self, inputs: vidcolor.ModelInput) -> vidcolor.Prediction:
        ones = torch.ones_like(inputs.lightness)
        return vidcolor.Prediction(torch.cat((4.0 * ones, 14.0 * ones), dim=1))


def test_a_model_of_ones_own(samples_dir: Path, tmp_path: Path) -> None:
    source = _make_film(tmp_path / "film.mkv", samples_dir, count=4)
    with vidcolor.open(source) as film:
        frame = next(iter(film.colorize(_Sepia())))
    assert np.abs(frame.ab - np.array([4.0, 14.0])).max() < 1e-4  # float32, after smoothing


def test_what_can_not_be_is_refused(samples_dir: Path, tmp_path: Path, model: Colorizer) -> None:
    with pytest.raises(vidcolor.InputError, match="no such file"):
        vidcolor.open(tmp_path / "none.mkv")
    with pytest.raises(vidcolor.OptionError, match="start_s"):
        vidcolor.open(samples_dir / "newsreel.mp4", start_s=-1)
    with vidcolor.open(samples_dir / "newsreel.mp4") as film:
        for wrong in (
            vidcolor.ColorizeOptions(start_s=1), vidcolor.ColorizeOptions(compare=True),
        ):  # fmt: skip
            with pytest.raises(vidcolor.OptionError):
                next(iter(film.colorize(model, options=wrong)))
    text = tmp_path / "text.mkv"
    text.write_text("not a film")
    with vidcolor.open(text) as film, pytest.raises(vidcolor.InputError):
        next(iter(film))
