"""Any frame, from anywhere, is exactly that of a reading from the beginning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from read_helpers import frames_of, gray_frame, moving_luma, write_clip

from vidcolor.errors import InputError
from vidcolor.media.open import Input, open_input
from vidcolor.media.read.frames.access import FrameAccess
from vidcolor.media.read.frames.index import FrameIndex
from vidcolor.media.source import ReadSettings
from vidcolor.types import LumaFrame

PLAIN = ReadSettings(copy_streams=False)
COUNT = 60
ROOT = Path(__file__).resolve().parents[3]
MEDIA = ROOT / ".." / "shared" / "media"
REAL = sorted(
    path.relative_to(MEDIA).as_posix()
    for room in ("archival", "color_video", "odd")
    for path in (MEDIA / room).glob("*")
)


def _print(frame: LumaFrame) -> tuple[Any, ...]:
    """All that a frame is."""
    flags = frame.full_range, frame.interlaced, frame.top_field_first
    data = tuple((each.kind, each.data) for each in frame.side_data)
    return frame.pts, frame.duration, frame.depth, flags, data, frame.luma.tobytes()


def _prints(opened: Input, settings: ReadSettings, first: int = 0) -> list[tuple[Any, ...]]:
    with opened.read(settings, first_frame=first) as source:
        return [_print(frame) for frame in frames_of(source)]


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many frames came by which way: "index", "place" (without one), the rest by reading."""
    counts = {"index": 0, "place": 0}
    frames_from, frame_at = FrameAccess.frames_from, FrameAccess.frame_at

    def counted(self: FrameAccess, first: int) -> Any:  # noqa: ANN401
        for frame in frames_from(self, first):
            counts["index"] += 1
            yield frame

    def noted(self: FrameAccess, seconds: Fraction) -> Any:  # noqa: ANN401
        found = frame_at(self, seconds)
        counts["place"] += found is not None
        return found

    monkeypatch.setattr(FrameAccess, "frames_from", counted)
    monkeypatch.setattr(FrameAccess, "frame_at", noted)
    return counts


def check(path: Path, settings: ReadSettings = PLAIN, *, every: int = 1) -> int:
    """Compare reading from any frame on, and frames at their times; return how many there are."""
    with open_input(path) as opened:
        whole = _prints(opened, settings)
        with opened.read(settings) as source:
            unit, start = source.info.time_base, Fraction(source.info.start_s)
        for first in range(1, len(whole), every):
            assert _prints(opened, settings, first) == whole[first:], f"from {first}, by index"
        times = [(pts * unit - start, number) for number, (pts, *_) in enumerate(whole)]
        for seconds, number in times[::every]:
            frame = opened.frame_at(float(seconds), settings)
            assert frame is not None and _print(frame) == whole[number], f"at {number}, by index"
    with open_input(path) as opened:  # knows nothing
        for seconds, number in reversed(times[::every]):
            frame = opened.frame_at(float(seconds), settings)
            assert frame is not None and _print(frame) == whole[number], f"at {number}"
    with open_input(path) as opened:
        assert _prints(opened, settings, len(whole) // 2) == whole[len(whole) // 2 :]
    return len(whole)


X264 = "keyint=10:min-keyint=10:scenecut=0"
EVEN = {"g": "10", "bf": "2"}


def _h264(name: str, x264: str) -> Callable[[Path], Path]:
    settings = {"x264-params": f"{X264}:{x264}"}
    return lambda folder: write_clip(folder / name, frames=COUNT, options=settings)


def _vfr(folder: Path) -> Path:
    stamps = np.cumsum([0, *(100 + 37 * (i * i % 11) for i in range(COUNT - 1))]).tolist()
    return write_clip(
        folder / "vfr.mkv", frames=COUNT, stamps=stamps, time_base=Fraction(1, 1000),
        options={"x264-params": f"{X264}:bframes=2"},
    )  # fmt: skip


def _without_audio(source: Path, target: Path, change: Callable[[int, Any], None]) -> Path:
    """Copy the packets into another container, each changed."""
    with av.open(str(source)) as opened, av.open(str(target), "w") as output:
        stream = output.add_stream_from_template(opened.streams.video[0])
        for number, packet in enumerate(opened.demux(video=0)):
            if packet.dts is not None:
                packet.stream = stream
                change(number, packet)
                output.mux(packet)
    return target


def _no_key(folder: Path) -> Path:
    """No packet but the first is marked as a key frame."""
    source = _h264("a.mkv", "bframes=0")(folder)

    def unmark(number: int, packet: Any) -> None:  # noqa: ANN401
        packet.is_keyframe = number == 0

    return _without_audio(source, folder / "no_key.mkv", unmark)


def _all_key(folder: Path) -> Path:
    """Every packet is marked as a key frame: most can't be decoded alone."""
    source = write_clip(folder / "a.avi", frames=COUNT, codec="mpeg4", options={"g": "20"})

    def mark(_: int, packet: Any) -> None:  # noqa: ANN401
        packet.is_keyframe = True

    return _without_audio(source, folder / "all_key.mkv", mark)


def _broken_avi(folder: Path) -> Path:
    """The index at the end is cut off."""
    path = write_clip(folder / "a.avi", frames=COUNT, codec="mpeg4", options={"g": "10"})
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"idx1")])
    return path


def _no_cues(folder: Path) -> Path:
    """Matroska whose cues can't be found."""
    path = _h264("a.mkv", "bframes=2")(folder)
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"\x1c\x53\xbb\x6b")])
    return path


def _jump(folder: Path) -> Path:
    """Two recordings in one transport stream: stamps begin anew, packets repeat."""
    part = write_clip(
        folder / "a.ts", frames=COUNT // 2, options={"x264-params": X264},
        time_base=Fraction(1, 90000), stamps=[3600 * i for i in range(COUNT // 2)],
    )  # fmt: skip
    path = folder / "jump.ts"
    path.write_bytes(part.read_bytes() * 2)
    return path


def _edit_list(folder: Path) -> Path:
    """An MP4 cut in the middle of a group of pictures: what comes before is decoded, not shown."""
    source = _h264("a.mp4", "bframes=2")(folder)
    with av.open(str(source)) as opened, av.open(str(folder / "cut.mp4"), "w") as output:
        stream = output.add_stream_from_template(opened.streams.video[0])
        shift = None
        for packet in opened.demux(video=0):
            if packet.dts is None or packet.pts * packet.time_base < Fraction(4, 10):
                continue
            shift = packet.pts + 5 * packet.duration if shift is None else shift
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = stream
            output.mux(packet)
    return folder / "cut.mp4"


def _interlaced(folder: Path) -> Path:
    path = folder / "fields.ts"
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("mpeg2video", rate=25, options={"g": "10", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.flags |= 0x20040000  # interlaced DCT and motion estimation
        for index in range(COUNT):
            luma = moving_luma(2 * index)
            luma[1::2] = moving_luma(2 * index + 1)[1::2]
            frame = gray_frame(luma)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


MADE: dict[str, Callable[[Path], Path]] = {
    "b_frames.mkv": _h264("a.mkv", "bframes=3:b-pyramid=normal"),
    "b_frames.mp4": _h264("a.mp4", "bframes=3:b-pyramid=normal"),
    "open_gop.mp4": _h264("a.mp4", "bframes=3:open-gop=1"),
    "open_gop.ts": _h264("a.ts", "bframes=3:open-gop=1"),
    "intra_refresh.mkv": _h264("a.mkv", "bframes=0:intra-refresh=1"),
    "vfr.mkv": _vfr,
    "no_key.mkv": _no_key,
    "all_key.mkv": _all_key,
    "broken.avi": _broken_avi,
    "no_cues.mkv": _no_cues,
    "jump.ts": _jump,
    "edit_list.mp4": _edit_list,
    "raw.h264": _h264("a.h264", "bframes=2"),
    "mpeg2.mpg": lambda folder: write_clip(
        folder / "a.mpg", frames=COUNT, codec="mpeg2video", options=EVEN
    ),
    "b_frames.avi": lambda folder: write_clip(
        folder / "a.avi", frames=COUNT, codec="mpeg4", options=EVEN
    ),
    "vp9.webm": lambda folder: write_clip(
        folder / "a.webm", frames=COUNT, codec="libvpx-vp9",
        options={"g": "20", "auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "8"},
    ),  # fmt: skip
    "animation.gif": lambda folder: write_clip(
        folder / "a.gif", frames=COUNT, codec="gif", pix_fmt="gray"
    ),
    "fields.ts": _interlaced,
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_any_frame_is_that_of_a_reading_from_the_beginning(name: str, tmp_path: Path) -> None:
    assert check(MADE[name](tmp_path), every=7) > COUNT // 3


@pytest.mark.parametrize("name", ["b_frames.mkv", "fields.ts"])
def test_deinterlaced_frames_too(name: str, tmp_path: Path) -> None:
    """The filter looks at neighbours, which have to be decoded too."""
    path = MADE[name](tmp_path)
    assert check(path, replace(PLAIN, deinterlace=True), every=9) == COUNT


@pytest.mark.parametrize("name", ["b_frames.mkv", "broken.avi", "no_cues.mkv", "jump.ts"])
def test_within_a_span_too(name: str, tmp_path: Path) -> None:
    path = MADE[name](tmp_path)
    settings = replace(PLAIN, start_s=0.5, end_s=2.0)
    with open_input(path) as opened:
        whole = _prints(opened, settings)
        assert [_prints(opened, settings, first) for first in (3, 20)] == [whole[3:], whole[20:]]


@pytest.mark.parametrize("name", ["b_frames.mkv", "open_gop.mp4", "open_gop.ts", "jump.ts"])
def test_little_is_decoded(name: str, tmp_path: Path, ways: dict[str, int]) -> None:
    """The index and the look at the place are used, not only the way that is always right."""
    with open_input(MADE[name](tmp_path)) as opened:
        assert opened.frame_at(1.5) is not None
        assert ways["place"] == (name != "jump.ts")  # where it is joined, a stamp repeats
        _prints(opened, PLAIN)
        _prints(opened, PLAIN, 40)
        assert ways["index"] == COUNT - 40


def test_a_picture_that_differs_from_the_index_is_found(
    tmp_path: Path, ways: dict[str, int]
) -> None:
    """From there on, frames come from a reading from the beginning."""
    path = MADE["b_frames.mkv"](tmp_path)
    with open_input(path) as opened:
        whole = _prints(opened, PLAIN)
        index = opened.index(PLAIN)
        assert index is not None and index.is_complete and len(index) == COUNT
        index._sums[50] ^= 1
        assert _prints(opened, PLAIN, 40) == whole[40:]
        assert ways["index"] == 10


def test_an_index_serves_another_process(tmp_path: Path, ways: dict[str, int]) -> None:
    path = MADE["b_frames.mkv"](tmp_path)
    with open_input(path) as opened:
        whole = _prints(opened, PLAIN)
        index = opened.index()
        assert index is not None
        kept = index.to_bytes()
    with open_input(path) as opened:
        opened.use_index(FrameIndex.from_bytes(kept))
        assert _prints(opened, PLAIN, 40) == whole[40:]
        assert ways["index"] == COUNT - 40


@pytest.mark.parametrize("data", [b"", b"no index", b"PK\x03\x04" + bytes(100)])
def test_a_damaged_index_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a frame index"):
        FrameIndex.from_bytes(data)


def test_an_unfinished_index_is_gone_on_from(tmp_path: Path) -> None:
    """A reading that was broken off has shown some; the rest is read from the beginning."""
    path = MADE["b_frames.mkv"](tmp_path)
    with open_input(path) as opened:
        whole = _prints(opened, PLAIN)
    with open_input(path) as opened:
        with opened.read(PLAIN) as source:
            frames = iter(source)
            for _ in range(35):
                next(frames)
        assert _prints(opened, PLAIN, 30) == whole[30:]
        assert _prints(opened, PLAIN, 50) == whole[50:]


@pytest.mark.parametrize("name", REAL or ["nothing"])
def test_real_files(name: str, shared_dir: Path) -> None:
    """The first quarter of a second of each file, from its middle and its end, and at a time."""
    path = shared_dir / "media" / name
    settings = replace(PLAIN, end_s=0.25)
    if "no-initial-keyframe" in name:
        pytest.skip("its pictures lack what they are made of: no two readings are the same")
    try:
        opened = open_input(path)
    except InputError:
        pytest.skip("can't be opened")
    with opened:
        try:
            whole = _prints(opened, settings)
        except InputError:
            pytest.skip("no film that can be decoded")
        for first in {len(whole) // 2, len(whole) - 1} - {0}:
            assert _prints(opened, settings, first) == whole[first:]
        number = 2 * len(whole) // 3 - 1
        if number > 0:
            start = Fraction(opened.info.start_s)
            seconds = whole[number][0] * opened.info.time_base - start
            frame = opened.frame_at(float(seconds))
            assert frame is not None and _print(frame) == whole[number]
