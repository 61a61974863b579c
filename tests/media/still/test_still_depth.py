"""Every kind of sample comes in as the right lightness, at its own depth."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pillow_heif
import pytest
from PIL import Image
from still_helpers import luma

from vidcolor.media.still.metadata.png import SIGNATURE, pack_chunk
from vidcolor.media.still.read import read_still

Array = npt.NDArray[Any]
Encode = Callable[..., bytes]


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF", "PPM"])
def test_gray_is_taken_as_it_is(gray: Array, save: Encode, kind: str) -> None:
    still = read_still(save(gray, kind))
    assert still.depth == 8 and still.alpha is None and not still.has_color
    assert np.array_equal(still.luma, gray)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_rgb_of_equal_channels_is_exactly_that_channel(save: Encode, kind: str) -> None:
    codes = np.arange(256, dtype=np.uint8).reshape(16, 16)
    still = read_still(save(np.repeat(codes[..., None], 3, axis=2), kind))
    assert np.array_equal(still.luma, codes)


def test_all_16_bit_codes_of_equal_channels_stay(tiff: Encode) -> None:
    codes = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    still = read_still(tiff(np.repeat(codes[..., None], 3, axis=2), photometric="rgb"))
    assert still.depth == 16
    assert np.array_equal(still.luma, codes)


def test_rgb_is_weighted_by_bt601(rgb: Array, save: Encode) -> None:
    still = read_still(save(rgb, "PNG"))
    assert np.abs(still.luma - luma(rgb)).max() <= 0.51  # rounding
    assert still.has_color


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "lzw", "predictor": True},
        {"compression": "zlib", "predictor": True},
        {"planarconfig": "separate", "compression": "zlib"},
        {"byteorder": ">", "compression": "packbits"},
        {"tile": (16, 16), "compression": "zstd"},
        {"bigtiff": True},
    ],
    ids=lambda options: "-".join(f"{k}_{v}" for k, v in options.items()) or "plain",
)
def test_16_bit_rgb_tiff_keeps_all_bits(deep: Array, tiff: Encode, options: dict[str, Any]) -> None:
    stored = np.moveaxis(deep, -1, 0) if "planarconfig" in options else deep
    still = read_still(tiff(np.ascontiguousarray(stored), photometric="rgb", **options))
    assert still.depth == 16
    assert np.abs(still.luma - luma(deep)).max() <= 1.5  # of 65535: OpenCV's 15-bit weights


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_png_keeps_all_bits(deep: Array, channels: int) -> None:
    pixels = np.dstack([deep, deep[..., 0]])[..., -channels:] if channels > 1 else deep[..., 0]
    if channels == 2:
        pixels = np.dstack([deep[..., 0], deep[..., 1]])
    elif channels >= 3:
        pixels = np.dstack([deep, deep[..., 1]])[..., :channels]
    still = read_still(bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels))))
    expected = deep[..., 0] if channels <= 2 else luma(deep)
    assert still.depth == 16
    assert np.abs(still.luma - expected).max() <= 1.5
    assert (still.alpha is None) == (channels in (1, 3))
    if still.alpha is not None:
        assert np.array_equal(still.alpha, deep[..., 1])


@pytest.mark.parametrize(("bits", "white"), [(1, 1), (2, 3), (4, 15)])
def test_few_bits_are_stretched_to_white(tiff: Encode, bits: int, white: int) -> None:
    codes = np.tile(np.arange(white + 1, dtype=np.uint8), (8, 8))
    png_like = read_still(_packed_png(codes, bits))
    assert np.array_equal(png_like.luma, codes * (255 // white))


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_odd_bits_are_stretched_to_16(tiff: Encode, bits: int) -> None:
    codes = np.arange(1 << bits, dtype=np.uint16).reshape(-1, 64)
    still = read_still(tiff(codes, bitspersample=bits, photometric="minisblack"))
    assert still.depth == 16
    assert still.luma.min() == 0 and still.luma.max() == 65535
    assert np.abs(still.luma - codes * (65535 / ((1 << bits) - 1))).max() <= 0.51  # rounding


def test_declared_12_bits_in_16_are_stretched(tiff: Encode) -> None:
    codes = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    declared = [(281, "H", 1, 4095, True)]  # MaxSampleValue
    still = read_still(tiff(codes, photometric="minisblack", extratags=declared))
    assert still.luma.max() == 65535 and not still.warnings


def test_undeclared_12_bits_in_16_are_left_alone_and_said(tiff: Encode) -> None:
    codes = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    still = read_still(tiff(codes, photometric="minisblack"))
    assert still.luma.max() == 4095
    assert "4095 of 65535" in still.warnings[0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_min_is_white_is_turned_round(gray: Array, tiff: Encode, dtype: type) -> None:
    codes = gray.astype(dtype)
    still = read_still(tiff(codes, photometric="miniswhite"))
    assert np.array_equal(still.luma, np.iinfo(dtype).max - codes)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_in_0_to_1_are_codes(tiff: Encode, dtype: type) -> None:
    codes = np.linspace(0, 1, 4096).reshape(64, 64).astype(dtype)
    still = read_still(tiff(codes, photometric="minisblack"))
    assert still.depth == 16 and not still.warnings
    assert np.abs(still.luma / 65535 - codes.astype(np.float64)).max() < 1e-5  # half a 16-bit code


def test_floats_of_another_range_are_stretched_and_said(tiff: Encode) -> None:
    codes = np.linspace(-1000, 3000, 4096, dtype=np.float32).reshape(64, 64)
    codes[0, 5] = np.nan
    still = read_still(tiff(codes, photometric="minisblack"))
    assert still.luma.min() == 0 and still.luma.max() == 65535
    assert "-1000 to 3000" in still.warnings[0]


def test_palette_is_looked_up(rgb: Array) -> None:
    image = Image.fromarray(rgb).quantize(32)
    expected = luma(np.asarray(image.convert("RGB")))
    for kind in ("PNG", "GIF", "TIFF", "BMP"):
        stream = io.BytesIO()
        image.save(stream, kind)
        still = read_still(stream.getvalue())
        assert np.abs(still.luma - expected).max() <= 0.51  # rounding
        assert still.has_color


def test_16_bit_palette_tiff(tiff: Encode) -> None:
    indices = np.arange(256, dtype=np.uint8).reshape(16, 16)
    colormap = np.tile(np.arange(256, dtype=np.uint16) * 257, (3, 1))
    still = read_still(tiff(indices, photometric="palette", colormap=colormap))
    assert np.array_equal(
        still.luma, indices.astype(still.luma.dtype) * (257 if still.depth == 16 else 1)
    )


@pytest.mark.parametrize("depth", [8, 16])
def test_lab_tiff_gives_its_lightness(tiff: Encode, depth: int) -> None:
    """L* = 50 is the grey 118.9 of sRGB, whatever a and b say."""
    white = (1 << depth) - 1
    lab = np.zeros((8, 8, 3), np.uint8 if depth == 8 else np.uint16)
    lab[..., 0] = round(white * 0.5)
    lab[..., 1] = 40 << (depth - 8)
    still = read_still(tiff(lab, photometric="cielab"))
    assert still.depth == depth
    assert still.luma[0, 0] / white * 255 == pytest.approx(118.9, abs=0.6)  # 8-bit rounding of both
    assert still.has_color


def test_usual_conversion_of_cmyk(save: Encode) -> None:
    inks = np.zeros((4, 8, 4), np.uint8)
    inks[:, 0:2] = (0, 0, 0, 255)
    inks[:, 2:4] = (255, 0, 0, 0)
    inks[:, 4:6] = (0, 0, 0, 128)
    for kind in ("TIFF", "JPEG"):
        codes = read_still(_cmyk(inks, kind)).luma[2]
        expected = [0, 0, 179, 179, 127, 127, 255, 255]
        assert np.abs(codes - np.array(expected)).max() <= 3, kind  # JPEG's own loss


def test_16_bit_cmyk_tiff(tiff: Encode) -> None:
    inks = np.zeros((4, 4, 4), np.uint16)
    inks[:, 2:, 3] = 65535
    still = read_still(tiff(inks, photometric="separated"))
    assert still.depth == 16
    assert still.luma[0].tolist() == [65535, 65535, 0, 0]


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "HEIF", "JPEG2000"])
def test_lossy_formats_of_8_bits(gray: Array, save: Encode, kind: str) -> None:
    source = np.repeat(gray[..., None], 3, axis=2)
    still = read_still(save(source, kind, quality=95))
    assert still.depth == 8 and still.luma.shape == gray.shape
    assert np.abs(still.luma.astype(int) - gray).mean() < 2.0  # the codecs' loss at quality 95


def test_avif_and_jpeg_2000_above_8_bits(deep: Array) -> None:
    ten = deep >> 6
    avif = imagecodecs.avif_encode(ten, bitspersample=10, level=100, speed=10)
    jp2 = imagecodecs.jpeg2k_encode(deep, level=0, codecformat="jp2")
    for data, bits in ((avif, 10), (jp2, 16)):
        still = read_still(bytes(data))
        assert still.depth == 16
        expected = luma((deep >> (16 - bits)) * (65535 / ((1 << bits) - 1)))
        # AVIF converts to YCbCr even without quantisation: two of its 10-bit codes
        assert np.abs(still.luma - expected).max() <= (130 if bits == 10 else 1.5)


def test_heic_above_8_bits(deep: Array) -> None:
    picture = pillow_heif.from_bytes(mode="RGB;16", size=(64, 48), data=deep.tobytes())
    stream = io.BytesIO()
    picture.save(stream, quality=-1, chroma=444)
    still = read_still(stream.getvalue())
    assert still.depth == 16
    assert np.abs(still.luma - luma(deep)).max() <= 200  # libheif keeps 10 of the 16 bits


def test_mixes_of_samples_that_only_one_decoder_knows(gray: Array, tiff: Encode) -> None:
    half = np.full_like(gray, 128)
    none = np.zeros_like(gray)
    extra: dict[str, Any] = {"extrasamples": ["unassalpha"], "planarconfig": "contig"}
    for data in (
        tiff(np.dstack([gray, half]), photometric="minisblack", **extra),
        tiff(np.dstack([none, none, none, 255 - gray, half]), photometric="separated", **extra),
        tiff(np.dstack([gray, gray, gray, half]), photometric="rgb", **extra),
    ):
        still = read_still(data)
        assert np.array_equal(still.luma, gray)
        assert still.alpha is not None and np.array_equal(still.alpha, half)
    for compression in ("jpegxl", "lerc", "lzma", "zstd"):
        assert np.array_equal(read_still(tiff(gray, compression=compression)).luma, gray)
    wide = read_still(tiff(gray.astype(np.uint32) << 24, photometric="minisblack"))
    assert np.array_equal(wide.luma, gray.astype(np.uint16) << 8)


def _packed_png(codes: Array, bits: int) -> bytes:
    per_byte = 8 // bits
    shifts = np.arange(per_byte)[::-1] * bits
    packed = (codes.reshape(codes.shape[0], -1, per_byte) << shifts).sum(axis=2).astype(np.uint8)
    rows = np.pad(packed, ((0, 0), (1, 0))).tobytes()
    header = struct.pack(">IIBBBBB", codes.shape[1], codes.shape[0], bits, 0, 0, 0, 0)
    return (
        SIGNATURE
        + pack_chunk(b"IHDR", header)
        + pack_chunk(b"IDAT", zlib.compress(rows))
        + pack_chunk(b"IEND", b"")
    )


def _cmyk(inks: Array, kind: str) -> bytes:
    stream = io.BytesIO()
    Image.frombytes("CMYK", (inks.shape[1], inks.shape[0]), inks.tobytes()).save(
        stream, kind, quality=100, subsampling=0
    )
    return stream.getvalue()
