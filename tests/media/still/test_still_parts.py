"""Files with several pictures: the one that counts is read, at its own depth."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pillow_heif
import pytest
import tifffile
from PIL import Image
from still_helpers import luma, shared_field

from vidcolor.errors import InputError
from vidcolor.media.still.metadata.boxes import heif_depth
from vidcolor.media.still.read import read_still

Array = npt.NDArray[Any]
Encode = Callable[..., bytes]


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def _full(kind: bytes, *parts: bytes, version: int = 0) -> bytes:
    return _box(kind, bytes([version, 0, 0, 0]), *parts)


def _children(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(body):
        size = int.from_bytes(body[at : at + 4], "big") or len(body) - at
        yield body[at + 4 : at + 8], body[at + 8 : at + size]
        at += size


def _parts(data: bytes) -> tuple[list[bytes], bytes]:
    """The properties and the coded data of a file with one picture."""
    top = dict(_children(data))
    meta = dict(_children(top[b"meta"][4:]))
    properties = _children(dict(_children(meta[b"iprp"]))[b"ipco"])
    return [_box(kind, body) for kind, body in properties], top[b"mdat"]


def with_thumbnail(picture: bytes, thumbnail: bytes, *, tiled: bool = False) -> bytes:
    """One file whose thumbnail's properties and data stand before the picture's.

    Args:
        picture: a HEIC or AVIF file with one picture.
        thumbnail: another of the same kind.
        tiled: the primary item is a grid of one tile, so that it has no configuration itself.
    """
    kind = b"av01" if b"av1C" in picture else b"hvc1"
    brand = b"avif" if kind == b"av01" else b"heic"
    (small, small_data), (large, large_data) = _parts(thumbnail), _parts(picture)
    owned = {2: range(1, len(small) + 1), 1: range(len(small) + 1, len(small) + len(large) + 1)}
    data = {2: small_data, 1: large_data}
    kinds = {2: kind, 1: kind}
    references = [_box(b"thmb", struct.pack(">HHH", 2, 1, 3 if tiled else 1))]
    if tiled:
        size = next(body for body in large if body[4:8] == b"ispe")[12:20]
        width, height = struct.unpack(">II", size)
        data[3] = struct.pack(">BBBBHH", 0, 0, 0, 0, width, height)
        kinds[3] = b"grid"
        sized = [n for n, body in enumerate(small + large, 1) if body[4:8] in (b"ispe", b"pixi")]
        owned[3] = [n for n in sized if n > len(small)]  # type: ignore[assignment]
        references.append(_box(b"dimg", struct.pack(">HHH", 3, 1, 1)))
    all_properties = small + large
    listed = b""
    for item in sorted(owned):
        numbers = [
            n | (0x80 if all_properties[n - 1][4:8] in (b"av1C", b"hvcC") else 0)
            for n in owned[item]
        ]
        listed += struct.pack(">HB", item, len(numbers)) + bytes(numbers)
    infos = [
        _full(b"infe", struct.pack(">HH", item, 0), kinds[item], b"\0", version=2)
        for item in sorted(kinds)
    ]

    def meta(start: int) -> bytes:
        rows, at = b"", start
        for item in (2, 1, 3)[: len(data)]:
            rows += struct.pack(">HHHII", item, 0, 1, at, len(data[item]))
            at += len(data[item])
        return _full(
            b"meta",
            _full(b"hdlr", bytes(4), b"pict", bytes(13)),
            _full(b"pitm", struct.pack(">H", 3 if tiled else 1)),
            _full(b"iloc", b"\x44\0", struct.pack(">H", len(data)), rows),
            _full(b"iinf", struct.pack(">H", len(infos)), *infos),
            _full(b"iref", *references),
            _box(
                b"iprp",
                _box(b"ipco", *all_properties),
                _full(b"ipma", struct.pack(">I", len(owned)), listed),
            ),
        )

    head = _box(b"ftyp", brand, bytes(4), b"mif1", brand, b"miaf")
    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + _box(b"mdat", *(data[item] for item in (2, 1, 3)[: len(data)]))


def _heic(rgb: Array) -> bytes:
    stream = io.BytesIO()
    if rgb.dtype == np.uint16:
        height, width = rgb.shape[:2]
        picture = pillow_heif.from_bytes(mode="RGB;16", size=(width, height), data=rgb.tobytes())
        picture.save(stream, quality=-1, chroma=444)
    else:
        Image.fromarray(rgb).save(stream, "HEIF", quality=95, chroma=444)
    return stream.getvalue()


def _avif(rgb: Array) -> bytes:
    if rgb.dtype == np.uint16:
        return bytes(imagecodecs.avif_encode(rgb >> 6, bitspersample=10, level=100, speed=10))
    return bytes(imagecodecs.avif_encode(rgb, level=100, speed=10))


@pytest.mark.parametrize("tiled", [False, True], ids=["alone", "tiled"])
@pytest.mark.parametrize("encode", [_heic, _avif])
def test_a_thumbnail_of_another_depth_changes_nothing(
    encode: Callable[[Array], bytes], rgb: Array, deep: Array, tiled: bool
) -> None:
    large8, large16 = np.tile(rgb, (2, 2, 1)), np.tile(deep, (2, 2, 1))
    for picture, thumbnail, depth in ((large16, rgb, 16), (large8, deep, 8)):
        data = with_thumbnail(encode(picture), encode(thumbnail), tiled=tiled)
        assert heif_depth(data) == (10 if depth == 16 else 8)
        still = read_still(data)
        assert still.depth == depth and still.luma.shape == picture.shape[:2]
        wanted = luma(picture)
        # lossy coding and the way to YCbCr: two percent of white on average; a wrong depth
        # makes it four times as dark or as light
        assert np.abs(still.luma - wanted).mean() < 0.02 * (1 << depth)


def test_depths_of_damaged_heif_files_are_guessed_not_fatal(deep: Array) -> None:
    data = with_thumbnail(_heic(deep), _heic((deep >> 8).astype(np.uint8)))
    assert heif_depth(data) == 10
    rng = np.random.default_rng(1)
    meta = data.index(b"meta")
    for _ in range(300):
        broken = bytearray(data[: rng.integers(meta, len(data))])
        for at in rng.integers(meta - 4, meta + 500, 4):
            broken[at % len(broken)] = rng.integers(0, 256)
        assert 8 <= heif_depth(bytes(broken)) <= 15


@pytest.mark.parametrize("tag", [254, 255])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_tiff_whose_first_page_is_a_reduced_copy_gives_the_full_page(
    gray: Array, tag: int, dtype: type
) -> None:
    full = np.tile(gray, (4, 4)).astype(dtype) * dtype(257 if dtype is np.uint16 else 1)
    stream = io.BytesIO()
    mark: dict[str, Any] = {"subfiletype": 1} if tag == 254 else {}
    old = [] if tag == 254 else [(255, "H", 1, 2, True)]
    with tifffile.TiffWriter(stream) as writer:
        writer.write(
            np.dstack([gray[::2, ::2]] * 3), photometric="rgb", metadata=None, extratags=old, **mark
        )
        writer.write(
            full, photometric="minisblack", metadata=None,
            extratags=[(274, "H", 1, 3, True), (270, "s", 0, "the full page", True)],
        )  # fmt: skip
    still = read_still(stream.getvalue())
    assert np.array_equal(still.luma, full[::-1, ::-1]), "turned as the full page's tag says"
    assert not still.warnings
    assert still.metadata.exif.text(270) == "the full page"  # type: ignore[attr-defined]


def test_copies_alone_are_pictures(gray: Array) -> None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, gray, photometric="minisblack", metadata=None, subfiletype=1)
    assert np.array_equal(read_still(stream.getvalue()).luma, gray)


def test_a_chain_of_copies_that_bites_its_tail_ends(gray: Array) -> None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, gray, photometric="minisblack", metadata=None, subfiletype=1)
    data = bytearray(stream.getvalue())
    first = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, first)[0]
    struct.pack_into("<I", data, first + 2 + 12 * count, first)
    assert np.array_equal(read_still(bytes(data)).luma, gray)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("options", [{"bitspersample": 12}, {"bitspersample": 12, "lossless": True},
                                     {"bitspersample": 16, "lossless": True}])  # fmt: skip
def test_jpeg_above_8_bits(deep: Array, options: dict[str, Any], channels: int) -> None:
    bits = options["bitspersample"]
    smooth = np.sort(deep, axis=1) >> (16 - bits)
    source = smooth if channels == 3 else np.ascontiguousarray(smooth[..., 0])
    data = bytes(imagecodecs.jpeg8_encode(source, level=100, **options))
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x03\0\0\0\0\0\0\0"
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
    still = read_still(data)
    expected = (luma(source) if channels == 3 else source) * (65535 / ((1 << bits) - 1))
    assert still.depth == 16 and not still.warnings
    # lossless but for rounding; else quantisation of the finest kind in every channel
    tolerance = 1.5 if "lossless" in options else 16 * 8
    assert np.abs(still.luma[::-1, ::-1] - expected).max() <= tolerance


def test_jpeg_of_12_bits_that_is_cut_off_says_so(deep: Array) -> None:
    data = bytes(imagecodecs.jpeg8_encode(deep >> 4, level=95, bitspersample=12))
    with pytest.raises(InputError, match="truncated"):
        read_still(data[: len(data) // 2])


def test_jpeg_of_12_bits_and_four_channels_is_refused_in_one_line(deep: Array) -> None:
    data = bytearray(imagecodecs.jpeg8_encode(deep >> 4, level=95, bitspersample=12))
    at = data.index(b"\xff\xc1")
    data[at + 9] = 4
    with pytest.raises(InputError, match="damaged") as caught:
        read_still(bytes(data))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["thumb_first.tif", "jpeg_12bit.jpg"])
def test_pictures_of_the_field(name: str) -> None:
    still = read_still(shared_field() / name)
    assert still.luma.shape == (346, 480) and still.depth == 16 and not still.warnings
