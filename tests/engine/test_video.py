"""Films through the whole engine, with the shipped network."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from engine_clips import read_rgb, read_times, write_clip
from skimage import color as skcolor
from skimage import data

import vidcolor
from vidcolor import ColorizeOptions, colorize_video
from vidcolor.engine.coloring.batching import Batcher
from vidcolor.errors import Interrupted, OutOfMemoryError, OutputExistsError
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ModelInput, Prediction

FP32 = ColorizeOptions(model="compact", device="cpu", precision="fp32", video_codec="ffv1")


@pytest.fixture(scope="module")
def model() -> Colorizer:
    """The shipped network in float32."""
    return vidcolor.load_model("compact", "cpu", "fp32")


def _grey(name: str, side: int = 160) -> np.ndarray:
    photo = getattr(data, name)()[:256, :256].mean(axis=2)
    return np.ascontiguousarray(photo[:side, :side]).astype(np.uint8)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """13 frames, a cut at frame 6."""
    first, second = _grey("astronaut"), _grey("coffee")
    frames = [np.roll(first, n, axis=1) for n in range(6)] + [
        np.roll(second, n, axis=1) for n in range(7)
    ]
    return write_clip(tmp_path_factory.mktemp("clips") / "film.mkv", frames)


def test_every_frame_comes_out_coloured_in_its_place(
    clip: Path, tmp_path: Path, model: Colorizer
) -> None:
    out = tmp_path / "out.mkv"
    result = colorize_video(clip, out, options=FP32, model=model)
    assert result.frames == 13
    assert read_times(out) == read_times(clip)
    for grey, rgb in zip(read_rgb(clip), read_rgb(out), strict=True):
        error = np.abs(skcolor.rgb2lab(rgb)[..., 0] - skcolor.rgb2lab(grey)[..., 0])
        # ffv1 is lossless and gray becomes 4:4:4: what is left is rounding and the player's own.
        assert error.mean() <= 0.3
        assert np.quantile(error, 0.999) <= 1.0
        assert np.abs(skcolor.rgb2lab(rgb)[..., 1:]).mean() > 1.0, (
            "a frame passed through uncoloured"
        )


def test_cuts_are_reported_in_seconds(clip: Path, tmp_path: Path, model: Colorizer) -> None:
    result = colorize_video(clip, tmp_path / "out.mkv", options=FP32, model=model)
    assert result.cuts == pytest.approx((6 / 24,), abs=1e-3)  # Matroska keeps milliseconds


def test_batch_sizes_agree(clip: Path, tmp_path: Path, model: Colorizer) -> None:
    outputs = []
    for batch_size in (1, 4, 13):
        out = tmp_path / f"{batch_size}.mkv"
        options = ColorizeOptions(**{**vars(FP32), "batch_size": batch_size})
        colorize_video(clip, out, options=options, model=model)
        outputs.append(read_rgb(out))
    for other in outputs[1:]:
        for a, b in zip(outputs[0], other, strict=True):
            # 0.01 Lab is far below one code, but the rounding of Y, Cb and Cr may flip, and a
            # step of each, limited range, is up to 1.2 + 1.8 codes of RGB.
            difference = np.abs(a.astype(int) - b.astype(int))
            assert difference.max() <= 3
            assert difference.mean() < 0.02


def test_smoothing_zero_is_per_frame(clip: Path, tmp_path: Path, model: Colorizer) -> None:
    options = ColorizeOptions(**{**vars(FP32), "smoothing": 0.0, "batch_size": 1})
    colorize_video(clip, tmp_path / "whole.mkv", options=options, model=model)
    last = write_clip(tmp_path / "last.mkv", [read_rgb(clip)[-1][..., 0]])
    colorize_video(last, tmp_path / "alone.mkv", options=options, model=model)
    assert np.array_equal(read_rgb(tmp_path / "whole.mkv")[-1], read_rgb(tmp_path / "alone.mkv")[0])


def test_saturation_scales_and_zero_is_grey(clip: Path, tmp_path: Path, model: Colorizer) -> None:
    options = ColorizeOptions(**{**vars(FP32), "saturation": 0.0})
    colorize_video(clip, tmp_path / "grey.mkv", options=options, model=model)
    for rgb in read_rgb(tmp_path / "grey.mkv"):
        assert np.ptp(rgb.astype(int), axis=2).max() <= 1


def test_compare_puts_grey_and_result_side_by_side(
    clip: Path, tmp_path: Path, model: Colorizer
) -> None:
    options = ColorizeOptions(**{**vars(FP32), "compare": True})
    colorize_video(clip, tmp_path / "pair.mkv", options=options, model=model)
    for rgb, grey in zip(read_rgb(tmp_path / "pair.mkv"), read_rgb(clip), strict=True):
        assert rgb.shape == (160, 320, 3)
        left = rgb[:, :160].astype(int)
        assert np.abs(left - grey.astype(int)).max() <= 2  # a round trip through limited-range YUV
        assert np.ptp(rgb[:, 160:].astype(int), axis=2).mean() > 2


def test_start_and_end(clip: Path, tmp_path: Path, model: Colorizer) -> None:
    options = ColorizeOptions(**{**vars(FP32), "start_s": 4 / 24, "end_s": 9 / 24})
    result = colorize_video(clip, tmp_path / "part.mkv", options=options, model=model)
    assert result.frames == 5
    assert read_times(tmp_path / "part.mkv")[0] == pytest.approx(0, abs=0.002)


def test_an_existing_output_is_not_touched(clip: Path, tmp_path: Path, model: Colorizer) -> None:
    out = tmp_path / "there.mkv"
    out.write_bytes(b"mine")
    with pytest.raises(OutputExistsError):
        colorize_video(clip, out, options=FP32, model=model)
    assert out.read_bytes() == b"mine"


def test_existing_numbered_images_are_not_touched(
    clip: Path, tmp_path: Path, model: Colorizer
) -> None:
    mine = tmp_path / "f_000001.png"
    mine.write_bytes(b"mine")
    options = ColorizeOptions(model="compact", device="cpu")
    with pytest.raises(OutputExistsError):
        colorize_video(clip, tmp_path / "f_%06d.png", options=options, model=model)
    assert mine.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [mine]


def test_stopping_leaves_nothing_behind(clip: Path, tmp_path: Path, model: Colorizer) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Interrupted):
        colorize_video(clip, tmp_path / "out.mkv", options=FP32, model=model, stop=stop)
    assert list(tmp_path.iterdir()) == []


def test_scans_in_scans_out(tmp_path: Path, model: Colorizer) -> None:
    import cv2

    for number in range(4):
        cv2.imwrite(
            str(tmp_path / f"scan_{number:03d}.png"), np.roll(_grey("rocket", 96), number, axis=0)
        )
    options = ColorizeOptions(model="compact", fps=Fraction(18))
    result = colorize_video(
        tmp_path / "scan_%03d.png", tmp_path / "out.mov", options=options, model=model
    )
    assert result.frames == 4
    assert read_times(tmp_path / "out.mov") == pytest.approx([n / 18 for n in range(4)])
    colorize_video(
        tmp_path / "scan_%03d.png", tmp_path / "color_%03d.png", options=options, model=model
    )
    for number in range(4):
        found = cv2.imread(str(tmp_path / f"color_{number:03d}.png"))
        assert found.shape == (96, 96, 3)


class _SmallMemory:
    """A model that runs out of memory above a batch size, as torch says it."""

    def __init__(self, model: Colorizer, limit: int) -> None:
        self.model, self.limit, self.device, self.calls = model, limit, model.device, []

    def __call__(self, inputs: ModelInput) -> Prediction:
        self.calls.append(len(inputs))
        if len(inputs) > self.limit:
            raise RuntimeError(
                "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
            )
        return self.model(inputs)  # type: ignore[no-any-return]


def test_out_of_memory_halves_the_batch_and_goes_on(model: Colorizer) -> None:
    import torch

    small = _SmallMemory(model, 2)
    batcher = Batcher(small, 8)  # type: ignore[arg-type]
    inputs = ModelInput(torch.rand(7, 1, 64, 64))
    got = batcher(inputs).ab
    assert small.calls == [7, 4, 2, 2, 2, 1]
    assert batcher.batch_size == 2
    # Another batch size picks other kernels: float32 rounding of colours up to 100.
    assert torch.allclose(got, model(inputs).ab, atol=0.01)


def test_out_of_memory_at_one_frame_gives_advice(model: Colorizer) -> None:
    import torch

    with pytest.raises(OutOfMemoryError, match="render_factor"):
        Batcher(_SmallMemory(model, 0), 4)(torch.rand(4, 1, 64, 64))  # type: ignore[arg-type]


def test_other_errors_are_not_taken_for_lack_of_memory(model: Colorizer) -> None:
    import torch

    with pytest.raises(ValueError, match="float32"):
        Batcher(model, 4)(ModelInput(torch.rand(4, 1, 64, 64, dtype=torch.float64)))
