"""Pipes that nobody feeds, and pipes that nobody empties: one request ends the work."""

from __future__ import annotations

import array
import fcntl
import io
import os
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from robust_helpers import SMALL, FileSizeLimit, Run, command, frames_in, make_film, names_in

import vidcolor
from vidcolor.errors import Interrupted, OutputError, VidcolorError
from vidcolor.media.files.pipes import ended_by
from vidcolor.media.open import open_input

PROMPT_S = 30.0
"""It takes a tenth of a second, or as long as torch takes to load on a busy machine; without
listening it takes for ever."""

OPTIONS = vidcolor.ColorizeOptions(
    model="compact", device="cpu", render_factor=2, video_codec="ffv1", smoothing=0.0
)


@pytest.fixture
def film_bytes(tmp_path: Path) -> bytes:
    """A film that can be read from a pipe."""
    path = make_film(tmp_path / "long.mkv", frames=400)
    data = path.read_bytes()
    path.unlink()
    return data


def within(wanted: Callable[[], bool], timeout_s: float = 60) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + timeout_s
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def unread(descriptor: int) -> int:
    """Bytes that wait in a pipe."""
    number = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, number)
    return number[0]


@contextmanager
def stalled_input(monkeypatch: pytest.MonkeyPatch, data: bytes) -> Iterator[Callable[[], bool]]:
    """Standard input gives ``data`` and then nothing; yields whether all was taken."""
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as pipe:
        os.write(write_end, data)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(pipe))
        closed = threading.Timer(60, os.close, [write_end])  # a test that fails must not hang
        closed.start()
        yield lambda: unread(read_end) == 0
        assert closed.is_alive(), "it went on only when the pipe was closed"
        closed.cancel()
        os.close(write_end)


# The first is within the header; with half of the film its frames are on their way.
@pytest.mark.parametrize("share", [0.005, 0.5])
def test_stalled_standard_input_can_be_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, film_bytes: bytes, share: float
) -> None:
    stop, asked = threading.Event(), [0.0]
    with stalled_input(monkeypatch, film_bytes[: int(share * len(film_bytes))]) as taken:

        def ask() -> None:
            within(taken)
            within(lambda: share < 0.1 or bool(names_in(tmp_path)))  # the output is begun
            time.sleep(0.3)  # now it waits
            asked[0] = time.monotonic()
            stop.set()

        thread = threading.Thread(target=ask)
        thread.start()
        with pytest.raises(Interrupted):
            vidcolor.colorize_video("-", tmp_path / "out.mkv", options=OPTIONS, stop=stop)
        assert 0.0 <= time.monotonic() - asked[0] < PROMPT_S
        thread.join()
    assert names_in(tmp_path) == set()


def test_failure_does_not_wait_for_a_stalled_input(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file_size_limit: FileSizeLimit
) -> None:
    """The disk is full: that is said now, not when the film's sender has woken up."""
    film = make_film(tmp_path / "film.mkv", frames=60, size=(320, 240))
    data = film.read_bytes()
    film.unlink()
    # ProRes in QuickTime: large frames that are written at once
    options = replace(OPTIONS, video_codec="prores_ks")
    with (
        stalled_input(monkeypatch, data[:-10]),
        file_size_limit(2000),
        pytest.raises(OutputError, match="File too large"),
    ):
        vidcolor.colorize_video("-", tmp_path / "out.mov", options=options)
    assert names_in(tmp_path) == set()


def end(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Ask once to terminate; the exit code and the last line said."""
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=60)
    finally:
        process.kill()
    assert time.monotonic() - asked < PROMPT_S
    assert process.stderr is not None
    return process.returncode, process.stderr.read().decode().splitlines()[-1]


def wait_until_it_works(process: subprocess.Popen[bytes]) -> None:
    """Until a job is begun, as -vv tells."""
    assert process.stderr is not None
    assert any(b" -> " in line for line in process.stderr)


@pytest.mark.parametrize("name", ["-", "pipe"])
def test_terminated_before_anything_came(tmp_path: Path, film_bytes: bytes, name: str) -> None:
    """Standard input with a few bytes in it, and a named pipe that nobody writes to."""
    os.mkfifo(tmp_path / "pipe")
    words = command(*SMALL, "-vv", name, "out.mkv")
    streams = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, cwd=tmp_path, **streams) as process:  # type: ignore[call-overload]
        assert process.stdin is not None
        process.stdin.write(film_bytes[:100])
        process.stdin.flush()
        wait_until_it_works(process)
        time.sleep(0.5)
        assert end(process) == (143, "vidcolor: interrupted")
    assert names_in(tmp_path) == {"pipe"}


def test_terminated_while_nobody_takes_the_film(tmp_path: Path) -> None:
    """Standard output is a pipe that is full."""
    film = make_film(tmp_path / "film.mp4", frames=60, size=(320, 240))
    words = command(*SMALL, film, "-", "--video-codec", "ffv1", "--smoothing", "0")
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, **streams) as process:  # type: ignore[call-overload]
        assert process.stdout is not None
        pipe = process.stdout.fileno()
        room = fcntl.fcntl(pipe, 1032)  # F_GETPIPE_SZ: Linux's
        # pages may be half full: what is counted stands still below the pipe's size
        within(lambda: unread(pipe) > room // 2)
        time.sleep(0.5)
        assert end(process) == (143, "vidcolor: interrupted")


def test_named_pipe_is_read_once(tmp_path: Path, colorize: Run) -> None:
    """It was opened three times, and the second waited for ever for another writer."""
    data = make_film(tmp_path / "film.mkv").read_bytes()
    pipe = tmp_path / "pipe.mkv"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(data), daemon=True)
    writer.start()
    assert colorize(pipe, "out.mkv").code == 0
    writer.join(timeout=60)
    assert frames_in(tmp_path / "out.mkv") == 10
    assert names_in(tmp_path) == {"film.mkv", "pipe.mkv", "out.mkv"}


def test_whole_film_through_standard_output(tmp_path: Path, film_bytes: bytes) -> None:
    """Fed and taken slowly: all frames come out."""
    words = command(*SMALL, "-", "-", "--smoothing", "0")
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(words, **streams) as process:  # type: ignore[call-overload]
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def feed() -> None:
            for start in range(0, len(film_bytes), 3000):
                stdin.write(film_bytes[start : start + 3000])
                stdin.flush()
                time.sleep(0.01)
            stdin.close()

        thread = threading.Thread(target=feed)
        thread.start()
        made = bytearray()
        while piece := stdout.read1(5000):  # type: ignore[attr-defined]
            made += piece
        thread.join()
    assert process.returncode == 0
    (tmp_path / "out.mkv").write_bytes(made)
    assert frames_in(tmp_path / "out.mkv") == 400


def test_errors_are_the_api_s(tmp_path: Path) -> None:
    """What stops the work is an error of ours, as every other."""
    stop = threading.Event()
    stop.set()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(VidcolorError):
        vidcolor.colorize_video(tmp_path / "pipe", tmp_path / "out.mkv", options=OPTIONS, stop=stop)


def test_a_pipe_that_was_probed_before_is_listened_to(tmp_path: Path) -> None:
    """Its container was opened where nothing could stop it; reading it can be stopped."""
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "gray"
        for _ in range(30):
            noise = np.random.default_rng(1).integers(0, 256, (240, 320), np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="gray")))
        output.mux(stream.encode(None))
    film = path.read_bytes()
    pipe = tmp_path / "pipe.mkv"
    os.mkfifo(pipe)
    stop = threading.Event()
    feeding = threading.Event()

    def feed() -> None:
        with open(pipe, "wb") as target:
            target.write(film[: len(film) // 2])
            target.flush()
            feeding.wait()

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        with open_input(pipe) as opened:
            assert opened.info.width == 320
            with ended_by(stop), pytest.raises(Interrupted), opened.read() as source:
                threading.Timer(0.5, stop.set).start()
                for _ in source:
                    pass
    finally:
        feeding.set()
        thread.join()
