"""Small inputs, ways to run the program, and a look at what it left."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from vidcolor.cli.main import main

Run = Callable[..., "Outcome"]

FileSizeLimit = Callable[[int], AbstractContextManager[None]]

SMALL = ("-m", "compact", "-d", "cpu", "--render-factor", "2")


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that says what was wrong."""
        lines = [line for line in self.err.splitlines() if line.startswith("vidcolor: error:")]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        assert "unexpected error" not in self.err, self.err
        return lines[0]


def run_here(capfd: pytest.CaptureFixture[str], *words: str | Path) -> Outcome:
    """Run in this process: torch is loaded once for all tests."""
    capfd.readouterr()
    code = main([str(word) for word in words])
    out, err = capfd.readouterr()
    return Outcome(code, out, err)


def command(*words: str | Path) -> list[str]:
    """The program as a user starts it."""
    return [sys.executable, "-m", "vidcolor", *map(str, words)]


def run_apart(*words: str | Path, shell: str = "", **options: Any) -> Outcome:  # noqa: ANN401
    """Run in a process of its own; ``shell`` is what a shell does with it, such as ``2>&-``."""
    line: Any = command(*words)
    if shell:
        line = ["sh", "-c", f'"$@" {shell}', "sh", *line]
    done = subprocess.run(
        line, capture_output=True, text=True, timeout=120, check=False, errors="replace", **options
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def make_film(
    path: Path, *, frames: int = 10, size: tuple[int, int] = (80, 48), shade: int = 0, **tags: str
) -> Path:
    """A grey H.264 clip of a moving ramp; ``shade`` makes another film of it."""
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("libx264", rate=25, options={"g": "5"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        output.metadata.update(tags)
        ramp = np.linspace(30, 180, size[0])
        for index in range(frames):
            luma = np.repeat(np.roll(ramp, 3 * index)[None], size[1], 0) + shade
            picture = np.repeat(luma[..., None], 3, 2).astype(np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode(None))
    return path


def make_photo(path: Path, *, size: tuple[int, int] = (80, 48)) -> Path:
    """A grey photo of a ramp."""
    row = np.linspace(20, 230, size[0], dtype=np.uint8)
    Image.fromarray(np.repeat(row[None, :], size[1], axis=0)).save(path)
    return path


def frames_in(path: Path) -> int:
    """How many frames plain PyAV decodes."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def names_in(folder: Path) -> set[str]:
    """All names in a folder, hidden ones too."""
    return set(os.listdir(folder))
