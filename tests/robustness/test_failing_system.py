"""Discs that can't be read or locked, a clock that runs back: the C library itself says so."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from robust_helpers import SMALL, Outcome, frames_in, make_film, names_in, run_apart


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that goes between the program and the system."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs Linux and a C compiler")
    library = tmp_path_factory.mktemp("shim") / "failing.so"
    source = Path(__file__).with_name("failing_system.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def run_on(shim: Path, *words: str | Path, **environment: str) -> Outcome:
    """Run the program on top of a failing system."""
    return run_apart(*words, env={**os.environ, "LD_PRELOAD": str(shim), **environment})


def noise_photo(path: Path) -> Path:
    """A picture that can't be made small."""
    codes = np.random.default_rng(2).integers(0, 256, (200, 300), np.uint8)
    Image.fromarray(codes).save(path)
    return path


@pytest.mark.parametrize("name", ["film.mp4", "photo.png"])
def test_reading_fails(tmp_path: Path, shim: Path, name: str) -> None:
    """A film whose index, at its end, can't be read, was "neither a film nor a photo"."""
    path = tmp_path / name
    make_film(path) if name == "film.mp4" else noise_photo(path)
    place = path.stat().st_size * 3 // 4
    outcome = run_on(
        shim, *SMALL, path, tmp_path / f"out{path.suffix}", FAIL_NAME=name, FAIL_AT=str(place)
    )
    assert outcome.code == 1
    assert re.search(rf"{name}: can't be read.*Input/output error", outcome.error)
    assert names_in(tmp_path) == {name}


def test_reading_fails_before_the_first_frame(tmp_path: Path, shim: Path) -> None:
    """It was "cut off or empty"."""
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "gray"
        codes = np.random.default_rng(3).integers(0, 256, (240, 320), np.uint8)
        for _ in range(3):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(codes, format="gray")))
        output.mux(stream.encode(None))
    outcome = run_on(shim, *SMALL, path, tmp_path / "out.mkv", FAIL_NAME=path.name, FAIL_AT="20000")
    assert outcome.code == 1
    assert "film.mkv: can't be read: Input/output error" in outcome.error
    assert names_in(tmp_path) == {"film.mkv"}


def test_one_scan_that_cannot_be_read(tmp_path: Path, shim: Path) -> None:
    """The others are a film; which one is missing, and why, is said."""
    for number in range(4):
        noise_photo(tmp_path / f"scan_{number}.tif")
    words = (tmp_path / "scan_%d.tif", tmp_path / "out.mkv", "--fps", "24")
    outcome = run_on(shim, *SMALL, *words, FAIL_NAME="scan_2.tif", FAIL_AT="5000")
    assert outcome.code == 0
    assert re.search(r"left out: .*scan_2.tif: Input/output error", outcome.err)
    assert frames_in(tmp_path / "out.mkv") == 3


def test_clock_that_runs_backwards(tmp_path: Path, shim: Path) -> None:
    """By an hour at each look at it: the work, its progress and its report don't mind."""
    film, report = make_film(tmp_path / "film.mp4"), tmp_path / "report.json"
    words = (film, tmp_path / "out.mp4", "--progress", "json", "--report", report, "-vv")
    words = (*words, "--log-file", tmp_path / "log.txt")
    outcome = run_on(shim, *SMALL, *words, CLOCK_BACK="1")
    assert outcome.code == 0
    stamps = re.findall(r"^\d{4}-\S+ \S+", (tmp_path / "log.txt").read_text(), re.MULTILINE)
    assert stamps[-1] < stamps[0]  # the log asks the clock: so it does run backwards
    done = [json.loads(line) for line in outcome.err.splitlines()][-1]
    assert done["event"] == "done"
    assert 0 < done["seconds"] < 120  # one film of ten frames, on whatever machine
    assert done["fps"] > 0
    assert frames_in(tmp_path / "out.mp4") == 10
    assert json.loads(report.read_text())["exit_code"] == 0


def test_what_a_killed_run_left_where_there_are_no_locks(tmp_path: Path, shim: Path) -> None:
    """It stood in the way for ever, as another run "right now"."""
    photo, output = noise_photo(tmp_path / "photo.png"), tmp_path / "out.png"
    left = tmp_path / ".out.vidcolor-00dead.png"
    left.touch()
    refused = run_on(shim, *SMALL, photo, output, NO_LOCKS="1")
    assert refused.code == 1
    assert "may be writing it" in refused.error
    assert refused.error.endswith(f"(can't tell: No locks available); if none is, remove {left}")
    assert names_in(tmp_path) == {photo.name, left.name}
    left.unlink()
    assert run_on(shim, *SMALL, photo, output, NO_LOCKS="1").code == 0
    assert names_in(tmp_path) == {photo.name, output.name}
