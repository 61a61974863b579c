"""Transparency is kept at its depth where the output holds any, and its loss is said."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from still_helpers import COMMENT, tint

from vidcolor.media.still.read import read_still, write_still

Array = npt.NDArray[Any]
Encode = Callable[..., bytes]


@pytest.fixture
def with_alpha(rgb: Array, gray: Array) -> Array:
    """RGBA whose alpha goes from 0 to opaque."""
    alpha = np.linspace(0, 255, gray.size).reshape(gray.shape).astype(np.uint8)
    return np.dstack([rgb, alpha])


@pytest.mark.parametrize("extension", ["png", "tif", "webp", "avif", "heic", "jp2"])
def test_kept_by_formats_that_hold_it(
    tmp_path: Path, with_alpha: Array, save: Encode, extension: str
) -> None:
    still = read_still(save(with_alpha, "PNG"))
    out = tmp_path / f"out.{extension}"
    assert not write_still(out, tint(still.luma), still, comment=COMMENT)
    again = read_still(out)
    assert again.alpha is not None and still.alpha is not None
    loss = 2 if extension in ("avif", "heic") else 0  # their encoders are lossy in alpha too
    assert np.abs(again.alpha.astype(int) - still.alpha).max() <= loss
    if extension in ("png", "tif"):
        assert np.array_equal(_rgb(out), tint(still.luma)), "also where it is transparent"


@pytest.mark.parametrize("extension", ["jpg", "bmp"])
def test_dropped_over_its_own_colour_and_said(
    tmp_path: Path, with_alpha: Array, save: Encode, extension: str
) -> None:
    still = read_still(save(with_alpha, "PNG"))
    out = tmp_path / f"out.{extension}"
    notes = write_still(out, tint(still.luma), still, comment=COMMENT)
    assert any("transparency" in note for note in notes)
    assert np.abs(_rgb(out).astype(int) - tint(still.luma)).mean() < 2  # JPEG's loss


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_16_bit_alpha_keeps_its_bits(tmp_path: Path, deep: Array, extension: str) -> None:
    source = np.dstack([deep, deep[..., 1]])
    still = read_still(bytes(imagecodecs.png_encode(source)))
    out = tmp_path / f"out.{extension}"
    write_still(out, deep, still, comment=COMMENT)
    again = read_still(out)
    assert again.depth == 16
    assert np.array_equal(again.alpha, deep[..., 1])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_premultiplied_tiff_is_undone(gray: Array, tiff: Encode, dtype: type) -> None:
    """Associated alpha of a half darkens what is stored, not the picture."""
    white = np.iinfo(dtype).max
    color = (gray.astype(np.uint32) * (white // 255)).astype(np.uint32)
    alpha = np.full(gray.shape, white // 2, np.uint32)
    stored = np.dstack([*[(color * alpha + white // 2) // white] * 3, alpha]).astype(dtype)
    still = read_still(tiff(stored, photometric="rgb", extrasamples=["assocalpha"]))
    assert np.array_equal(still.alpha, alpha)
    assert np.abs(still.luma.astype(int) - color.astype(int)).max() <= 2  # stored in half the codes


def test_transparent_colours_of_png_and_gif(gray: Array, save: Encode) -> None:
    codes = gray // 16 * 16
    for kind in ("PNG", "GIF"):
        still = read_still(save(codes, kind, transparency=32))
        assert still.alpha is not None
        assert np.array_equal(still.alpha == 0, codes == 32)
        assert np.array_equal(still.luma, codes)


def test_an_opaque_alpha_channel_is_no_alpha(rgb: Array, save: Encode, tmp_path: Path) -> None:
    opaque = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    still = read_still(save(opaque, "PNG"))
    assert still.alpha is None
    assert not write_still(tmp_path / "out.jpg", rgb, still, comment=COMMENT)


def test_la_keeps_both(gray: Array) -> None:
    alpha = gray[::-1].copy()
    image = Image.merge("LA", [Image.fromarray(gray), Image.fromarray(alpha)])
    stream = io.BytesIO()
    image.save(stream, "PNG")
    still = read_still(stream.getvalue())
    assert np.array_equal(still.luma, gray) and np.array_equal(still.alpha, alpha)


def _rgb(path: Path) -> Array:
    with Image.open(path) as image:
        return np.asarray(image)[..., :3]
