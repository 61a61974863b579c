"""Pictures in memory: the same colours as the program's, in the caller's own layout and dtype."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

import vidcolor
from vidcolor.models.colorizer import Colorizer

Samples = npt.NDArray[Any]


@pytest.fixture(scope="module")
def model() -> Colorizer:
    return vidcolor.load_model("compact", "cpu")


@pytest.fixture(scope="module")
def cat(samples_dir: Path) -> Samples:
    picture = cv2.imread(str(samples_dir / "cat.png"), cv2.IMREAD_UNCHANGED)
    assert picture is not None and picture.ndim == 2
    return picture


def test_it_is_what_the_program_writes(
    cat: Samples, model: Colorizer, samples_dir: Path, tmp_path: Path
) -> None:
    target = tmp_path / "cat.png"
    vidcolor.colorize_image(samples_dir / "cat.png", target, model=model)
    written = cv2.imread(str(target), cv2.IMREAD_COLOR_RGB)
    assert np.array_equal(vidcolor.colorize_array(cat, model=model), written)


def test_sixteen_bits_stay_sixteen(samples_dir: Path, tmp_path: Path, model: Colorizer) -> None:
    source = samples_dir / "launch_16bit.png"
    deep = cv2.imread(str(source), cv2.IMREAD_UNCHANGED)
    assert deep is not None
    vidcolor.colorize_image(source, tmp_path / "out.png", model=model)
    written = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR_RGB)
    found = vidcolor.colorize_array(deep, model=model)
    assert found.dtype == np.uint16
    assert np.array_equal(found, written)


@pytest.mark.parametrize(
    ("shape", "result"),
    [
        ((40, 48), (40, 48, 3)),
        ((40, 48, 1), (40, 48, 3)),
        ((2, 40, 48), (2, 40, 48, 3)),
        ((2, 40, 48, 1), (2, 40, 48, 3)),
        ((0, 40, 48), (0, 40, 48, 3)),
    ],
)
def test_numpy_has_its_channels_last(
    cat: Samples, model: Colorizer, shape: tuple[int, ...], result: tuple[int, ...]
) -> None:
    grey = np.resize(cat[:40, :48], shape)
    rgb = vidcolor.colorize_array(grey, model=model)
    assert (rgb.shape, rgb.dtype) == (result, np.uint8)
    assert not rgb.size or np.ptp(rgb.astype(int), axis=-1).max() > 8, "it has no colour"


@pytest.mark.parametrize(
    ("shape", "result"),
    [
        ((40, 48), (3, 40, 48)),
        ((1, 40, 48), (3, 40, 48)),
        ((2, 40, 48), (2, 3, 40, 48)),
        ((2, 1, 40, 48), (2, 3, 40, 48)),
    ],
)
def test_torch_has_its_channels_first(
    cat: Samples, model: Colorizer, shape: tuple[int, ...], result: tuple[int, ...]
) -> None:
    grey = np.resize(cat[:40, :48], shape)
    rgb = vidcolor.colorize_array(torch.from_numpy(grey), model=model)
    assert (tuple(rgb.shape), rgb.dtype) == (result, torch.uint8)
    # the same picture through NumPy, where the channels are last
    plane = vidcolor.colorize_array(grey.reshape(-1, 40, 48), model=model)[0]
    assert np.array_equal(np.moveaxis(rgb.numpy().reshape(-1, 3, 40, 48)[0], 0, -1), plane)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floating_point_is_worked_on_with_16_bits(
    cat: Samples, model: Colorizer, dtype: type[np.floating[Any]]
) -> None:
    exact = cat.astype(np.uint16) * 257
    rgb = vidcolor.colorize_array((cat / 255.0).astype(dtype), model=model)
    wanted = vidcolor.colorize_array(exact, model=model) / 65535.0
    assert rgb.dtype == dtype
    # half precision rounds by 2^-12 below 1, on the way in and out, and colours follow a little: by
    # up to 2.7e-3 where the network runs in bfloat16; one code of 8 bits is 3.9e-3
    tolerance = 3.9e-3 if dtype is np.float16 else 1e-7
    assert np.abs(rgb.astype(np.float64) - wanted).max() <= tolerance


def test_colours_are_replaced_as_those_of_photographs_are(
    cat: Samples, model: Colorizer, tmp_path: Path
) -> None:
    tinted = np.stack([cat, cat // 2, 255 - cat], axis=-1)
    cv2.imwrite(str(tmp_path / "in.png"), tinted[..., ::-1])
    vidcolor.colorize_image(tmp_path / "in.png", tmp_path / "out.png", model=model)
    written = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_COLOR_RGB)
    assert np.array_equal(vidcolor.colorize_array(tinted, model=model), written)


def test_options_count(cat: Samples, model: Colorizer) -> None:
    grey = vidcolor.colorize_array(
        cat, model=model, options=vidcolor.ColorizeOptions(saturation=0.0)
    )
    assert np.array_equal(grey, np.repeat(cat[..., None], 3, axis=-1))


def test_models_may_be_named(cat: Samples, model: Colorizer) -> None:
    options = vidcolor.ColorizeOptions(device="cpu", model="large")
    named = vidcolor.colorize_array(cat[:64, :64], model="compact", options=options)
    assert np.array_equal(named, vidcolor.colorize_array(cat[:64, :64], model=model))


@pytest.mark.parametrize(
    ("grey", "words"),
    [
        (np.zeros(5, np.uint8), "shape (5,)"),
        (np.zeros((2, 3, 4, 5), np.uint8), "shape (2, 3, 4, 5)"),
        (np.zeros((0, 5), np.uint8), "shape (0, 5)"),
        (np.zeros((4, 5), np.int64), "int64"),
        (np.zeros((4, 5), bool), "bool"),
        (np.full((4, 5), np.nan), "finite"),
    ],
)
def test_what_is_no_picture_is_refused(grey: Samples, words: str) -> None:
    with pytest.raises(vidcolor.InputError) as caught:
        vidcolor.colorize_array(grey)
    assert words in str(caught.value) and "\n" not in str(caught.value)
