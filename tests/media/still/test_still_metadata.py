"""A photo's metadata is kept, and the credit is added."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo
from still_helpers import COMMENT, shared_photos, tint

from vidcolor.media.still.metadata.exif import MAKER_NOTE, Entry, ExifBlock
from vidcolor.media.still.metadata.record import prepare_xmp
from vidcolor.media.still.read import read_still, write_still

Array = npt.NDArray[Any]
Encode = Callable[..., bytes]

_ARTIST, _SOFTWARE, _COPYRIGHT, _DATE = 315, 305, 33432, 306
_EXIF, _GPS, _EXPOSURE, _USER_COMMENT, _COLOR_SPACE, _WIDTH = (
    0x8769, 0x8825, 0x829A, 0x9286, 0xA001, 0xA002,
)  # fmt: skip
_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><dc:title>Hafen</dc:title></rdf:RDF></x:xmpmeta>'
)


def _exif(order: str = "<") -> ExifBlock:
    """EXIF with text beyond ASCII, a maker note, an exposure, and a place."""
    block = ExifBlock(order=order)
    block.main = {
        _ARTIST: block.text_entry("Jürgen Müller"),
        _SOFTWARE: block.text_entry("ScanStudio 3"),
        _DATE: block.text_entry("1936:08:01 12:00:00"),
        274: block.number_entry(1),
    }
    byteorder = "little" if order == "<" else "big"
    pair = (1).to_bytes(4, byteorder) + (125).to_bytes(4, byteorder)  # type: ignore[arg-type]
    block.exif = {
        _EXPOSURE: Entry(5, 1, pair),
        _USER_COMMENT: Entry(7, 12, b"ASCII\0\0\0plate"[:12]),
        _COLOR_SPACE: block.number_entry(0xFFFF),
        _WIDTH: block.number_entry(9999, long=True),
        MAKER_NOTE: Entry(7, 40, bytes(range(40))),
    }
    block.gps = {1: Entry(2, 2, b"N\0")}
    return block


@pytest.fixture
def photo(gray: Array, save: Encode) -> bytes:
    """A JPEG with everything."""
    return save(
        gray, "JPEG", exif=b"Exif\0\0" + _exif().to_bytes(), xmp=_XMP, dpi=(1900, 1900),
        comment=b"FSA/8a17000", extra=_app13(b"\x1c\x02\x05\x00\x05Hafen"),
    )  # fmt: skip


@pytest.mark.parametrize("extension", ["jpg", "png", "tif", "webp", "avif", "heic", "jp2"])
def test_everything_comes_along(tmp_path: Path, photo: bytes, extension: str) -> None:
    still = read_still(photo)
    out = tmp_path / f"out.{extension}"
    assert not write_still(out, tint(still.luma), still, comment=COMMENT)
    exif = read_still(out).metadata.exif
    assert exif.text(_ARTIST) == "Jürgen Müller"
    assert exif.text(_DATE) == "1936:08:01 12:00:00"
    assert exif.exif[_EXPOSURE] and exif.exif[_USER_COMMENT].data == b"ASCII\0\0\0plat"
    assert exif.exif[MAKER_NOTE].data == bytes(range(40))
    assert exif.gps[1].data == b"N\0"
    assert read_still(out).metadata.xmp == _XMP
    assert read_still(out).metadata.software == f"ScanStudio 3; {COMMENT}"


@pytest.mark.parametrize("extension", ["jpg", "png", "tif", "webp", "avif", "heic"])
def test_other_programs_find_the_signature(tmp_path: Path, photo: bytes, extension: str) -> None:
    still = read_still(photo)
    out = tmp_path / f"out.{extension}"
    write_still(out, tint(still.luma), still, comment=COMMENT)
    with Image.open(out) as image:
        exif = image.getexif()
        assert exif[_SOFTWARE] == f"ScanStudio 3; {COMMENT}"
        assert exif.get_ifd(_EXIF)[_EXPOSURE] == Fraction(1, 125)
        assert exif.get_ifd(_EXIF)[_COLOR_SPACE] == 1, "sRGB now"
        assert exif.get_ifd(_EXIF)[_WIDTH] == image.size[0], "the size is the output's"
        if extension == "png":
            assert image.info["Software"] == f"ScanStudio 3; {COMMENT}"
        if extension in ("jpg", "png", "tif"):
            assert image.info["dpi"] == pytest.approx((1900, 1900), abs=0.02)


def test_jpeg_comment_and_iptc(tmp_path: Path, photo: bytes) -> None:
    still = read_still(photo)
    for extension in ("jpg", "tif"):
        write_still(tmp_path / f"out.{extension}", tint(still.luma), still, comment=COMMENT)
        again = read_still(tmp_path / f"out.{extension}")
        assert again.metadata.iptc.startswith(b"\x1c\x02\x05\x00\x05Hafen")
    assert read_still(tmp_path / "out.jpg").metadata.text["Comment"] == "FSA/8a17000"


def test_a_photo_without_anything_is_signed(tmp_path: Path, gray: Array, save: Encode) -> None:
    still = read_still(save(gray, "PNG"))
    for extension in ("jpg", "png", "tif", "webp", "avif", "heic", "jp2"):
        out = tmp_path / f"out.{extension}"
        write_still(out, tint(gray), still, comment=COMMENT)
        assert read_still(out).metadata.software == COMMENT
    assert any(
        "metadata" in n for n in write_still(tmp_path / "o.bmp", tint(gray), still, comment="x")
    )


def test_colorizing_twice_signs_once(tmp_path: Path, gray: Array, save: Encode) -> None:
    first, second = tmp_path / "first.jpg", tmp_path / "second.jpg"
    write_still(first, tint(gray), read_still(save(gray, "PNG")), comment=COMMENT)
    write_still(second, tint(gray), read_still(first), comment=COMMENT)
    assert read_still(second).metadata.software == COMMENT


def test_the_old_thumbnail_is_gone(tmp_path: Path, gray: Array, save: Encode) -> None:
    """It would show the grey picture in every file browser."""
    thumbnail = save(gray, "JPEG")
    block = ExifBlock()
    block.main = {_SOFTWARE: block.text_entry("camera")}
    raw = bytearray(block.to_bytes())
    ifd1 = ExifBlock(main={
        0x103: block.number_entry(6),
        0x201: block.number_entry(0, long=True),
        0x202: block.number_entry(len(thumbnail), long=True),
    })  # fmt: skip
    link = 8 + 2 + 12  # behind the one row of IFD0
    raw[link : link + 4] = len(raw).to_bytes(4, "little")
    packed = bytearray(ifd1.to_bytes()[8:])
    packed[2 + 12 + 8 : 2 + 12 + 12] = (len(raw) + len(packed)).to_bytes(4, "little")
    data = save(gray, "JPEG", exif=b"Exif\0\0" + bytes(raw) + bytes(packed) + thumbnail)
    with Image.open(_stored(tmp_path / "in.jpg", data)) as image:
        assert image.getexif().get_ifd(ExifTags.IFD.IFD1), "the source does have one"
    still = read_still(tmp_path / "in.jpg")
    write_still(tmp_path / "out.jpg", tint(still.luma), still, comment=COMMENT)
    with Image.open(tmp_path / "out.jpg") as image:
        assert not image.getexif().get_ifd(ExifTags.IFD.IFD1)
    assert (tmp_path / "out.jpg").read_bytes().count(b"\xff\xd8\xff") == 1


@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_tags_and_directories(tmp_path: Path, deep: Array, tiff: Encode, order: str) -> None:
    data = tiff(
        deep, photometric="rgb", byteorder=order, description="Plate 12", software="ScanStudio 3",
        datetime="1999:01:02 03:04:05", resolution=(1200, 1200), resolutionunit="inch",
        extratags=[(_ARTIST, "s", 0, "A. Nonym", True), (_COPYRIGHT, "s", 0, "PD", True)],
    )  # fmt: skip
    still = read_still(data)
    for extension in ("tif", "jpg"):
        out = tmp_path / f"out.{extension}"
        write_still(out, deep, still, comment=COMMENT)
        with Image.open(out) if extension == "jpg" else _tags(out) as image:
            tags = image.getexif() if extension == "jpg" else image
            assert tags[270] == "Plate 12"
            assert tags[_SOFTWARE] == f"ScanStudio 3; {COMMENT}"
            assert tags[_DATE] == "1999:01:02 03:04:05"
            assert tags[_ARTIST] == "A. Nonym" and tags[_COPYRIGHT] == "PD"
        assert read_still(out).metadata.dpi == pytest.approx((1200, 1200))
    with tifffile.TiffFile(tmp_path / "out.tif") as written:
        assert written.pages[0].dtype == np.uint16  # type: ignore[union-attr]
        assert np.array_equal(written.pages[0].asarray(), deep)


def test_png_texts(tmp_path: Path, gray: Array, save: Encode) -> None:
    texts = PngInfo()
    texts.add_text("Title", "Harbour")
    texts.add_itxt("Author", "Jürgen ☃ Müller")
    texts.add_text("Software", "GIMP")
    texts.add_text("Description", "x" * 5000, zip=True)
    still = read_still(save(gray, "PNG", pnginfo=texts))
    write_still(tmp_path / "out.png", tint(gray), still, comment=COMMENT)
    with Image.open(tmp_path / "out.png") as image:
        found = image.text  # type: ignore[attr-defined]
    assert found["Title"] == "Harbour" and found["Author"] == "Jürgen ☃ Müller"
    assert found["Description"] == "x" * 5000
    assert found["Software"] == f"GIMP; {COMMENT}"
    write_still(tmp_path / "out.jpg", tint(gray), still, comment=COMMENT)
    assert read_still(tmp_path / "out.jpg").metadata.exif.text(_ARTIST) == "Jürgen ☃ Müller"


def test_exif_round_trip_in_both_byte_orders() -> None:
    for order in "<>":
        block = _exif(order)
        once = ExifBlock.parse(block.to_bytes())
        twice = ExifBlock.parse(once.to_bytes())
        for name in ("main", "exif", "gps"):
            want = {tag: (e.type, e.count, e.data) for tag, e in getattr(block, name).items()}
            for read in (once, twice):
                got = {tag: (e.type, e.count, e.data) for tag, e in getattr(read, name).items()}
                assert {t: v for t, v in got.items() if t not in (_EXIF, _GPS)} == want
        assert once.exif[MAKER_NOTE].offset == twice.exif[MAKER_NOTE].offset, "its inner offsets"


def test_damaged_exif_is_left_out_not_fatal(gray: Array, save: Encode, tmp_path: Path) -> None:
    good = _exif().to_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        bad = bytearray(good)
        for at in rng.integers(0, len(bad), 6):
            bad[at] = rng.integers(0, 256)
        still = read_still(save(gray, "WEBP", exif=b"Exif\0\0" + bytes(bad), lossless=True))
        write_still(tmp_path / "out.jpg", tint(gray), still, comment=COMMENT)
        assert COMMENT in read_still(tmp_path / "out.jpg").metadata.software


def test_xmp_is_made_true() -> None:
    xmp = (
        b'<d photoshop:ColorMode="1" photoshop:ICCProfile="Dot Gain" tiff:Orientation="8" '
        b'hdrgm:Version="1.0" dc:creator="A"><tiff:Orientation>6</tiff:Orientation>'
        b"<xmp:Thumbnails><rdf:Alt>/9j/4AAQ</rdf:Alt></xmp:Thumbnails>"
        b"<Container:Directory><rdf:Seq/></Container:Directory><dc:title>T</dc:title></d>"
    )
    clean = (
        b'<d tiff:Orientation="1" dc:creator="A"><tiff:Orientation>1</tiff:Orientation>'
        b"<dc:title>T</dc:title></d>"
    )
    assert prepare_xmp(xmp) == clean


def test_ultra_hdr_says_that_the_gain_map_is_lost(tmp_path: Path) -> None:
    still = read_still(shared_photos() / "odd_photos/libvips__ultra-hdr.jpg")
    assert any("gain map" in warning for warning in still.warnings)
    write_still(tmp_path / "out.jpg", tint(still.luma), still, comment=COMMENT)
    assert b"hdrgm:Version" not in (tmp_path / "out.jpg").read_bytes()


def _app13(iptc: bytes) -> bytes:
    body = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + len(iptc).to_bytes(4, "big") + iptc
    body += bytes(len(iptc) % 2)
    return b"\xff\xed" + (len(body) + 2).to_bytes(2, "big") + body


def _stored(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


class _tags(dict[int, Any]):  # noqa: N801 - used like a function
    """TIFF tags of a file as a dict that can stand in a ``with``."""

    def __init__(self, path: Path) -> None:
        with tifffile.TiffFile(path) as file:
            super().__init__({tag.code: tag.value for tag in file.pages[0].tags})  # type: ignore[union-attr]

    def __enter__(self) -> _tags:
        return self

    def __exit__(self, *exc: object) -> None:
        pass
