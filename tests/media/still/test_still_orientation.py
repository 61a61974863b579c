"""Photos come in upright, from every format that can say how they are turned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageOps
from still_helpers import COMMENT, shared_photos, tint

from vidcolor.media.still.metadata.exif import ORIENTATION, ExifBlock
from vidcolor.media.still.metadata.png import insert_metadata
from vidcolor.media.still.read import read_still, write_still

Array = npt.NDArray[Any]
Encode = Callable[..., bytes]


def _stored(upright: Array, orientation: int) -> Array:
    """How a camera stores a picture that EXIF's ``orientation`` turns upright (CIPA DC-008)."""
    undo: dict[int, Callable[[Array], Array]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }
    return np.ascontiguousarray(undo[orientation](upright))


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif(gray: Array, save: Encode, kind: str, orientation: int) -> None:
    options: dict[str, Any] = {"quality": 95} if kind == "JPEG" else {}
    options |= {"lossless": True} if kind == "WEBP" else {}
    stored = np.repeat(_stored(gray, orientation)[..., None], 3, axis=2)
    still = read_still(save(stored, kind, exif=_exif(orientation), **options))
    assert still.luma.shape == gray.shape
    assert np.abs(still.luma.astype(int) - gray).max() <= (12 if kind == "JPEG" else 0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff(
    gray: Array, tiff: Encode, orientation: int, compression: str | None, dtype: type
) -> None:
    """8 and 16 bit go through different decoders, one of which turns by itself."""
    data = tiff(
        _stored(gray, orientation).astype(dtype), photometric="minisblack",
        compression=compression, extratags=[(ORIENTATION, "H", 1, orientation, True)],
    )  # fmt: skip
    assert np.array_equal(read_still(data).luma, gray)


@pytest.mark.parametrize("orientation", [3, 6])
def test_16_bit_png_with_alpha(deep: Array, orientation: int) -> None:
    pixels = np.dstack([deep, deep[..., 0]])
    exif = ExifBlock()
    exif.main[ORIENTATION] = exif.number_entry(orientation)
    data = insert_metadata(
        bytes(imagecodecs.png_encode(_stored(pixels, orientation))),
        icc=None, dpi=(300, 150), text={}, exif=exif.to_bytes(), xmp=b"",
    )  # fmt: skip
    still = read_still(data)
    assert still.alpha is not None and np.array_equal(still.alpha, deep[..., 0])
    expected = (150, 300) if orientation == 6 else (300, 150)
    assert still.metadata.dpi == pytest.approx(expected, abs=0.1)  # pHYs counts in metres


@pytest.mark.parametrize("orientation", [2, 5, 6, 8])
def test_heif_containers_turn_by_their_own_means(
    gray: Array, save: Encode, orientation: int
) -> None:
    stored = np.repeat(_stored(gray, orientation)[..., None], 3, axis=2)
    still = read_still(save(stored, "AVIF", exif=_exif(orientation), quality=95, speed=10))
    assert np.abs(still.luma.astype(int) - gray).mean() < 3  # the codec's loss


@pytest.mark.parametrize("extension", ["jpg", "png", "tif", "webp", "avif", "heic", "jp2"])
def test_the_result_is_stored_upright_and_says_so(
    tmp_path: Path, gray: Array, save: Encode, extension: str
) -> None:
    """Whoever opens the result, heeding EXIF or not, sees it upright."""
    stored = np.repeat(_stored(gray, 6)[..., None], 3, axis=2)
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><d tiff:Orientation="6"/></x:xmpmeta>'
    still = read_still(save(stored, "JPEG", exif=_exif(6), quality=95, xmp=xmp))
    out = tmp_path / f"out.{extension}"
    write_still(out, tint(still.luma), still, comment=COMMENT)
    with Image.open(out) as image:
        assert image.size == (64, 48)
        assert image.getexif().get(ORIENTATION, 1) == 1
        assert ImageOps.exif_transpose(image).size == (64, 48)
    again = read_still(out)
    assert np.abs(again.luma.astype(int) - still.luma).mean() < 80  # tinted, but not turned
    correlation = np.corrcoef(again.luma.ravel(), still.luma.ravel())[0, 1]
    assert correlation > 0.99
    assert b'tiff:Orientation="6"' not in again.metadata.xmp


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("recurser__Landscape_8.jpg", (1800, 1200)),
        ("recurser__Portrait_6.jpg", (1200, 1800)),
        ("ianare__portrait_6.jpg", (450, 600)),
        ("python-pillow__g4_orientation_6.tif", (590, 88)),
        ("libvips__avif-orientation-6.avif", (3024, 4032)),
        ("ianare__IMG_5195.HEIC", (2566, 3313)),
    ],
)
def test_real_photos(name: str, size: tuple[int, int]) -> None:
    still = read_still(shared_photos() / "odd_photos" / name)
    assert still.luma.shape[::-1] == size
