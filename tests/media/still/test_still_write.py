"""Photos go out in the format that the name asks for, whole or not at all."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from still_helpers import COMMENT, tint

from vidcolor.errors import OptionError, OutputError
from vidcolor.media.still.read import (
    check_still_output,
    read_still,
    writable_extension,
    write_still,
)
from vidcolor.types import StillImage

Array = npt.NDArray[Any]
Encode = Callable[..., bytes]


@pytest.fixture
def still(gray: Array, save: Encode, tmp_path: Path) -> StillImage:
    """A gray photo read from ``tmp_path/in.png``."""
    (tmp_path / "in.png").write_bytes(save(gray, "PNG"))
    return read_still(tmp_path / "in.png")


@pytest.mark.parametrize(
    ("extension", "kind", "loss"),
    [
        ("png", "PNG", 0), ("TIF", "TIFF", 0), ("tiff", "TIFF", 0), ("bmp", "BMP", 0),
        ("jp2", "JPEG2000", 0), ("jpg", "JPEG", 1.5), ("JPEG", "JPEG", 1.5), ("webp", "WEBP", 4),
        ("avif", "AVIF", 2), ("heic", "HEIF", 2),
    ],
)  # fmt: skip
def test_format_follows_the_name(
    tmp_path: Path, still: StillImage, rgb: Array, extension: str, kind: str, loss: float
) -> None:
    out = tmp_path / f"out.{extension}"
    write_still(out, rgb, still, comment=COMMENT)
    with Image.open(out) as image:
        assert image.format == kind
        # the loss is the mean over three channels at our quality; WebP halves the chroma
        assert np.abs(np.asarray(image.convert("RGB")).astype(int) - rgb).mean() <= loss


def test_jpeg_keeps_full_chroma(tmp_path: Path, still: StillImage, rgb: Array) -> None:
    write_still(tmp_path / "out.jpg", rgb, still, comment=COMMENT)
    with Image.open(tmp_path / "out.jpg") as image:
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("extension", ["jpg", "webp", "avif", "heic", "jp2", "bmp"])
def test_16_bit_is_rounded_where_8_is_all_and_said(
    tmp_path: Path, still: StillImage, extension: str
) -> None:
    codes = np.full((48, 64, 3), 128 * 257 + 128, np.uint16)  # just below the next 8-bit code
    notes = write_still(tmp_path / f"out.{extension}", codes, still, comment=COMMENT)
    assert any("8 bits" in note for note in notes)
    with Image.open(tmp_path / f"out.{extension}") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    # lossy codecs hit a flat grey within one code
    assert np.abs(pixels - 128).max() <= (0 if extension in ("bmp", "jp2") else 1)


def test_rounding_undoes_stretching() -> None:
    from vidcolor.media.still.raster import to_depth

    codes = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_depth(to_depth(codes, 16), 8), codes)
    all16 = np.arange(65536, dtype=np.uint16)
    assert np.array_equal(to_depth(all16, 8), np.rint(all16 / 257).astype(np.uint8))


def test_standard_output_gets_png(
    still: StillImage, rgb: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr("sys.stdout", stream)
    write_still("-", rgb, still, comment=COMMENT)
    with Image.open(io.BytesIO(stream.buffer.getvalue())) as image:  # type: ignore[attr-defined]
        assert image.format == "PNG"
        assert np.array_equal(np.asarray(image), rgb)


def test_standard_input(gray: Array, save: Encode, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(save(gray, "PNG")))
    monkeypatch.setattr("sys.stdin", stream)
    assert np.array_equal(read_still("-").luma, gray)


@pytest.mark.parametrize("name", ["out.gif", "out.xyz", "out", "out.psd"])
def test_unknown_extension_names_those_that_work(
    tmp_path: Path, still: StillImage, rgb: Array, name: str
) -> None:
    with pytest.raises(OptionError, match=r"these work: .*\.jpg.*\.png.*\.tif"):
        write_still(tmp_path / name, rgb, still, comment=COMMENT)
    assert not (tmp_path / name).exists()


def test_writable_extension() -> None:
    assert all(map(writable_extension, (".png", "JPG", ".Tiff", "webp", ".heic", ".jp2")))
    assert not any(map(writable_extension, ("", ".", ".gif", ".mp4")))


def test_the_input_is_not_overwritten(tmp_path: Path, still: StillImage, rgb: Array) -> None:
    before = (tmp_path / "in.png").read_bytes()
    (tmp_path / "link.png").symlink_to(tmp_path / "in.png")
    for name in ("in.png", "link.png"):
        with pytest.raises(OptionError, match="input itself"):
            write_still(tmp_path / name, rgb, still, comment=COMMENT)
        with pytest.raises(OptionError, match="input itself"):
            check_still_output(tmp_path / name, still)
    assert (tmp_path / "in.png").read_bytes() == before


def test_nothing_appears_when_encoding_fails(tmp_path: Path, still: StillImage) -> None:
    """JPEG ends at 65535 pixels a side."""
    (tmp_path / "out.jpg").write_bytes(b"the older result")
    with pytest.raises(OutputError, match="out.jpg"):
        write_still(
            tmp_path / "out.jpg", np.zeros((1, 70_000, 3), np.uint8), still, comment=COMMENT
        )
    assert (tmp_path / "out.jpg").read_bytes() == b"the older result"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.png", "out.jpg"]


def test_missing_folder(tmp_path: Path, still: StillImage, rgb: Array) -> None:
    with pytest.raises(OutputError, match="folder"):
        write_still(tmp_path / "no" / "out.png", rgb, still, comment=COMMENT)


def test_a_picture_of_no_source(tmp_path: Path, rgb: Array) -> None:
    """Contact sheets have no photo behind them."""
    blank = StillImage(rgb[..., 0], 8, None, "PNG", False)
    write_still(tmp_path / "sheet.png", tint(rgb[..., 0]), blank, comment=COMMENT)
    assert read_still(tmp_path / "sheet.png").metadata.software == COMMENT
