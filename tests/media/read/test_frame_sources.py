"""The same questions to every source of frames: films, pipes, ffmpeg, animations, scans."""

from __future__ import annotations

import io
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from read_helpers import frames_of, moving_luma

from vidcolor.engine.describe import describe
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.video import colorize_video
from vidcolor.errors import InputError, OptionError
from vidcolor.media.open import Input, open_input
from vidcolor.media.source import FrameSource, ReadSettings
from vidcolor.types import LumaFrame

COUNT, RATE = 24, 10
PLAIN = ReadSettings(copy_streams=False)


@dataclass(frozen=True)
class Made:
    """An input with ``COUNT`` frames of ``moving_luma``, one each tenth of a second."""

    path: str
    settings: ReadSettings = PLAIN
    pipe: Callable[[], None] | None = None

    @contextmanager
    def open(self) -> Iterator[Input]:
        """The input, anew; a pipe is filled again."""
        if self.pipe is not None:
            self.pipe()
        with open_input(self.path) as opened:
            yield opened


def _film(path: Path) -> Path:
    """Lossless grey, a key frame each fifth; with B-frames in MP4."""
    codec, options = ("libx264", {"qp": "0"}) if path.suffix == ".mp4" else ("ffv1", {})
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(codec, rate=RATE, options={"g": "5", **options})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "gray"
        for index in range(COUNT):
            frame = av.VideoFrame.from_ndarray(moving_luma(index), format="gray")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def _animation(path: Path) -> Path:
    frames = [Image.fromarray(moving_luma(i)).convert("RGB") for i in range(COUNT)]
    options: dict[str, Any] = {"lossless": True} if path.suffix == ".webp" else {}
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=1000 // RATE, **options
    )  # fmt: skip
    return path


def _feeder(data: bytes, pipe: int | Path) -> None:
    def feed() -> None:
        try:
            with open(pipe, "wb") as target:
                target.write(data)
        except BrokenPipeError:
            return  # the test has seen enough

    threading.Thread(target=feed, daemon=True).start()


def _make(kind: str, folder: Path, patch: pytest.MonkeyPatch) -> Made:
    if kind in ("mkv", "avi", "mp4"):
        return Made(str(_film(folder / f"a.{kind}")))
    if kind == "webp":
        return Made(str(_animation(folder / "a.webp")))
    if kind == "apng":
        return Made(str(_animation(folder / "a.png")))
    if kind == "scans":
        for index in range(COUNT):
            Image.fromarray(moving_luma(index)).save(folder / f"s_{index + 7:03d}.png")
        settings = ReadSettings(copy_streams=False, fps=Fraction(RATE))
        return Made(str(folder / "s_%03d.png"), settings)
    film = _film(folder / "a.mkv")
    if kind.startswith("ffmpeg"):
        if shutil.which("ffmpeg") is None:
            pytest.skip("no ffmpeg program on the PATH")
        pytest.importorskip("ffmpeg")
        settings = ReadSettings(copy_streams=False, decoder="ffmpeg")
        if kind == "ffmpeg":
            return Made(str(film), settings)
    data = film.read_bytes()
    if kind == "fifo":
        if not hasattr(os, "mkfifo"):
            pytest.skip("no named pipes here")
        fifo = folder / "pipe.mkv"
        os.mkfifo(fifo)
        return Made(str(fifo), pipe=lambda: _feeder(data, fifo))

    def refill() -> None:
        read_end, write_end = os.pipe()
        patch.setattr("sys.stdin", io.TextIOWrapper(os.fdopen(read_end, "rb")))
        _feeder(data, write_end)

    return Made("-", settings if kind == "ffmpeg-stdin" else PLAIN, pipe=refill)


@pytest.fixture(
    params=["mkv", "avi", "mp4", "webp", "apng", "scans", "stdin", "ffmpeg", "ffmpeg-stdin"],
    scope="function",
)
def made(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """One input of each kind."""
    return _make(request.param, tmp_path, monkeypatch)


def _read(made: Made) -> list[LumaFrame]:
    with made.open() as opened, opened.read(made.settings) as source:
        return frames_of(source)


def _seconds(frame: LumaFrame) -> Fraction:
    return frame.pts * frame.time_base


def test_every_frame_comes_once_and_in_order(made: Made) -> None:
    frames = _read(made)
    assert [f.luma.tobytes() for f in frames] == [moving_luma(i).tobytes() for i in range(COUNT)]
    start = _seconds(frames[0])
    assert [_seconds(f) - start for f in frames] == [Fraction(i, RATE) for i in range(COUNT)]
    assert all(f.depth == 8 for f in frames)


def test_each_frame_lasts_until_the_next(made: Made) -> None:
    frames = _read(made)
    ends = [f.pts + f.duration for f in frames]
    assert ends[:-1] == [f.pts for f in frames[1:]]
    assert frames[-1].duration > 0


def test_info_is_that_of_the_frames(made: Made) -> None:
    with made.open() as opened:
        assert opened.kind in ("video", "sequence")  # nothing of a pipe is lost by that
        with opened.read(made.settings) as source:
            assert isinstance(source, FrameSource)
            info, frame = source.info, frames_of(source)[0]
            assert (info.width, info.height) == (frame.luma.shape[1], frame.luma.shape[0])
            assert (info.depth, info.time_base) == (frame.depth, frame.time_base)
            assert info.path == made.path
            assert source.expected_frames in (COUNT, None)
            assert source.status.has_color is False
            assert (source.status.damaged, source.status.corrupt) == (0, 0)


def test_a_span_is_a_part_of_the_whole(made: Made) -> None:
    """Frames with start <= t < end, all moved by the same time."""
    whole = _read(made)
    with (
        made.open() as opened,
        opened.read(replace(made.settings, start_s=0.5, end_s=1.2)) as source,
    ):
        part = frames_of(source)
        offset = source.time_offset_s
        assert source.span_s == Fraction(7, 10)
    assert [f.luma.tobytes() for f in part] == [f.luma.tobytes() for f in whole[5:12]]
    assert [_seconds(f) + offset for f in part] == [_seconds(f) for f in whole[5:12]]
    assert 0 <= _seconds(part[0]) < Fraction(1, RATE)


def test_reading_can_begin_with_any_frame(made: Made) -> None:
    whole = [(f.pts, f.duration, f.luma.tobytes()) for f in _read(made)]
    for first in (1, 11, COUNT - 1):
        with made.open() as opened, opened.read(made.settings, first_frame=first) as source:
            found = [(f.pts, f.duration, f.luma.tobytes()) for f in frames_of(source)]
        assert found == whole[first:]


def test_the_frame_on_the_screen(made: Made) -> None:
    whole = _read(made)
    for seconds, number in [(0.1, 1), (1.1999, 11), (2.39, 23), (0, 0)]:
        with made.open() as opened:
            frame = opened.frame_at(seconds, made.settings)
        assert frame is not None
        assert (frame.pts, frame.duration) == (whole[number].pts, whole[number].duration)
        assert (frame.luma == whole[number].luma).all()
    with made.open() as opened:
        assert opened.frame_at(99, made.settings) is None


def test_closing_twice_and_iterating_once(made: Made) -> None:
    with made.open() as opened:
        source = opened.read(made.settings)
        assert len(frames_of(source)) == COUNT
        assert frames_of(source) == []
        source.close()
        source.close()
        opened.close()


@pytest.mark.parametrize(("start_s", "end_s"), [(-1.0, None), (1.0, 1.0), (None, 0.0)], ids=str)
def test_senseless_spans_are_refused(
    made: Made, start_s: float | None, end_s: float | None
) -> None:
    settings = replace(made.settings, start_s=start_s, end_s=end_s)
    with made.open() as opened, pytest.raises(OptionError):
        opened.read(settings)


def test_a_span_behind_the_end_is_one_line(made: Made) -> None:
    with made.open() as opened, pytest.raises(InputError) as caught:
        opened.read(replace(made.settings, start_s=99))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["stdin", "fifo"])
def test_a_pipe_is_read_once(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = _make(kind, tmp_path, monkeypatch)
    with made.open() as opened:
        assert opened.is_pipe
        assert opened.kind == "video"
        assert opened.identity is None
        with opened.read(made.settings) as source:
            assert len(frames_of(source)) == COUNT
        with pytest.raises(InputError, match="a pipe can be read only once"):
            opened.read(made.settings)


@contextmanager
def _opened_files() -> Iterator[list[str]]:
    """Names that this process opens within."""
    names: list[str] = []
    active = True

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if active and event == "open":
            names.append(str(arguments[0]))

    sys.addaudithook(note)  # hooks can't be removed: it is switched off
    try:
        yield names
    finally:
        active = False


@pytest.mark.parametrize("kind", ["mkv", "avi", "mp4", "webp", "apng"])
def test_an_input_is_opened_once(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Probed, identified, read twice at the same time, asked for a frame: one opening."""
    made = _make(kind, tmp_path, monkeypatch)
    with _opened_files() as names, made.open() as opened:
        assert opened.kind == "video"
        assert opened.info.width == 96
        assert opened.identity is not None
        with opened.read(made.settings) as first, opened.read(made.settings) as second:
            pairs = zip(first, second, strict=True)
            assert all((a.luma == b.luma).all() for a, b in pairs)  # type: ignore[union-attr]
        assert opened.frame_at(1.0) is not None
    assert names.count(made.path) == 1


def test_scans_are_found_once_and_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = _make("scans", tmp_path, monkeypatch)
    with _opened_files() as names, made.open() as opened:
        assert opened.kind == "sequence"
        assert opened.identity is not None
        with opened.read(made.settings) as source:
            assert len(frames_of(source)) == COUNT
    scans = [name for name in names if name.startswith(str(tmp_path))]
    assert sorted(scans) == sorted(str(path) for path in tmp_path.iterdir())


def test_a_damaged_scan_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The frame on the screen is then the one before it, as when all are read."""
    made = _make("scans", tmp_path, monkeypatch)
    (tmp_path / "s_017.png").write_bytes(b"\x89PNG\r\n\x1a\n no picture")
    (tmp_path / "s_018.png").unlink()
    frames = _read(made)
    assert len(frames) == COUNT - 2
    with made.open() as opened:
        frame = opened.frame_at(1.15, made.settings)
        assert frame is not None
        assert (frame.pts, frame.luma.tobytes()) == (9, moving_luma(9).tobytes())
        with opened.read(made.settings) as source:  # now it is known which are whole
            frames_of(source)
        with opened.read(made.settings, first_frame=12) as source:
            assert [f.pts for f in frames_of(source)] == [f.pts for f in frames[12:]]


def test_frames_of_scans_keep_the_first_ones_shape(tmp_path: Path) -> None:
    """Also where only a later one is asked for: it is scaled as when all are read."""
    for index in range(4):
        size = (96, 64) if index < 2 else (48, 32)
        Image.fromarray(moving_luma(index)).resize(size).save(tmp_path / f"s_{index}.png")
    settings = ReadSettings(fps=Fraction(RATE))
    pattern = tmp_path / "s_%d.png"
    with open_input(pattern) as opened, opened.read(settings) as source:
        whole = frames_of(source)
    with open_input(pattern) as opened:
        frame = opened.frame_at(0.3, settings)
    assert frame is not None
    assert np.array_equal(frame.luma, whole[3].luma)


def test_describing_and_colorizing_open_an_input_once(tmp_path: Path) -> None:
    """``vidcolor info``; and a run, which also asks for its identity, to go on from later."""
    path = _film(tmp_path / "a.avi")
    options = ColorizeOptions(model="compact", device="cpu")
    with _opened_files() as names:
        describe(path, options)
    assert names.count(str(path)) == 1
    with _opened_files() as names:
        colorize_video(path, tmp_path / "out.mkv", options=options)
    assert names.count(str(path)) == 1
