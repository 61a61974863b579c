"""Interlaced material."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from read_helpers import frames_of, gray_frame, moving_luma, write_clip

from vidcolor.media.open import open_source
from vidcolor.media.pixels.deinterlace import Deinterlacer
from vidcolor.media.pixels.fields import FieldDetector, header_field_order
from vidcolor.media.source import ReadSettings
from vidcolor.types import LumaFrame

SIZE = {"width": 352, "height": 480}


def woven(index: int, order: str) -> npt.NDArray[np.uint8]:
    """A frame of two moments: the first field at ``2 i``, the second at ``2 i + 1``."""
    first, second = moving_luma(2 * index, **SIZE), moving_luma(2 * index + 1, **SIZE)
    frame = first.copy()
    rows = slice(1, None, 2) if order == "tff" else slice(0, None, 2)
    frame[rows] = second[rows]
    return frame


@pytest.mark.parametrize("order", ["tff", "bff"])
def test_fields_are_measured(order: str) -> None:
    """Unflagged transfers are common; idet sees what flags don't say."""
    detector = FieldDetector()
    for index in range(30):
        detector.look(woven(index, order))
    assert detector.verdict == order
    assert detector.done


def test_progressive_is_measured() -> None:
    """Motion alone is no interlacing."""
    detector = FieldDetector()
    for index in range(30):
        detector.look(moving_luma(2 * index, **SIZE))
    assert detector.verdict == "progressive"


@pytest.mark.parametrize("count", [1, 2, 3, 12])
@pytest.mark.parametrize("depth", [8, 10])
def test_deinterlacing_keeps_count_and_stamps(count: int, depth: int) -> None:
    """One frame per frame, the last one included, near to the true progressive picture."""
    deinterlacer = Deinterlacer(order="tff", flagged=False)
    out: list[LumaFrame] = []
    for index in range(count):
        luma: Any = woven(index, "tff")
        luma = luma if depth == 8 else luma.astype(np.uint16) * 4
        frame = LumaFrame(luma, depth, False, 7 * index, Fraction(1, 1000), interlaced=True)
        out += deinterlacer.push(frame)
    out += deinterlacer.flush()
    assert [frame.pts for frame in out] == [7 * index for index in range(count)]
    assert {frame.luma.dtype.name for frame in out} == {"uint8" if depth == 8 else "uint16"}
    assert not any(frame.interlaced for frame in out)
    if count > 2:
        scale = 1 << (depth - 8)
        true = moving_luma(2, **SIZE).astype(float)
        error = np.abs(out[1].luma / scale - true).mean()
        assert error < 0.5 * np.abs(woven(1, "tff") - true).mean()


def test_progressive_frames_of_a_flagged_stream_stay() -> None:
    """In mixed material only the frames with two fields are touched."""
    deinterlacer = Deinterlacer(order="tff", flagged=True)
    frames = [
        LumaFrame(woven(i, "tff"), 8, False, i, Fraction(1, 25), interlaced=i % 2 == 0)
        for i in range(6)
    ]
    out = [done for frame in frames for done in deinterlacer.push(frame)] + deinterlacer.flush()
    same = [bool((a.luma == b.luma).all()) for a, b in zip(out, frames, strict=True)]
    assert same == [False, True, False, True, False, True]


def interlaced_clip(path: Path) -> Path:
    """H.264 flagged as interlaced, bottom field first (x264 reads that off frames); 15 frames."""
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("libx264", rate=25, options={"x264-params": "bff=1"})
        stream.width, stream.height, stream.pix_fmt = 352, 480, "yuv420p"
        stream.codec_context.flags |= 1 << 18 | 1 << 29  # interlaced DCT and motion estimation
        for index in range(15):
            output.mux(stream.encode(gray_frame(woven(index, "bff"))))
        output.mux(stream.encode(None))
    return path


def test_flagged_film(tmp_path: Path) -> None:
    """It is said, the fields stay; with deinterlacing they go, frames and stamps stay."""
    path = interlaced_clip(tmp_path / "fields.mkv")
    with open_source(path) as reader:
        kept = frames_of(reader)
        assert reader.status.is_interlaced
        assert not reader.status.top_field_first
        assert reader.info.field_order == "bff"
        assert all(frame.interlaced and not frame.top_field_first for frame in kept)
        assert any("deinterlace=True" in line for line in reader.status.warnings)
    with open_source(path, ReadSettings(deinterlace=True)) as reader:
        gone = frames_of(reader)
        assert reader.info.field_order == "progressive"
    assert [frame.pts for frame in gone] == [frame.pts for frame in kept]
    assert not any(frame.interlaced for frame in gone)
    comb = [np.abs(np.diff(f[5].luma.astype(int), 2, axis=0)).mean() for f in (kept, gone)]
    assert comb[1] < 0.5 * comb[0]


def test_header_codes() -> None:
    """FFmpeg's TB means top first, BT bottom first, whatever its comments say."""
    assert [header_field_order(code) for code in range(6)] == [
        "unknown", "progressive", "tff", "bff", "tff", "bff",
    ]  # fmt: skip


def test_pictures_too_small_to_deinterlace_stay_as_they_are(tmp_path: Path) -> None:
    """Bwdif refuses them: that was a traceback."""
    path = write_clip(tmp_path / "a.mkv", codec="ffv1", size=(2, 2), frames=5)
    with open_source(path) as source:
        plain = [frame.luma.tobytes() for frame in frames_of(source)]
    with open_source(path, ReadSettings(deinterlace=True)) as source:
        assert [frame.luma.tobytes() for frame in frames_of(source)] == plain
