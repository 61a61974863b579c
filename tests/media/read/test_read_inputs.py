"""What counts as what, numbered scans, animations, and a system ffmpeg."""

from __future__ import annotations

import io
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import tifffile
from av.packet import Packet
from PIL import Image, ImageOps
from read_helpers import fingerprints, frames_of, moving_luma, split, write_clip

from vidcolor.errors import DependencyError, InputError
from vidcolor.media.files.inputs import InputFile
from vidcolor.media.files.patterns import is_taken
from vidcolor.media.open import open_source, sniff
from vidcolor.media.read import base
from vidcolor.media.read.film import VideoReader
from vidcolor.media.scans.read import find_files
from vidcolor.media.source import ReadSettings


def write_scans(folder: Path, numbers: list[int], suffix: str = "png") -> Path:
    """16-bit gray scans, each with its own brightness."""
    for number in numbers:
        codes = moving_luma(number).astype(np.uint16) * 257
        cv2.imwrite(str(folder / f"scan_{number:06d}.{suffix}"), codes)
    return folder / f"scan_%06d.{suffix}"


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_scans_of_16_bit(tmp_path: Path, suffix: str) -> None:
    """Every bit arrives; numbers start anywhere; fps gives the stamps."""
    pattern = write_scans(tmp_path, list(range(86400, 86410)), suffix)
    (tmp_path / "scan_notes.txt").write_text("not a scan")
    assert sniff(pattern) == "sequence"
    with open_source(pattern, ReadSettings(fps=Fraction(18))) as source:
        frames = frames_of(source)
        assert source.info.rate == 18
        assert (source.info.width, source.info.height, source.info.depth) == (96, 64, 16)
        assert source.template is None
        assert source.status.warnings == []
    assert [frame.seconds for frame in frames] == [pytest.approx(i / 18) for i in range(10)]
    for index, frame in enumerate(frames):
        assert (frame.luma == moving_luma(86400 + index).astype(np.uint16) * 257).all()
        assert frame.full_range


def test_numbers_are_read_as_they_are_written(tmp_path: Path) -> None:
    """``%6d`` pads with zeros, as FFmpeg's own numbering does."""
    write_scans(tmp_path, [7, 8])
    for name, count in (("scan_%06d.png", 2), ("scan_%6d.png", 2), ("scan_%d.png", 0)):
        assert len(find_files(tmp_path / name)) == count
        assert is_taken(tmp_path / name) == bool(count)
    assert sniff(tmp_path / "scan_%6d.png") == "sequence"


def test_dpx_of_10_bit(tmp_path: Path) -> None:
    """DPX scanners write 10-bit RGB, big endian."""
    codes = np.random.default_rng(5).integers(0, 1024, (64, 96), dtype=np.uint16)
    frame = av.VideoFrame(96, 64, "gbrp10le")
    for plane in frame.planes:
        rows = np.zeros((64, plane.line_size // 2), np.uint16)
        rows[:, :96] = codes
        plane.update(rows.tobytes())
    context = av.CodecContext.create("dpx", "w")
    context.width, context.height = 96, 64  # type: ignore[attr-defined]
    context.pix_fmt, context.time_base = "gbrp10le", Fraction(1, 24)  # type: ignore[attr-defined]
    packets = context.encode(frame) + context.encode(None)  # type: ignore[attr-defined]
    (tmp_path / "s_1.dpx").write_bytes(b"".join(bytes(packet) for packet in packets))
    with open_source(tmp_path / "s_%d.dpx") as source:
        frames = frames_of(source)
        assert any("no fps was given" in line for line in source.status.warnings)
    assert (frames[0].depth, frames[0].full_range) == (10, True)
    assert (frames[0].luma == codes).all()


def write_turned(path: Path, orientation: int) -> None:
    """A scan that is stored such that a viewer shows ``moving_luma`` upright."""
    shown = moving_luma(0)
    stored = shown.T if orientation >= 5 else shown
    stored = stored[:, ::-1] if orientation in (2, 3, 7, 8) else stored
    stored = stored[::-1] if orientation in (3, 4, 6, 7) else stored
    exif = Image.Exif()
    exif[274] = orientation
    picture = Image.fromarray(np.ascontiguousarray(stored))
    picture.save(path, exif=exif, **({"quality": 95} if path.suffix == ".jpg" else {}))


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_scans_are_read_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    """Network and all outputs see what viewers show; nothing is left to be turned by players."""
    for number in (1, 2):
        write_turned(tmp_path / f"scan_{number}.{suffix}", orientation)
    upright = moving_luma(0)
    if suffix == "jpg":
        with Image.open(tmp_path / "scan_1.jpg") as picture:
            upright = np.asarray(ImageOps.exif_transpose(picture))
    with open_source(tmp_path / f"scan_%d.{suffix}", ReadSettings(fps=Fraction(24))) as source:
        assert (source.info.width, source.info.height, source.info.rotation) == (96, 64, 0)
        assert source.display_matrix is None
        frames = frames_of(source)
        assert source.status.warnings == []
    for frame in frames:  # libjpeg and libav round differently
        assert np.abs(frame.luma.astype(int) - upright).max() <= (2 if suffix == "jpg" else 0)


def test_scans_are_turned_as_the_first(tmp_path: Path) -> None:
    """Frames of a film are of one shape, whatever a scanner's software says in between."""
    for number, orientation in enumerate((6, 6, 1, 8)):
        write_turned(tmp_path / f"scan_{number}.png", orientation)
    with open_source(tmp_path / "scan_%d.png", ReadSettings(fps=Fraction(24))) as source:
        assert {frame.luma.shape for frame in frames_of(source)} == {(64, 96)}
        changed = [line for line in source.status.warnings if "orientation" in line]
        assert changed == ["the scans' orientation changes: all are turned as the first is"]


def test_missing_and_broken_scans(tmp_path: Path) -> None:
    """A gap and a broken file leave gaps in time, and are said; the rest keeps its place."""
    pattern = write_scans(tmp_path, [3, 4, 6, 7])
    (tmp_path / "scan_000004.png").write_bytes(b"broken")
    with open_source(pattern, ReadSettings(fps=Fraction(24))) as source:
        assert [frame.pts for frame in frames_of(source)] == [0, 3, 4]
        assert source.status.damaged == 1
        assert any(line.startswith("1 numbers are missing") for line in source.status.warnings)
    with pytest.raises(InputError, match="no file has a name of this pattern"):
        open_source(tmp_path / "other_%06d.png")


def test_span_of_scans(tmp_path: Path) -> None:
    """--start and --end hold for scans too."""
    pattern = write_scans(tmp_path, list(range(20)))
    with open_source(pattern, ReadSettings(fps=Fraction(10), start_s=0.5, end_s=1.0)) as source:
        frames = frames_of(source)
        assert [frame.pts + source.time_offset_s * 10 for frame in frames] == [5, 6, 7, 8, 9]


def test_a_percent_sign_in_a_real_name(tmp_path: Path) -> None:
    """A file of that very name is that file."""
    path = write_clip(tmp_path / "plain.mkv", frames=2).rename(tmp_path / "a%06d.mkv")
    assert sniff(path) == "video"


def test_sniff_goes_by_content(tmp_path: Path) -> None:
    """Extensions lie."""
    gray = Image.fromarray(moving_luma(0))
    others = [Image.fromarray(moving_luma(index)) for index in (5, 9)]
    gray.save(tmp_path / "photo.mp4", "PNG")
    gray.save(tmp_path / "photo.avi", "JPEG")
    gray.save(tmp_path / "still.gif")
    gray.save(tmp_path / "moves.gif", save_all=True, append_images=others)
    gray.save(tmp_path / "moves.webp", save_all=True, append_images=others)
    gray.save(tmp_path / "moves.png", save_all=True, append_images=others)
    tifffile.imwrite(tmp_path / "scan.mov", moving_luma(0))
    write_clip(tmp_path / "clip.mkv", frames=2).rename(tmp_path / "clip.jpg")
    (tmp_path / "text.mp4").write_text("words " * 100)
    expected = {
        "photo.mp4": "image", "photo.avi": "image", "still.gif": "image", "moves.gif": "video",
        "moves.webp": "video", "moves.png": "video", "scan.mov": "image", "clip.jpg": "video",
        "text.mp4": "unknown",
    }  # fmt: skip
    assert {name: sniff(tmp_path / name) for name in expected} == expected
    with pytest.raises(InputError, match="no such file"):
        sniff(tmp_path / "nothing")


@pytest.mark.parametrize("suffix", ["webp", "png", "gif"])
def test_animations(tmp_path: Path, suffix: str) -> None:
    """All frames, each with its own duration."""
    pictures = [Image.fromarray(moving_luma(9 * index)) for index in range(4)]
    path = tmp_path / f"moves.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=[100, 50, 200, 100], **options
    )
    with open_source(path) as source:
        frames = frames_of(source)
    assert [frame.seconds for frame in frames] == pytest.approx([0, 0.1, 0.15, 0.35])
    # GIF has 256 colours and gray ramps of its own: two codes of tolerance.
    assert np.abs(frames[2].luma.astype(int) - moving_luma(18)).max() <= 2


def test_ffmpeg_decodes_the_same(tmp_path: Path) -> None:
    """Frames, stamps and copied packets are those of our own libraries."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("no ffmpeg program on the PATH")
    pytest.importorskip("ffmpeg")
    path = write_clip(
        tmp_path / "a.mp4", frames=40, audio_s=1.6, options={"bf": "2"},
        time_base=Fraction(1, 90000),
        stamps=[9000 + 3600 * i + 700 * (i % 3) for i in range(40)],
    )  # fmt: skip
    with open_source(path, ReadSettings(start_s=0.5, end_s=1.2)) as reader:
        frames, packets = split(reader)
    with open_source(path, ReadSettings(decoder="ffmpeg", start_s=0.5, end_s=1.2)) as source:
        ours, others = split(source)
        assert source.template is not None
    assert [frame.pts for frame in ours] == [frame.pts for frame in frames]
    assert all((a.luma == b.luma).all() for a, b in zip(ours, frames, strict=True))
    assert fingerprints(others) == fingerprints(packets)


def test_missing_ffmpeg_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is used only when asked for, and its absence is one clear line."""
    path = write_clip(tmp_path / "a.mkv", frames=3)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DependencyError, match="ffmpeg"):
        open_source(path, ReadSettings(decoder="ffmpeg"))
    with open_source(path) as source:
        assert len(frames_of(source)) == 3


def _late_picture(path: Path) -> Path:
    """Four seconds of sound before the first frame."""
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "gray"
        sound: Any = output.add_stream("pcm_s16le", rate=48000)
        for start in range(0, 5 * 48000, 4800):
            tone = np.full((1, 4800), start % 999, np.int16)
            block = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
            block.sample_rate, block.pts, block.time_base = 48000, start, Fraction(1, 48000)
            output.mux(sound.encode(block))
        for index in range(5):
            frame = av.VideoFrame.from_ndarray(moving_luma(index), format="gray")
            frame.pts, frame.time_base = 100 + index, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def test_sound_long_before_the_picture_takes_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond a limit packets aren't kept while the first frame is looked for, but read again."""
    path = _late_picture(tmp_path / "a.mkv")
    with open_source(path) as source:
        frames, packets = split(source)
        info, status = source.info, source.status
    assert sum(packet.size for packet in packets) > 400_000
    monkeypatch.setattr(base, "MAX_EARLY_BYTES", 100_000)
    with open_source(path) as source:
        assert sum(item.size for item in source._ready if isinstance(item, Packet)) == 0  # type: ignore[attr-defined]
        assert source.info == info
        found, others = split(source)
        assert source.status == status
    assert [(f.pts, f.luma.tobytes()) for f in found] == [(f.pts, f.luma.tobytes()) for f in frames]
    assert fingerprints(others) == fingerprints(packets)


def test_sound_long_before_the_picture_of_a_pipe_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _late_picture(tmp_path / "a.mkv")
    monkeypatch.setattr(base, "MAX_EARLY_BYTES", 100_000)

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    pipe = Pipe(path.read_bytes())
    with pytest.raises(InputError, match="come before the picture, and a pipe can't go back"):
        VideoReader(InputFile(path, pipe), str(path), ReadSettings())
