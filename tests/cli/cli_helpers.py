"""Real inputs, small enough to be made anew for each test, and a terminal to run under."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run of the program."""

    returncode: int
    stdout: str
    stderr: str


RunHere = Callable[..., Outcome]


def make_clip(
    path: Path,
    *,
    frames: int = 6,
    size: tuple[int, int] = (64, 48),
    begins: Sequence[int] | None = None,
) -> Path:
    """A grey H.264 (GIF: GIF) clip of a moving ramp at 24 fps, or of frames that begin then.

    ``begins`` counts 24ths of a second.
    """
    codec, pix_fmt = ("gif", "gray") if path.suffix == ".gif" else ("libx264", "yuv420p")
    ramp = np.linspace(30, 220, size[0], dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(24))
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        for number, begin in enumerate(range(frames) if begins is None else begins):
            row = np.roll(ramp, 3 * number)
            picture = np.repeat(row[None, :, None], size[1], axis=0).repeat(3, axis=2)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = begin, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def make_photo(path: Path, *, size: tuple[int, int] = (64, 48)) -> Path:
    """A grey photo of a ramp; the suffix chooses the format."""
    row = np.linspace(20, 230, size[0], dtype=np.uint8)
    Image.fromarray(np.repeat(row[None, :], size[1], axis=0)).save(path)
    return path


def make_scan(path: Path, *, size: tuple[int, int] = (64, 48)) -> Path:
    """A grey DPX or EXR of a ramp."""
    codec, pix_fmt = path.suffix[1:], {".dpx": "rgb24", ".exr": "gbrpf32le"}[path.suffix]
    row = np.linspace(20, 230, size[0], dtype=np.uint8)
    picture = np.repeat(np.repeat(row[None, :, None], size[1], axis=0), 3, axis=2)
    context = av.VideoCodecContext.create(codec, "w")
    context.width, context.height = size
    context.pix_fmt, context.time_base = pix_fmt, Fraction(1, 24)
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pix_fmt)
    path.write_bytes(b"".join(map(bytes, [*context.encode(frame), *context.encode(None)])))
    return path


def command(*words: str) -> list[str]:
    """The program as a user starts it."""
    return [sys.executable, "-m", "vidcolor", *words]


class Screen:
    """A program under a pseudo-terminal."""

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self.master, self.process = master, process
        self.text = ""

    def wait_for(self, text: str, timeout_s: float = 60) -> None:
        """Read until ``text`` is on the screen."""
        deadline = time.monotonic() + timeout_s
        while text not in self.text:
            assert time.monotonic() < deadline, f"{text!r} never came: {self.text!r}"
            assert self._read(), f"ended without {text!r}: {self.text!r}"

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self.master, text.encode())

    def end(self, timeout_s: float = 60) -> int:
        """Read to the end; the exit code."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and self._read():
            pass
        return self.process.wait(timeout=60)

    def _read(self) -> bool:
        """Take what there is; False at the end."""
        if not select.select([self.master], [], [], 0.1)[0]:
            return self.process.poll() is None
        try:
            data = os.read(self.master, 65536)
        except OSError:  # Linux says EIO where the other end is closed
            return False
        self.text += data.decode(errors="replace")
        return bool(data)


def _take_terminal() -> None:
    """Make stdin the controlling terminal, so that Ctrl-C typed there becomes a signal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextmanager
def on_terminal(*words: str, cwd: Path | None = None) -> Iterator[Screen]:
    """Run with stdin, stdout and stderr on one pseudo-terminal."""
    master, line = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(
        command(*words),
        stdin=line,
        stdout=line,
        stderr=line,
        cwd=cwd,
        env=environment,
        start_new_session=True,
        preexec_fn=_take_terminal,
    )
    os.close(line)
    try:
        yield Screen(master, process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=10)
        os.close(master)
