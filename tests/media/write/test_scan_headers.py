"""What scans say of themselves in their headers, and scans that can't be read."""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from pathlib import Path

import av
import imagecodecs
import numpy as np
import pytest
import tifffile

from vidcolor.errors import InputError
from vidcolor.media.open import open_source
from vidcolor.media.scans.header_rate import rate_in
from vidcolor.media.source import ReadSettings
from vidcolor.types import LumaFrame


def _dpx(codes: int = 90, *, film: float = 0.0, television: float = 0.0, order: str = ">") -> bytes:
    """A DPX of 24x16 pixels of one grey with all headers, as film scanners write it."""
    header = bytearray(2048)
    magic = b"SDPX" if order == ">" else b"XPDS"
    header[:16] = magic + struct.pack(order + "I", 2048) + b"V1.0\0\0\0\0"
    struct.pack_into(order + "I", header, 16, 2048 + 24 * 16 * 3)
    struct.pack_into(order + "HHII", header, 768, 0, 1, 24, 16)
    struct.pack_into(order + "I", header, 780, 0)
    # element 0: descriptor 50 (RGB), transfer 2, colorimetric 2, 8 bits, packed
    header[800:804] = bytes([50, 2, 2, 8])
    struct.pack_into(order + "HH", header, 804, 0, 0)
    struct.pack_into(order + "I", header, 808, 2048)
    struct.pack_into(order + "f", header, 1724, film)
    struct.pack_into(order + "f", header, 1940, television)
    return bytes(header) + bytes([codes]) * (24 * 16 * 3)


def _exr(rate: tuple[int, int]) -> bytes:
    """The header of an OpenEXR file with a rate, up to its end."""
    value = struct.pack("<iI", *rate)
    attribute = b"framesPerSecond\0rational\0" + struct.pack("<I", len(value)) + value
    return b"\x76\x2f\x31\x01\x02\0\0\0owner\0string\0\3\0\0\0abc" + attribute + b"\0"


@pytest.mark.parametrize(
    ("film", "television", "wanted"),
    [
        (18.0, 0.0, Fraction(18)),
        (0.0, 25.0, Fraction(25)),
        (16.0, 25.0, Fraction(16)),
        (23.976, math.nan, Fraction(24000, 1001)),
        (29.97, 0.0, Fraction(30000, 1001)),
        (16.5, 0.0, Fraction(33, 2)),
        (math.nan, math.inf, None),
        (0.0, 0.0, None),
        (-24.0, 1e9, None),
    ],
)
@pytest.mark.parametrize("order", "<>")
def test_rates_in_dpx(film: float, television: float, wanted: Fraction | None, order: str) -> None:
    data = _dpx(film=film, television=television, order=order)
    assert rate_in(data) == wanted
    undefined = data[:1724] + b"\xff" * 4 + data[1728:]
    assert rate_in(undefined) == rate_in(_dpx(television=television, order=order))


def test_a_short_dpx_header_has_no_rate() -> None:
    """Libav's own DPX has none: at its place the picture stands, here floats of 18."""
    encoder = av.CodecContext.create("dpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 64, 48, "rgb24"
    encoder.time_base = Fraction(1, 24)
    pattern = np.frombuffer(struct.pack(">f", 18.0) * (64 * 48 * 3 // 4), np.uint8)
    frame = av.VideoFrame.from_ndarray(pattern.reshape(48, 64, 3).copy(), "rgb24")
    data = b"".join(bytes(packet) for packet in encoder.encode(frame))
    assert struct.pack(">f", 18.0) in (data[1724:1728], data[1940:1944], data[1722:1726])
    assert rate_in(data) is None


def test_rates_in_exr_and_damaged_headers() -> None:
    assert rate_in(_exr((18, 1))) == 18
    assert rate_in(_exr((24000, 1001))) == Fraction(24000, 1001)
    assert rate_in(_exr((24, 0))) is None
    for data in (_exr((18, 1)), _dpx(film=18.0)[:2048]):
        for size in range(0, len(data), 7):
            rate_in(data[:size])
    assert rate_in(b"\x89PNG\r\n\x1a\n") is None


def _read(pattern: Path, fps: Fraction | None = None) -> tuple[list[LumaFrame], list[str]]:
    with open_source(pattern, ReadSettings(fps=fps)) as source:
        frames = [item for item in source if isinstance(item, LumaFrame)]
        return frames, list(source.status.warnings)


def test_the_headers_rate_is_used_and_said(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"scan_{number}.dpx").write_bytes(_dpx(film=18.0))
    frames, warnings = _read(tmp_path / "scan_%d.dpx")
    assert [frame.pts * frame.time_base for frame in frames] == [Fraction(n, 18) for n in range(4)]
    assert warnings == ["18 frames per second, as the scans' headers say"]
    frames, warnings = _read(tmp_path / "scan_%d.dpx", Fraction(16))
    assert frames[1].pts * frames[1].time_base == Fraction(1, 16) and not warnings


def test_without_a_rate_one_is_assumed_and_said(tmp_path: Path) -> None:
    (tmp_path / "scan_1.dpx").write_bytes(_dpx())
    assert _read(tmp_path / "scan_%d.dpx")[1] == [
        "no fps was given: 24 frames per second are assumed"
    ]


def test_scans_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"scan_{number:02d}.dpx").write_bytes(_dpx(film=24.0))
    (tmp_path / "scan_05.dpx").write_bytes(_dpx()[4:])  # without its header's beginning
    (tmp_path / "scan_07.dpx").write_bytes(_dpx()[:1000])
    (tmp_path / "scan_09.dpx").write_bytes(b"")
    frames, warnings = _read(tmp_path / "scan_%02d.dpx")
    assert len(frames) == 27
    left_out = [line for line in warnings if line.startswith("left out")]
    assert [f"scan_{n}.dpx" in line for n, line in zip(("05", "07", "09"), left_out, strict=True)]
    assert "not a DPX" in left_out[0]
    assert "3 damaged packets were skipped" in warnings


def test_many_scans_that_cannot_be_read_are_named_and_then_counted(tmp_path: Path) -> None:
    (tmp_path / "scan_0.dpx").write_bytes(_dpx())
    for number in range(1, 26):
        (tmp_path / f"scan_{number}.dpx").write_bytes(b"no picture")
    warnings = _read(tmp_path / "scan_%d.dpx")[1]
    left_out = [line for line in warnings if line.startswith("left out")]
    assert len(left_out) == 21 and left_out[-1] == "left out: 5 more files"


def test_the_first_readable_header_says_the_rate(tmp_path: Path) -> None:
    (tmp_path / "scan_0.dpx").write_bytes(b"damaged")
    (tmp_path / "scan_1.dpx").write_bytes(_dpx(film=16.0))
    frames, warnings = _read(tmp_path / "scan_%d.dpx")
    assert frames[0].time_base == Fraction(1, 16)
    assert "16 frames per second, as the scans' headers say" in warnings


def test_nothing_readable_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "scan_0.dpx").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"no file can be decoded: .*scan_0\.dpx: not a DPX"):
        _read(tmp_path / "scan_%d.dpx")


def test_scans_whose_tiff_begins_with_a_reduced_copy(tmp_path: Path) -> None:
    full = np.arange(40 * 60, dtype=np.uint16).reshape(40, 60) * 20
    with tifffile.TiffWriter(tmp_path / "scan_1.tif") as writer:
        writer.write(full[::4, ::4], photometric="minisblack", metadata=None, subfiletype=1)
        writer.write(full, photometric="minisblack", metadata=None)
    frames, _ = _read(tmp_path / "scan_%d.tif")
    assert np.array_equal(frames[0].luma, full)


@pytest.mark.parametrize("channels", [1, 3])
def test_scans_as_jpeg_of_12_bits(tmp_path: Path, channels: int) -> None:
    codes = np.linspace(0, 4095, 60, dtype=np.uint16)[None].repeat(40, 0)
    picture = codes if channels == 1 else np.dstack([codes] * 3)
    for number in (1, 2):
        data = imagecodecs.jpeg8_encode(picture, level=100, bitspersample=12, lossless=True)
        (tmp_path / f"scan_{number}.jpg").write_bytes(data)
    (tmp_path / "scan_3.jpg").write_bytes(data[: len(data) // 2])
    frames, warnings = _read(tmp_path / "scan_%d.jpg")
    assert len(frames) == 2 and any("scan_3.jpg: truncated" in line for line in warnings)
    for frame in frames:
        assert frame.depth == 16
        # stretched from 12 to 16 bits, rounded; the weighted sum of three rounds once more
        assert np.abs(frame.luma - codes * (65535 / 4095)).max() <= 1
