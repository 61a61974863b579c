"""Numbered images out."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from write_helpers import FAST, flat_planes, make_clip, write_all

from vidcolor.errors import OptionError, OutputError, StreamLossError
from vidcolor.media.open import open_source
from vidcolor.media.output import open_writer
from vidcolor.media.read.frames.side_data import display_matrix
from vidcolor.media.scans.write import SequenceWriter
from vidcolor.media.source import FrameSource, ReadSettings
from vidcolor.media.still.icc import srgb_profile
from vidcolor.media.still.metadata.exif import IMAGE_DESCRIPTION
from vidcolor.media.still.metadata.record import StillMetadata
from vidcolor.media.still.read import read_still
from vidcolor.media.write.film import VideoWriter
from vidcolor.types import ColorFrame, EncodeSettings, LumaFrame, Plane

PLAIN = EncodeSettings()


def to_images(
    source: Path, pattern: Path, settings: EncodeSettings = PLAIN, *, commit: bool = True
) -> SequenceWriter:
    with open_source(source) as opened:
        return write_images(opened, pattern, settings, commit=commit)


def write_images(
    opened: FrameSource, pattern: Path, settings: EncodeSettings = PLAIN, *, commit: bool = True
) -> SequenceWriter:
    with open_writer(pattern, opened, settings) as writer:
        assert isinstance(writer, SequenceWriter)
        planes = flat_planes(writer.plane_format, (opened.info.width, opened.info.height))
        for item in opened:
            writer.write(ColorFrame(planes, item) if isinstance(item, LumaFrame) else item)
        if commit:
            writer.commit()
    return writer


@pytest.mark.parametrize(
    ("suffix", "pix_fmt", "expected"),
    [
        (".png", "gray", "rgb24"),
        (".png", "gray16le", "rgb48be"),
        (".tif", "gray", "rgb24"),
        (".tif", "gray10le", "rgb48le"),
        (".dpx", "gray", "rgb24"),
        (".dpx", "gray10le", "gbrp10be"),
        (".dpx", "gray16le", "rgb48be"),
    ],
)
def test_images_hold_the_planes_at_their_depth(
    tmp_path: Path, suffix: str, pix_fmt: str, expected: str
) -> None:
    source = make_clip(
        tmp_path / "in.mkv", codec="ffv1", pix_fmt=pix_fmt, options={}, size=(61, 35), pts=[0, 1, 2]
    )
    writer = to_images(source, tmp_path / f"out_%04d{suffix}")
    assert writer.plane_format.pix_fmt == expected
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["in.mkv", *(f"out_000{n}{suffix}" for n in (1, 2, 3))]
    with av.open(str(tmp_path / f"out_0002{suffix}")) as file:
        frame = next(file.decode(video=0))
    wanted = np.stack(flat_planes(writer.plane_format, (61, 35)), -1)
    found = frame.reformat(format="rgb24" if writer.plane_format.depth == 8 else "rgb48le")
    shift = 0 if writer.plane_format.depth in (8, 16) else 16 - writer.plane_format.depth
    # swscale widens 10 bits to 16 by repeating the upper ones in the lower ones
    assert np.array_equal(found.to_ndarray() >> shift, wanted)


def test_nothing_appears_before_commit(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", pts=[0, 1])
    to_images(source, tmp_path / "out_%04d.png", commit=False)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize(("start_s", "expected"), [(None, [7, 8, 11, 12, 14]), (0.3, [11, 12, 14])])
def test_images_have_the_numbers_of_their_scans(
    tmp_path: Path, start_s: float | None, expected: list[int]
) -> None:
    for number in (7, 8, 11, 12, 13, 14):
        grey = np.full((16, 24, 3), number, np.uint8)
        Image.fromarray(grey).save(tmp_path / f"scan_{number:04d}.png")
    (tmp_path / "scan_0013.png").write_bytes(b"no picture")
    with open_source(
        tmp_path / "scan_%04d.png", ReadSettings(fps=Fraction(10), start_s=start_s)
    ) as opened:
        write_images(opened, tmp_path / "color_%03d.tif")
    found = sorted(path.name for path in tmp_path.glob("color_*"))
    assert found == [f"color_{number:03d}.tif" for number in expected]


def scans_with_headers(folder: Path, suffix: str, orientation: int = 1) -> Path:
    """Two scans of 24x16 at 2000 dpi that say of which reel and by what they are."""
    for number in (1, 2):
        path, grey = folder / f"scan_{number}{suffix}", np.full((16, 24), 40_000, np.uint16)
        text = f"reel 7, frame {number}"
        if suffix == ".tif":
            tifffile.imwrite(
                path, grey, photometric="minisblack", metadata=None, description=text,
                software="Scanity", resolution=(2000, 1000), resolutionunit="inch",
                extratags=[(274, 3, 1, orientation, True)],
            )  # fmt: skip
        else:
            texts = PngInfo()
            texts.add_text("Description", text)
            texts.add_text("Software", "Scanity")
            Image.fromarray(grey).save(path, dpi=(2000, 1000), pnginfo=texts)
    return folder / f"scan_%d{suffix}"


def colorize_scans(scans: Path, pattern: Path) -> list[str]:
    settings = EncodeSettings(comment="vidcolor 0.0.1, model test")
    with open_source(scans, ReadSettings(fps=Fraction(24))) as opened:
        return write_images(opened, pattern, settings).notes


@pytest.mark.parametrize("before", [".tif", ".png"])
@pytest.mark.parametrize("after", [".tif", ".png"])
def test_what_scans_say_of_themselves_is_kept(tmp_path: Path, before: str, after: str) -> None:
    scans = scans_with_headers(tmp_path, before)
    assert colorize_scans(scans, tmp_path / f"color_%d{after}") == []
    kept = read_still(tmp_path / f"color_2{after}").metadata
    assert isinstance(kept, StillMetadata)
    assert kept.dpi == pytest.approx((2000, 1000), rel=1e-4)
    assert kept.software == "Scanity; vidcolor 0.0.1, model test"
    said = kept.exif.text(IMAGE_DESCRIPTION) or kept.text["Description"]
    assert said == "reel 7, frame 2"


@pytest.mark.parametrize("suffix", [".tif", ".png", ".dpx", ".mov", ".mkv"])
def test_scans_on_their_side_come_out_upright(tmp_path: Path, suffix: str) -> None:
    scans = scans_with_headers(tmp_path, ".tif", orientation=6)
    with open_source(scans, ReadSettings(fps=Fraction(24))) as opened:
        if suffix in (".mov", ".mkv"):
            write_all(opened, tmp_path / f"color_1{suffix}", FAST)
        else:
            write_images(opened, tmp_path / f"color_%d{suffix}")
    with av.open(str(tmp_path / f"color_1{suffix}")) as file:
        frame = next(file.decode(video=0))
        assert (frame.width, frame.height) == (16, 24)
        assert display_matrix(frame, file.streams.video[0].codec.name) is None


def test_upright_scans_say_so(tmp_path: Path) -> None:
    colorize_scans(scans_with_headers(tmp_path, ".tif", orientation=6), tmp_path / "color_%d.tif")
    with tifffile.TiffFile(tmp_path / "color_1.tif") as tiff:
        page = tiff.pages[0]
        assert page.tags["Orientation"].value == 1
        assert page.tags["XResolution"].value == (1000, 1)


def test_frames_of_films_get_no_resolution(tmp_path: Path) -> None:
    settings = EncodeSettings(comment="vidcolor 0.0.1, model test")
    source = make_clip(tmp_path / "in.mp4", pts=[0])
    for suffix in (".tif", ".png"):
        to_images(source, tmp_path / f"out_%d{suffix}", settings)
        metadata = read_still(tmp_path / f"out_1{suffix}").metadata
        assert isinstance(metadata, StillMetadata)
        assert (metadata.dpi, metadata.software) == (None, settings.comment)


def test_dpx_says_who_made_it_and_lost_headers_are_noted(tmp_path: Path) -> None:
    scans = scans_with_headers(tmp_path, ".tif")
    notes = colorize_scans(scans, tmp_path / "color_%d.dpx")
    lost = "what the headers of {} files say (resolution, texts, times) isn't kept in {} files"
    assert notes == [lost.format("tiff", "dpx")]
    creator = (tmp_path / "color_1.dpx").read_bytes()[160:260]
    assert creator.rstrip(b"\0") == b"vidcolor 0.0.1, model test"
    notes = colorize_scans(tmp_path / "color_%d.dpx", tmp_path / "again_%d.png")
    assert notes == [lost.format("dpx", "png")]


def test_a_profile_that_is_not_looked_at_is_noted(tmp_path: Path) -> None:
    picture = Image.new("RGB", (24, 16), (90, 90, 90))
    picture.save(tmp_path / "scan_1.png", icc_profile=srgb_profile())
    notes = colorize_scans(tmp_path / "scan_%d.png", tmp_path / "color_%d.png")
    assert notes == ["the scans' colour profile isn't looked at: their codes are taken for sRGB"]
    with Image.open(tmp_path / "color_1.png") as image:
        assert image.info["icc_profile"] == srgb_profile()


def test_sound_is_said_to_be_lost(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", pts=[0], languages=("eng",))
    writer = to_images(source, tmp_path / "out_%04d.png")
    assert writer.notes == ["stream 1 (audio, aac) is left out: images hold none"]
    with pytest.raises(StreamLossError):
        to_images(source, tmp_path / "out_%04d.png", EncodeSettings(strict=True))
    quiet = EncodeSettings(strict=True, audio="none")
    assert to_images(source, tmp_path / "out_%04d.png", quiet).notes == []


@pytest.mark.parametrize("suffix", [".png", ".dpx"])
@pytest.mark.parametrize(
    ("rows", "turn"),
    [
        ((0, 1, -1, 0), lambda plane: np.rot90(plane, -1)),  # clockwise, as telephones stand
        ((-1, 0, 0, -1), lambda plane: np.rot90(plane, 2)),
        ((0, -1, 1, 0), lambda plane: np.rot90(plane, 1)),
        ((-1, 0, 0, 1), np.fliplr),
        ((1, 0, 0, -1), np.flipud),
        ((0, 1, 1, 0), np.transpose),
        ((0, -1, -1, 0), lambda plane: np.rot90(np.transpose(plane), 2)),
    ],
)
def test_images_of_turned_films_are_upright(
    tmp_path: Path,
    suffix: str,
    rows: tuple[int, int, int, int],
    turn: Callable[[Plane], Plane],
) -> None:
    a, b, c, d = (65536 * factor for factor in rows)
    source = make_clip(tmp_path / "in.mov", matrix=(a, b, 0, c, d, 0, 0, 0, 1 << 30), pts=[0, 1])
    writer = to_images(source, tmp_path / f"out_%d{suffix}")
    assert writer.notes == []
    with av.open(str(tmp_path / f"out_2{suffix}")) as file:
        red = next(file.decode(video=0)).to_ndarray(format="rgb24")[..., 0]
    assert np.array_equal(red, turn(flat_planes(writer.plane_format, (64, 48))[0]))


def test_what_images_cannot_hold_of_a_film_is_said(tmp_path: Path) -> None:
    chapter = {"id": 1, "start": 0, "end": 200, "time_base": Fraction(1, 1000)}
    source = make_clip(
        tmp_path / "in.mkv", sar=Fraction(12, 11), fields="tff", metadata={"title": "Reel 7"},
        chapters=[{**chapter, "metadata": {"title": "One"}}],
    )  # fmt: skip
    expected = [
        f"{what} left out: images hold none"
        for what in ("the pixels' shape (12:11) is", "1 chapter is", "the tag title is",
                     "the order of fields is")
    ]  # fmt: skip
    assert to_images(source, tmp_path / "out_%d.png").notes == expected
    with pytest.raises(StreamLossError, match="12:11"):
        to_images(source, tmp_path / "strict_%d.png", EncodeSettings(strict=True))
    assert not list(tmp_path.glob("strict*"))


@pytest.mark.parametrize(
    ("pts", "time_base", "uneven"),
    [
        ([0, 1, 2, 3], Fraction(1, 25), False),
        ([0, 42, 83, 125, 167], Fraction(1, 1000), False),  # 24 fps in Matroska's unit
        ([0, 1, 3, 4], Fraction(1, 25), True),
        ([0, 40, 80, 413, 453], Fraction(1, 1000), True),
    ],
)
def test_uneven_times_are_said_to_be_lost(
    tmp_path: Path, pts: list[int], time_base: Fraction, uneven: bool
) -> None:
    source = make_clip(tmp_path / "in.mkv", pts=pts, time_base=time_base)
    expected = ["the frames' uneven times are left out: images hold none"] * uneven
    assert to_images(source, tmp_path / "out_%d.png").notes == expected
    strict = EncodeSettings(strict=True)
    if uneven:
        with pytest.raises(StreamLossError, match="uneven times"):
            to_images(source, tmp_path / "strict_%d.png", strict)
    else:
        to_images(source, tmp_path / "strict_%d.png", strict)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (3, ["7 images of an earlier result remain (numbers 4 to 10)"]),
        (9, ["1 image of an earlier result remains (number 10)"]),
        (10, []),
    ],
)
def test_what_remains_of_a_longer_run_is_said(
    tmp_path: Path, count: int, expected: list[str]
) -> None:
    pattern = tmp_path / "out_%03d.png"
    assert to_images(make_clip(tmp_path / "in.mkv", pts=list(range(10))), pattern).notes == []
    (tmp_path / "out_12.png").write_bytes(b"too few digits")
    shorter = make_clip(tmp_path / "short.mkv", pts=list(range(count)))
    assert to_images(shorter, pattern).notes == expected
    assert len(list(tmp_path.glob("out_0*.png"))) == 10


def test_bad_patterns_are_refused(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "scan_0001.mkv", pts=[0])
    with pytest.raises(OptionError, match=r"\.png, \.tif"):
        to_images(source, tmp_path / "out_%04d.exr")
    with pytest.raises(OptionError, match="crf has no meaning"):
        to_images(source, tmp_path / "out_%04d.png", EncodeSettings(crf=3))
    with pytest.raises(OutputError, match="doesn't exist"):
        to_images(source, tmp_path / "missing" / "out_%04d.png")
    still = tmp_path / "scan_0001.png"
    to_images(source, tmp_path / "scan_%04d.png")
    with open_source(still) as opened, pytest.raises(OptionError, match="is the input itself"):
        open_writer(tmp_path / "SCAN_%d.png", opened, PLAIN)


def test_other_names_are_films(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", pts=[0])
    with open_source(source) as opened, open_writer(tmp_path / "a.mp4", opened, PLAIN) as writer:
        assert isinstance(writer, VideoWriter)
