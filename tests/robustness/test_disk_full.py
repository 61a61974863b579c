"""A real file system that is too small; ``checks/survive/disk_full.py`` tries many sizes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from robust_helpers import SMALL, Run, frames_in, names_in, run_apart
from survive.disk_full import CASES, PAGE_BYTES, Case, attempt, make_sources, need, small_disk

import vidcolor
from vidcolor.engine.progress import NullProgress
from vidcolor.engine.shots.plan import SpanRules
from vidcolor.errors import OutputError

resource: Any = pytest.importorskip("resource")  # Windows has neither this nor mounts


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A folder with a film and a photo, where small file systems can be had."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    try:
        with small_disk(tmp_path, 1 << 20):
            pass
    except OSError as error:
        pytest.skip(str(error))
    make_sources(tmp_path)
    return tmp_path


# A film's muxer, numbered pictures, a photo's encoder, a preview: they write in different ways.
@pytest.mark.parametrize("case", [CASES[0], CASES[4], CASES[5], CASES[8]], ids=lambda c: c.name)
def test_full_at_the_beginning_in_the_middle_and_at_the_end(sources: Path, case: Case) -> None:
    """One line, exit 1, nothing left over, the earlier result whole; with enough room, the film."""
    whole = need(case, sources)
    last = whole - PAGE_BYTES  # the last page, or the trailer in it
    sizes = (PAGE_BYTES, whole // 2 // PAGE_BYTES * PAGE_BYTES, last, whole + 2 * PAGE_BYTES)
    found = [attempt(case, sources, size) for size in sizes]
    assert found == ["full", "full", "full", "whole"]


def test_goes_on_after_the_disk_was_full(sources: Path) -> None:
    """What was finished stays, and with more room the same call makes the same film of it."""
    options = vidcolor.ColorizeOptions(
        model="compact", device="cpu", render_factor=2, smoothing=0.0
    )
    rules = SpanRules(
        min_frames=8, max_frames=8, warm_up=0, run_out=0, settle=0
    )  # the noise's cuts come where spans end anyway
    film, reference = sources / "film.mkv", sources / "reference.mkv"
    vidcolor.colorize_video(film, reference, options=options, spans=rules)
    with small_disk(sources, reference.stat().st_size // PAGE_BYTES * PAGE_BYTES) as disk:
        with pytest.raises(OutputError, match="No space left"):
            vidcolor.colorize_video(film, disk / "out.mkv", options=options, spans=rules)
        assert names_in(disk) == {".vidcolor-work-out.mkv"}
        said = Heard()
        subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
        vidcolor.colorize_video(film, disk / "out.mkv", options=options, spans=rules, progress=said)
        assert any("frames were finished by an earlier run" in line for line in said.lines)
        assert (disk / "out.mkv").read_bytes() == reference.read_bytes()
        assert names_in(disk) == {"out.mkv"}


class Heard(NullProgress):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        """Keep it."""
        self.lines.append(text)


def test_report_and_log_on_a_full_disk(sources: Path, run: Run) -> None:
    """The film is made; that its report can't be written is said, and fails the run."""
    with small_disk(sources, PAGE_BYTES) as disk:
        (disk / "full").write_bytes(bytes(PAGE_BYTES))
        outcome = run(*SMALL, "film.mkv", "out.mkv", "--report", disk / "report.json")
        assert outcome.code == 1
        assert "report.json" in outcome.error
        assert names_in(disk) == {"full"}
        (sources / "out.mkv").unlink()
        outcome = run(*SMALL, "film.mkv", "out.mkv", "-vv", "--log-file", disk / "log.txt")
        assert outcome.code == 0
        lost = [line for line in outcome.err.splitlines() if "log.txt: can't write" in line]
        assert len(lost) == 1, "said once, not at every line of the log"
        assert "No space left" in lost[0]
        assert "Traceback" not in outcome.err
    assert frames_in(sources / "out.mkv") == 25


def test_file_size_limit_is_an_error_not_a_death(film: Path) -> None:
    """``ulimit -f`` sends SIGXFSZ, which ends programs that don't expect it."""
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))  # noqa: E731
    target = film.with_name("out.mkv")
    outcome = run_apart(*SMALL, film, target, preexec_fn=limit)
    assert outcome.code == 1
    assert "File too large" in outcome.error
    assert names_in(film.parent) == {"film.mp4"}
