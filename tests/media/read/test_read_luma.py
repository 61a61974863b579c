"""Luma out of every kind of pixel format."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import pytest

from vidcolor.media.pixels.layout import is_full_range, pixel_layout, rgb_matrix
from vidcolor.media.pixels.luma import extract_luma
from vidcolor.types import ColorTags

WIDTH, HEIGHT = 70, 38  # no multiple of any alignment: lines are padded


def filled(pix_fmt: str, words: np.ndarray[Any, Any], plane: int = 0) -> av.VideoFrame:
    """A frame whose plane holds these samples per line, in the format's own byte order."""
    frame = av.VideoFrame(WIDTH, HEIGHT, pix_fmt)
    target = frame.planes[plane]
    rows = np.zeros((HEIGHT, target.line_size // words.itemsize), words.dtype)
    rows[:, : words.shape[1]] = words
    target.update(rows.tobytes())
    return frame


def codes(bits: int, count: int = WIDTH) -> np.ndarray[Any, Any]:
    """Random codes of a depth."""
    dtype = np.uint8 if bits <= 8 else np.uint16
    return np.random.default_rng(bits).integers(0, 1 << bits, (HEIGHT, count)).astype(dtype)


@pytest.mark.parametrize(
    ("pix_fmt", "bits"),
    [
        ("yuv420p", 8), ("yuvj422p", 8), ("yuv410p", 8), ("yuv411p", 8), ("yuv440p", 8),
        ("yuva420p", 8), ("gray", 8), ("nv12", 8), ("nv21", 8), ("nv16", 8),
        ("yuv420p9le", 9), ("yuv420p10le", 10), ("yuv422p12le", 12), ("yuv444p14le", 14),
        ("yuv444p16le", 16), ("gray9le", 9), ("gray10le", 10), ("gray12le", 12),
        ("gray14le", 14), ("gray16le", 16), ("yuva444p16le", 16),
    ],
)  # fmt: skip
def test_planar_luma_is_copied_as_stored(pix_fmt: str, bits: int) -> None:
    """A wrong stride, range or depth changes codes."""
    wanted = codes(bits)
    luma = extract_luma(filled(pix_fmt, wanted))
    assert luma.dtype == wanted.dtype
    assert np.array_equal(luma, wanted)
    assert pixel_layout(pix_fmt).depth == bits


@pytest.mark.parametrize("pix_fmt", ["gray16be", "gray10be", "yuv420p10be", "yuv444p16be"])
def test_big_endian_becomes_native(pix_fmt: str) -> None:
    """Files from DPX scanners and old Macs store the high byte first."""
    bits = pixel_layout(pix_fmt).depth
    wanted = codes(bits)
    assert np.array_equal(extract_luma(filled(pix_fmt, wanted.astype(">u2"))), wanted)


@pytest.mark.parametrize(
    ("pix_fmt", "step", "offset", "shift"),
    [
        ("yuyv422", 2, 0, 0), ("uyvy422", 2, 1, 0), ("yvyu422", 2, 0, 0), ("ya8", 2, 0, 0),
        ("vuyx", 4, 2, 0), ("p010le", 1, 0, 6), ("p016le", 1, 0, 0), ("p210le", 1, 0, 6),
        ("y210le", 2, 0, 6), ("ya16le", 2, 0, 0), ("xv36le", 4, 1, 4),
    ],
)  # fmt: skip
def test_packed_and_shifted_luma(pix_fmt: str, step: int, offset: int, shift: int) -> None:
    """Luma is picked from between chroma and alpha, and moved down from the upper bits."""
    wanted = codes(pixel_layout(pix_fmt).depth)
    words = codes(8 * wanted.itemsize, WIDTH * step)
    words[:, offset::step] = wanted << shift
    assert np.array_equal(extract_luma(filled(pix_fmt, words)), wanted)


def test_one_bit_formats() -> None:
    """In monow 0 is white, in monob 0 is black."""
    bits = np.random.default_rng(1).integers(0, 2, (HEIGHT, WIDTH), dtype=np.uint8)
    packed = np.packbits(bits, axis=1)
    assert np.array_equal(extract_luma(filled("monob", packed)), bits * 255)
    assert np.array_equal(extract_luma(filled("monow", packed)), 255 - bits * 255)


def test_float_gray() -> None:
    """0..1 becomes 0..65535; what lies outside, NaN included, is clipped."""
    values = np.tile(np.array([0, 0.25, 1, 2, -1, np.nan, 0.5], "<f4"), 10)[None].repeat(HEIGHT, 0)
    luma = extract_luma(filled("grayf32le", values))
    assert luma[0, :7].tolist() == [0, 16384, 65535, 65535, 0, 0, 32768]


@pytest.mark.parametrize("matrix", [1, 6, 7, 9])
@pytest.mark.parametrize(
    "pix_fmt", ["rgb24", "bgra", "argb", "gbrp", "rgb48le", "rgb48be", "gbrp10le", "gbrp16be"]
)
def test_neutral_rgb_keeps_its_code(pix_fmt: str, matrix: int) -> None:
    """R = G = B gives Y' = R exactly, at every depth, whatever the matrix."""
    layout = pixel_layout(pix_fmt)
    wanted = codes(layout.depth)
    dtype = ">u2" if layout.big_endian else wanted.dtype
    if layout.name.startswith("gbr"):
        frame = av.VideoFrame(WIDTH, HEIGHT, pix_fmt)
        for plane in frame.planes:
            rows = np.zeros((HEIGHT, plane.line_size // wanted.itemsize), dtype)
            rows[:, :WIDTH] = wanted
            plane.update(rows.tobytes())
    else:
        channels = 3 if layout.name in ("rgb24", "rgb48") else 4
        frame = filled(pix_fmt, np.repeat(wanted, channels, axis=1).astype(dtype))
    assert np.array_equal(extract_luma(frame, matrix=matrix), wanted)


def test_rgb_is_weighed_by_the_matrix() -> None:
    """Against H.273's formula in float64; 0.502 is rounding plus float32's error."""
    rgb = np.random.default_rng(3).integers(0, 65536, (HEIGHT, WIDTH, 3), dtype=np.uint16)
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb48le")
    for matrix, weights in {1: (0.2126, 0.7152, 0.0722), 6: (0.299, 0.587, 0.114)}.items():
        wanted = rgb.astype(np.float64) @ np.array(weights)
        assert np.abs(extract_luma(frame, matrix=matrix) - wanted).max() < 0.502 + 0.01


def test_rgb565_big_endian_is_read_rightly() -> None:
    """Libswscale swaps no bytes there; white, red and blue tell."""
    words = np.tile(np.array([0xFFFF, 0xF800, 0x001F, 0], ">u2"), (HEIGHT, 1))
    luma = extract_luma(filled("rgb565be", words), matrix=6)
    assert luma[0, :4].tolist() == [255, 76, 29, 0]


def test_palette() -> None:
    """pal8 takes its codes from the palette."""
    picture = av.VideoFrame(WIDTH, HEIGHT, "pal8")
    index = codes(8)
    rows = np.zeros((HEIGHT, picture.planes[0].line_size), np.uint8)
    rows[:, :WIDTH] = index
    picture.planes[0].update(rows.tobytes())
    grays = np.arange(256, dtype=np.uint32)[::-1]
    palette = 0xFF000000 | grays << 16 | grays << 8 | grays
    picture.planes[1].update(palette.astype("<u4").tobytes())
    assert np.array_equal(extract_luma(picture), 255 - index)


@pytest.mark.parametrize(
    ("pix_fmt", "color_range", "full"),
    [
        ("yuv420p", 0, False), ("yuv420p", 2, True), ("yuvj420p", 0, True), ("gray", 0, True),
        ("gray", 1, False), ("rgb24", 0, True), ("rgb24", 1, True), ("gray10le", 0, True),
    ],
)  # fmt: skip
def test_ranges(pix_fmt: str, color_range: int, full: bool) -> None:
    """Untagged YUV is limited; gray and RGB are full."""
    assert is_full_range(pix_fmt, color_range) is full


def test_matrix_for_rgb() -> None:
    """Tags first, then the picture's height."""
    assert rgb_matrix(ColorTags(), 576) == 6
    assert rgb_matrix(ColorTags(), 720) == 1
    assert rgb_matrix(ColorTags(matrix=9), 480) == 9
    assert rgb_matrix(ColorTags(matrix=0, primaries=1), 480) == 1


def test_cinema_codes_give_the_lightness_of_their_luminance() -> None:
    codes = np.array([0, 100, 500, 1000, 2000, 3000, 3960, 4095])
    frame = av.VideoFrame(len(codes), 2, "xyz12le")
    row = np.zeros((len(codes), 3), np.uint16)
    row[:, 0], row[:, 1], row[:, 2] = 4095 - codes, codes, 1234
    line = (row << 4).tobytes().ljust(frame.planes[0].line_size, b"\0")
    frame.planes[0].update(line * 2)
    luma = extract_luma(frame)
    light = np.minimum((codes / 4095) ** 2.6 * 52.37 / 48, 1)  # SMPTE ST 428-1; white is 48 cd/m2
    srgb = luma / 4095
    decoded = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    assert luma.shape == (2, len(codes))
    assert np.abs(decoded - light).max() < 3e-4  # half a code of 12 bits, at white
    assert luma[0, 0] == 0
    assert luma[0, -2] == 4095
