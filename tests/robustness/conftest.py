"""What the tests of faults and hostile input share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The runner of mutations is a program of its own; its parts are tried here on a few files.
sys.path.insert(0, str(ROOT / "checks"))

from robust_helpers import SMALL, Run, make_film, make_photo, run_here  # noqa: E402


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Ten grey frames with sound, 80 x 48."""
    return make_film(tmp_path / "film.mp4")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A grey PNG, 80 x 48."""
    return make_photo(tmp_path / "photo.png")


@pytest.fixture
def run(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the program in this process and in ``tmp_path``, with the shipped network, small."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: run_here(capfd, *words)


@pytest.fixture
def colorize(run: Run) -> Run:
    """Run the main job."""
    return lambda *words: run(*SMALL, *words)
