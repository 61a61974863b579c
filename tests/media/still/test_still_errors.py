"""What can't be read gives one clear line, never a traceback or a half-grey picture."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from still_helpers import COMMENT, shared_photos, tint

from vidcolor.errors import InputError
from vidcolor.media.pixels import limits
from vidcolor.media.still.metadata.png import SIGNATURE, pack_chunk
from vidcolor.media.still.read import read_still, write_still

Array = npt.NDArray[Any]
Encode = Callable[..., bytes]


@pytest.fixture(scope="module")
def noisy() -> Array:
    """A picture with texture everywhere, so that a missing part can't look like the rest."""
    noise = np.random.default_rng(0).normal(128, 30, (160, 160, 3))
    return noise.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def files(noisy: Array, save: Encode, tiff: Encode) -> dict[str, bytes]:
    deep = noisy.astype(np.uint16) * 257
    return {
        "jpeg": save(noisy, "JPEG"),
        "progressive": save(noisy, "JPEG", progressive=True),
        "png": save(noisy, "PNG"),
        "png16": bytes(imagecodecs.png_encode(deep)),
        "tiff": save(noisy, "TIFF"),
        "tiff lzw": save(noisy, "TIFF", compression="tiff_lzw"),
        "tiff16": tiff(deep, photometric="rgb", compression="zlib", predictor=True),
        "webp": save(noisy, "WEBP"),
        "avif": save(noisy, "AVIF", speed=10),
        "heic": save(noisy, "HEIF"),
        "jp2": save(noisy, "JPEG2000"),
        "bmp": save(noisy, "BMP"),
        "gif": save(noisy, "GIF"),
    }


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.99])
def test_truncated_files_say_so(files: dict[str, bytes], share: float) -> None:
    for name, data in files.items():
        cut = data[: int(len(data) * share)]
        with pytest.raises(InputError, match=r"truncated|damaged: no picture data") as caught:
            read_still(cut)
        assert "\n" not in str(caught.value), name


def test_jpeg_cut_but_with_an_end_marker_is_truncated_too(files: dict[str, bytes]) -> None:
    """Libjpeg makes such a picture grey below and is content."""
    data = files["jpeg"]
    with pytest.raises(InputError, match=r"truncated: the lower \d+% of the picture is missing"):
        read_still(data[: len(data) // 2] + b"\xff\xd9")


def test_jpeg_damaged_within_is_read_and_said(files: dict[str, bytes]) -> None:
    data = bytearray(files["jpeg"])
    middle = len(data) // 2
    data[middle : middle + 200] = b"\xfe" * 200  # no Huffman code; other damage may decode as one
    assert any("damaged" in warning for warning in read_still(bytes(data)).warnings)


def test_jpeg_without_its_end_marker_is_whole(files: dict[str, bytes]) -> None:
    whole = read_still(files["jpeg"])
    short = read_still(files["jpeg"][:-2])
    assert np.array_equal(short.luma, whole.luma)
    assert any("end marker" in warning for warning in short.warnings)


def test_flat_pictures_are_not_taken_for_damaged(save: Encode) -> None:
    assert not read_still(save(np.zeros((64, 64), np.uint8), "JPEG")).warnings


def test_trailing_rubbish_is_no_damage(files: dict[str, bytes]) -> None:
    for name in ("jpeg", "png", "webp", "gif"):
        assert not read_still(files[name] + b"\0" * 500).warnings, name


def test_random_damage_ends_in_one_line_and_silence(
    files: dict[str, bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(3)
    for name, data in files.items():
        for _ in range(6):
            broken = bytearray(data)
            for at in rng.integers(8, len(broken), 5):
                broken[at] = rng.integers(0, 256)
            try:
                read_still(bytes(broken))
            except InputError as error:
                line = str(error)
                assert "\n" not in line and " object at 0x" not in line and len(line) < 300, name
    assert capfd.readouterr() == ("", ""), "libraries must not talk to the user"


def test_bombs_are_refused_before_decoding(tmp_path: Path) -> None:
    """60000 x 60000 in a few bytes of header."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    png = SIGNATURE + pack_chunk(b"IHDR", header) + pack_chunk(b"IDAT", zlib.compress(b"\0" * 9))
    gif = b"GIF89a" + struct.pack("<HHBBB", 60_000, 60_000, 0, 0, 0) + b","
    gif += struct.pack("<HHHHB", 0, 0, 60_000, 60_000, 0) + b"\x08\x01\0\0;"
    bmp = b"BM" + struct.pack("<IHHI", 54, 0, 0, 54)
    bmp += struct.pack("<IiiHHIIiiII", 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0)
    for data in (png + pack_chunk(b"IEND", b""), gif, bmp):
        with pytest.raises(InputError, match="3,600 megapixels.*limit is 300"):
            read_still(data)


def test_bomb_in_tiff(gray: Array, tiff: Encode) -> None:
    for dtype in (np.uint8, np.uint16):
        data = bytearray(tiff(gray.astype(dtype), photometric="minisblack"))
        first = int.from_bytes(data[4:8], "little")
        for row in range(first + 2, first + 2 + 12 * 2 + 12, 12):
            tag = int.from_bytes(data[row : row + 2], "little")
            if tag in (256, 257):
                data[row + 2 : row + 12] = struct.pack("<HII", 4, 1, 100_000)
        with pytest.raises(InputError, match="10,000 megapixels"):
            read_still(bytes(data))


def test_more_than_the_memory_is_refused(
    files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_physical_memory", lambda: 100_000)
    with pytest.raises(InputError, match="needs about .* GB of memory"):
        read_still(files["png"])


def test_zero_sizes() -> None:
    gif = b"GIF89a" + struct.pack("<HHBBB", 0, 0, 0, 0, 0) + b";"
    bmp = b"BM" + struct.pack("<IHHI", 54, 0, 0, 54)
    bmp += struct.pack("<IiiHHIIiiII", 40, 0, 0, 1, 24, 0, 0, 0, 0, 0, 0)
    for data in (gif, bmp):
        with pytest.raises(InputError):
            read_still(data)


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("no picture at all")
    for name, words in (
        ("empty.jpg", "empty"),
        ("text.jpg", "not a picture"),
        ("missing.jpg", "no such file"),
        (".", "is a folder"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            read_still(tmp_path / name)
        assert str(tmp_path) in str(caught.value)
    with pytest.raises(InputError, match="empty"):
        read_still(b"")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all files")
def test_no_permission(tmp_path: Path, gray: Array, save: Encode) -> None:
    (tmp_path / "secret.png").write_bytes(save(gray, "PNG"))
    (tmp_path / "secret.png").chmod(0)
    with pytest.raises(InputError, match="no permission"):
        read_still(tmp_path / "secret.png")


def test_only_the_first_of_several_pages_and_it_is_said(
    gray: Array, deep: Array, save: Encode, tiff: Encode
) -> None:
    pages = np.stack([gray, gray[::-1], gray])
    stacks = {
        "3 pages": tiff(pages, photometric="minisblack"),
        "2 pages": tiff(np.stack([deep, deep]), photometric="rgb"),
        "3 pictures": save(
            gray, "WEBP", save_all=True, lossless=True,
            append_images=[Image.fromarray(gray[::-1]), Image.fromarray(255 - gray)],
        ),
    }  # fmt: skip
    for words, data in stacks.items():
        still = read_still(data)
        assert any(words in warning for warning in still.warnings), still.warnings
        if "2" not in words:
            assert np.array_equal(still.luma, gray)


def test_reduced_copies_are_no_pages(gray: Array, tiff: Encode, tmp_path: Path) -> None:
    import tifffile

    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(gray, photometric="minisblack", metadata=None)
        writer.write(gray[::2, ::2], photometric="minisblack", subfiletype=1, metadata=None)
    assert not read_still(stream.getvalue()).warnings


def test_camera_raw_is_refused(gray: Array, tiff: Encode) -> None:
    data = tiff(gray, photometric="minisblack", extratags=[(50706, "B", 4, b"\1\4\0\0", True)])
    with pytest.raises(InputError, match="raw"):
        read_still(data)


def test_library_warnings_stay_inside(tmp_path: Path) -> None:
    """In a fresh process, where nothing has been silenced by pytest."""
    folder = shared_photos() / "odd_photos"
    code = (
        "import sys; from pathlib import Path; from vidcolor.errors import VidcolorError\n"
        "from vidcolor.media.still.read import read_still\n"
        "for f in sorted(Path(sys.argv[1]).iterdir()):\n"
        "    if f.stat().st_size < 500_000:\n"
        "        try: read_still(f)\n"
        "        except VidcolorError: pass\n"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-W", "always::UserWarning", "-c", code, str(folder)],
        capture_output=True, text=True, check=True, timeout=120, cwd=root,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("", "")


_UNREADABLE = {
    "libvips__truncated.jpg": "truncated",
    "photoprism__animated-earth.jpg": "truncated",
    "python-pillow__truncated_image.png": "truncated",
    "python-pillow__balloon_eciRGBv2_aware.jp2": "truncated",
    "python-pillow__decompression_bomb.gif": "megapixels",
    "python-pillow__zero_width.gif": "damaged",
}


def test_every_real_photo_is_read_or_refused_in_one_line(tmp_path: Path) -> None:
    """100 photos, of which 6 are broken; the odd ones also survive a round trip."""
    refused = {}
    for photo in sorted(shared_photos().glob("*/*")):
        if photo.stat().st_size > 800_000:
            continue  # the big ones are read by the orientation tests
        try:
            still = read_still(photo)
        except InputError as error:
            refused[photo.name] = str(error)
            continue
        if photo.parent.name != "odd_photos":
            continue
        out = tmp_path / "out.png"
        write_still(out, tint(still.luma), still, comment=COMMENT)
        again = read_still(out)
        assert again.luma.shape == still.luma.shape and again.depth == still.depth, photo.name
        assert COMMENT in again.metadata.software
    assert refused.keys() == _UNREADABLE.keys()
    for name, words in _UNREADABLE.items():
        assert words in refused[name]


def test_visible_colour_is_told_from_toning() -> None:
    folder = shared_photos()
    colored = {p.name for p in folder.glob("documerica_color/*") if read_still(p).has_color}
    toned = {p.name for p in folder.glob("*_bw/*") if read_still(p).has_color}
    assert len(colored) >= 15, "of 20; the others are nearly of one hue"
    assert len(toned) <= 1, "of 38 grey, sepia and stained prints"
    assert read_still(folder / "kodak_color/imazen__23.png").has_color
    assert read_still(folder / "odd_photos/lovell__Flag_of_the_Netherlands-16bit.png").has_color
