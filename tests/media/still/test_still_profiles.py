"""With a colour profile, the result is as light as the source in a colour-managed viewer."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from still_helpers import COMMENT, lightness, shared_photos

from vidcolor.media.still import icc
from vidcolor.media.still.metadata.png import pack_chunk
from vidcolor.media.still.read import read_still, write_still

Array = npt.NDArray[Any]
Encode = Callable[..., bytes]

_P3 = {"whitepoint": [0.3127, 0.3290], "primaries": [0.68, 0.32, 0.265, 0.69, 0.15, 0.06]}
_ACES = {"whitepoint": [0.3217, 0.3377], "primaries": [0.713, 0.293, 0.165, 0.83, 0.128, 0.044]}


def _profile(name: str) -> bytes:
    if name == "adobe":
        return bytes(imagecodecs.cms_profile("adobergb"))
    if name == "linear gray":
        return bytes(imagecodecs.cms_profile("gray", gamma=1.0))
    if name == "gamma 1.8 gray":
        return bytes(imagecodecs.cms_profile("gray", gamma=1.8))
    primaries, gamma = {"wide": (_P3, 2.2), "linear": (_ACES, 1.0), "old": (_P3, 1.8)}[name]
    return bytes(imagecodecs.cms_profile("rgb", gamma=gamma, **primaries))


def _star(light: Array) -> Array:
    """CIE L* of linear light."""
    return np.where(light > 216 / 24389, 116 * np.cbrt(light) - 16, light * 24389 / 27)


def _linear(codes: Array) -> Array:
    """SRGB codes in [0, 1] to linear light, IEC 61966-2-1."""
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("name", ["adobe", "wide", "old", "gamma 1.8 gray", "linear gray"])
def test_8_bit_is_as_light_as_before(tmp_path: Path, save: Encode, name: str) -> None:
    codes = np.tile(np.arange(256, dtype=np.uint8), (16, 1))
    pixels = codes if "gray" in name else np.repeat(codes[..., None], 3, axis=2)
    profile = _profile(name)
    still = read_still(save(pixels, "PNG", icc_profile=profile))
    out = tmp_path / "out.png"
    write_still(out, np.repeat(still.luma[..., None], 3, axis=2), still, comment=COMMENT)
    with Image.open(out) as written:
        after = lightness(written, written.info["icc_profile"])
    before = lightness(Image.fromarray(pixels), profile)
    # rounding to 8 bits moves L* by up to 0.5 where codes are sparse, Pillow's Lab by 0.2
    limit = 1.5 if name == "linear gray" else 0.8
    assert np.abs(after - before)[:, 8:].max() <= limit
    assert abs(float(np.mean(after - before))) < 0.1


@pytest.mark.parametrize("name", ["linear", "adobe", "wide", "linear gray"])
def test_16_bit_is_as_light_as_before(tiff: Encode, name: str) -> None:
    """Against the formulas: grey through a profile of a pure gamma is light = code ** gamma."""
    gamma = {"linear": 1.0, "adobe": 563 / 256, "wide": 2.2, "linear gray": 1.0}[name]
    codes = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    pixels = codes if "gray" in name else np.repeat(codes[..., None], 3, axis=2)
    photometric = "minisblack" if "gray" in name else "rgb"
    still = read_still(tiff(pixels, photometric=photometric, iccprofile=_profile(name)))
    assert still.depth == 16
    expected = _star((codes / 65535) ** gamma)
    # 8-bit levels are 0.4 L* apart; the profile's curves are tables of 16-bit values
    assert np.abs(_star(_linear(still.luma / 65535)) - expected).max() < 0.05


def test_16_bit_colours_agree_with_littlecms(deep: Array) -> None:
    for name in ("adobe", "wide", "linear"):
        profile = _profile(name)
        ours = icc.convert_to_srgb(deep, "rgb", profile).astype(np.int32)
        theirs = imagecodecs.cms_transform(
            deep, profile, icc.srgb_profile(), colorspace="rgb", outcolorspace="rgb",
            intent=0, flags=int(imagecodecs.CMS.FLAGS.NOOPTIMIZE),
        )  # fmt: skip
        assert np.abs(ours - theirs.astype(np.int32)).max() <= 32  # an eighth of an 8-bit level


def test_srgb_profiles_change_nothing(rgb: Array, gray: Array, save: Encode) -> None:
    plain = read_still(save(rgb, "PNG")).luma
    assert np.array_equal(read_still(save(rgb, "PNG", icc_profile=icc.srgb_profile())).luma, plain)
    assert np.array_equal(read_still(save(gray, "PNG", icc_profile=icc.srgb_profile())).luma, gray)


def test_output_says_srgb_only_where_the_source_said_something(
    tmp_path: Path, gray: Array, save: Encode
) -> None:
    for profile, expected in ((None, None), (_profile("linear gray"), icc.srgb_profile())):
        still = read_still(save(gray, "PNG", icc_profile=profile))
        for extension in ("png", "jpg", "tif", "webp", "avif", "heic"):
            out = tmp_path / f"out.{extension}"
            write_still(out, np.repeat(gray[..., None], 3, axis=2), still, comment=COMMENT)
            with Image.open(out) as written:
                assert written.info.get("icc_profile") == expected, extension


def test_a_broken_or_foreign_profile_is_left_out_and_said(gray: Array, save: Encode) -> None:
    rgb = np.repeat(gray[..., None], 3, axis=2)
    for profile in (b"no profile at all" * 20, _profile("linear gray")):
        still = read_still(save(rgb, "PNG", icc_profile=profile))
        assert np.array_equal(still.luma, gray)
        assert len(still.warnings) == 1 and "profile" in still.warnings[0]


@pytest.mark.parametrize(("gamma", "linear"), [(100000, True), (45455, False)])
def test_png_gamma_counts_where_there_is_nothing_better(
    gray: Array, save: Encode, gamma: int, linear: bool
) -> None:
    data = save(gray, "PNG")
    data = data[:33] + pack_chunk(b"gAMA", struct.pack(">I", gamma)) + data[33:]
    luma = read_still(data).luma
    if not linear:
        assert np.array_equal(luma, gray)
        return
    assert np.abs(_linear(luma / 255) - gray / 255).max() < 0.006  # 8-bit rounding


def test_jpeg_2000_profile_is_found(gray: Array, save: Encode) -> None:
    """Pillow passes over profiles in JP2, so a linear one would come out much too dark."""
    profile = _profile("linear gray")
    data = save(gray, "JPEG2000")
    at = data.index(b"colr") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    box = b"\2\0\0" + profile
    head = data.index(b"jp2h") - 4
    grown = int.from_bytes(data[head : head + 4], "big") - size + len(box) + 8
    new = data[:head] + struct.pack(">I", grown) + data[head + 4 : at]
    new += struct.pack(">I", len(box) + 8) + b"colr" + box + data[at + size :]
    assert read_still(new).luma.mean() > gray.mean() + 30


@pytest.mark.parametrize(
    "name", ["photoprism__DisplayP3.jpg", "ianare__portrait_6.jpg", "ianare__IMG_5195.HEIC"]
)
def test_real_profiles_on_grey(tmp_path: Path, save: Encode, name: str) -> None:
    """Profiles from real cameras and screens: Display P3, an old Mac's generic RGB."""
    with Image.open(shared_photos() / "odd_photos" / name) as image:
        profile = image.info["icc_profile"]
    codes = np.repeat(np.tile(np.arange(256, dtype=np.uint8), (8, 1))[..., None], 3, axis=2)
    still = read_still(save(codes, "PNG", icc_profile=profile))
    after = lightness(Image.fromarray(np.repeat(still.luma[..., None], 3, axis=2)), None)
    before = lightness(Image.fromarray(codes), profile)
    assert np.abs(after - before)[:, 8:].max() <= 0.8  # 8-bit rounding, twice


def test_cmyk_goes_through_its_profile() -> None:
    """Within the rounding of 8 bits, as light as LittleCMS makes the source itself."""
    photo = shared_photos() / "odd_photos/lovell__Channel_digital_image_CMYK_color.jpg"
    still = read_still(photo)
    with Image.open(photo) as image:
        before = lightness(image, image.info["icc_profile"])
    gray = Image.fromarray(np.repeat(still.luma[..., None], 3, axis=2))
    difference = lightness(gray, None) - before
    # luma is not lightness: saturated colours differ; on the whole they don't
    assert abs(float(np.mean(difference))) < 1.0
    assert float(np.mean(np.abs(difference))) < 2.5


def test_linear_light_photo_is_not_darkened() -> None:
    photo = shared_photos() / "odd_photos/libjxl__Google-Pixel2XL-16bit_acescg_g1_v4_krita.png"
    still = read_still(photo)
    pixels = imagecodecs.png_decode(photo.read_bytes()).astype(np.float64) / 65535
    # ACEScg's own luminance weights, from its primaries
    expected = _star(pixels @ np.array([0.2722, 0.6741, 0.0537]))
    found = _star(_linear(still.luma / 65535))
    assert abs(float(np.mean(found - expected))) < 1.5  # luma against luminance
