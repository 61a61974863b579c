"""Numbered images out."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from write_helpers import flat_planes, make_clip

from vidcolor.errors import OptionError, OutputError, StreamLossError
from vidcolor.media.reader import VideoReader
from vidcolor.media.sequence import SequenceReader
from vidcolor.media.sequence_writer import SequenceWriter
from vidcolor.media.source import FrameSource
from vidcolor.media.writer import VideoWriter, open_writer
from vidcolor.types import ColorFrame, EncodeSettings, LumaFrame

PLAIN = EncodeSettings()


def to_images(
    source: Path, pattern: Path, settings: EncodeSettings = PLAIN, *, commit: bool = True
) -> SequenceWriter:
    with VideoReader(source) as opened:
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
    with SequenceReader(tmp_path / "scan_%04d.png", fps=Fraction(10), start_s=start_s) as opened:
        write_images(opened, tmp_path / "color_%03d.tif")
    found = sorted(path.name for path in tmp_path.glob("color_*"))
    assert found == [f"color_{number:03d}.tif" for number in expected]


def test_sound_is_said_to_be_lost(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", pts=[0], languages=("eng",))
    writer = to_images(source, tmp_path / "out_%04d.png")
    assert writer.notes == ["stream 1 (audio, aac) is left out: images hold none"]
    with pytest.raises(StreamLossError):
        to_images(source, tmp_path / "out_%04d.png", EncodeSettings(strict=True))
    quiet = EncodeSettings(strict=True, audio="none")
    assert to_images(source, tmp_path / "out_%04d.png", quiet).notes == []


def test_bad_patterns_are_refused(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "scan_0001.mkv", pts=[0])
    with pytest.raises(OptionError, match=r"\.png, \.tif"):
        to_images(source, tmp_path / "out_%04d.exr")
    with pytest.raises(OptionError, match="--crf has no meaning"):
        to_images(source, tmp_path / "out_%04d.png", EncodeSettings(crf=3))
    with pytest.raises(OutputError, match="doesn't exist"):
        to_images(source, tmp_path / "missing" / "out_%04d.png")
    still = tmp_path / "scan_0001.png"
    to_images(source, tmp_path / "scan_%04d.png")
    with VideoReader(still) as opened, pytest.raises(OptionError, match="is the input itself"):
        open_writer(tmp_path / "SCAN_%d.png", opened, PLAIN)


def test_other_names_are_films(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", pts=[0])
    with VideoReader(source) as opened, open_writer(tmp_path / "a.mp4", opened, PLAIN) as writer:
        assert isinstance(writer, VideoWriter)
