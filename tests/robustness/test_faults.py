"""Full disks, files that go away, signals, closed streams: one line, a code, no leftovers."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from robust_helpers import (
    SMALL,
    FileSizeLimit,
    Run,
    command,
    frames_in,
    make_film,
    names_in,
    run_apart,
)

from vidcolor.errors import InputError, OutputError
from vidcolor.media.files import atomic
from vidcolor.media.files.atomic import AtomicPath
from vidcolor.media.files.inputs import InputFile
from vidcolor.media.open import open_source
from vidcolor.media.read.film import VideoReader
from vidcolor.media.source import ReadSettings
from vidcolor.types import LumaFrame

# --- the disk


@pytest.mark.parametrize("size", [500, 2400])
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.webm", "out_%03d.png"])
def test_no_room_at_any_moment(
    colorize: Run, film: Path, name: str, size: int, file_size_limit: FileSizeLimit
) -> None:
    """At the header, in the middle, at the trailer; nothing is left, the earlier result stays."""
    folder = film.with_name("results")
    folder.mkdir()
    earlier = folder / (name % 1 if "%" in name else name)
    earlier.write_bytes(b"an earlier result")
    with file_size_limit(size):
        outcome = colorize("-y", film, folder / name)
    if outcome.code == 0:  # small enough after all
        assert size >= 1500
        return
    assert outcome.code == 1
    assert "can't be written: File too large" in outcome.error
    assert names_in(folder) == {earlier.name}
    assert earlier.read_bytes() == b"an earlier result"


def test_no_room_for_a_photo(colorize: Run, photo: Path, file_size_limit: FileSizeLimit) -> None:
    before = names_in(photo.parent)
    with file_size_limit(500):
        outcome = colorize("photo.png", "out.png")  # what is said goes into a file as well
    assert outcome.code == 1
    assert "can't be written" in outcome.error
    assert names_in(photo.parent) == before


def test_full_disk(photo: Path, film: Path) -> None:
    """The system's own full device, as standard output."""
    for source in (photo, film):
        outcome = run_apart(*SMALL, source, "-", shell="> /dev/full")
        assert outcome.code == 1
        assert "No space left" in outcome.error


def test_output_folder_goes_away(colorize: Run, film: Path) -> None:
    """Removed between the last frame and the end: by another thread, as soon as work begins."""
    folder = film.with_name("results")
    folder.mkdir()
    done = threading.Event()

    def remove() -> None:
        while not done.is_set() and not names_in(folder):
            time.sleep(0.01)
        shutil.rmtree(folder)

    thread = threading.Thread(target=remove)
    thread.start()
    outcome = colorize(film, folder / "out.mp4")
    done.set()
    thread.join()
    assert outcome.code == 1
    assert "out.mp4: can't be written: No such file" in outcome.error
    assert not folder.exists()


class FailingDisk(io.BufferedReader):
    """A real file that can't be read beyond a place."""

    def __init__(self, path: Path, limit: int) -> None:
        super().__init__(io.FileIO(path))
        self.limit = limit

    def read1(self, size: int = -1, /) -> bytes:
        """Fail as a scratched disc does."""
        if self.tell() + size > self.limit:
            size = self.limit - self.tell()
        if size <= 0:
            raise OSError(5, "Input/output error")
        return super().read1(size)


def noise_film(path: Path) -> Path:
    """60 frames, 2.4 s, larger than what is read to open it."""
    noise = np.random.default_rng(1)
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "gray"
        for _ in range(60):
            picture = noise.integers(0, 256, (96, 160), np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
        output.mux(stream.encode(None))
    assert path.stat().st_size > 800_000
    return path


def test_read_error_in_the_middle(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What could be read is colorized, and it is said that there was more; no traceback of PyAV."""
    path = noise_film(tmp_path / "a.mkv")
    disk = InputFile(path, FailingDisk(path, path.stat().st_size // 2))
    with VideoReader(disk, str(path), ReadSettings()) as reader:
        frames = sum(isinstance(item, LumaFrame) for item in reader)
        assert any(
            "reading ended early: Input/output error" in line for line in reader.status.warnings
        )
    assert 20 <= frames <= 30  # of 60: all that lies before it
    assert capfd.readouterr().err == ""


def test_film_that_was_cut_off(tmp_path: Path) -> None:
    """An interrupted download: most of the film was missing without a word."""
    path = noise_film(tmp_path / "a.mkv")
    with open_source(path) as reader:
        assert sum(isinstance(item, LumaFrame) for item in reader) == 60
        assert reader.status.warnings == []
    os.truncate(path, path.stat().st_size // 3)
    with open_source(path) as reader:
        assert sum(isinstance(item, LumaFrame) for item in reader) < 25
        (said,) = reader.status.warnings
    assert re.fullmatch(r"the file says that it lasts 2.4 s, and ends at 0.[78] s", said)
    with open_source(path, ReadSettings(end_s=0.2)) as reader:  # what was asked for is all there
        assert sum(isinstance(item, LumaFrame) for item in reader) == 5
        assert reader.status.warnings == []


def test_film_that_is_cut_off_while_it_is_read(tmp_path: Path) -> None:
    """By another program, which writes it anew."""
    path = noise_film(tmp_path / "a.mkv")
    with open_source(path) as reader:
        items = iter(reader)
        frames = isinstance(next(items), LumaFrame)
        os.truncate(path, path.stat().st_size // 3)
        frames += sum(isinstance(item, LumaFrame) for item in items)
        assert reader.status.warnings == [
            "reading ended early: the file became shorter while it was read"
        ]
    assert 5 < frames < 25


def test_current_folder_was_removed(tmp_path: Path) -> None:
    """MKL ended the process with a fatal error of its own, and exit code 2."""
    (tmp_path / "gone").mkdir()
    words = [sys.executable, "-m", "vidcolor", "info", str(tmp_path / "film.mp4")]
    script = f"cd gone && rmdir ../gone && exec {' '.join(words)}"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        "vidcolor: error: the current folder was removed: change to one that exists\n"
    )


def test_interrupted_while_python_loads(film: Path) -> None:
    """Ctrl-C in the first moments printed a traceback."""
    script = (
        "import os, signal, sys, threading\n"
        "import vidcolor.__main__ as program\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'vidcolor.cli.main': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "program.run()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")  # 130 to a shell


def test_read_error_at_the_beginning(colorize: Run) -> None:
    """A file that exists and can't be read: the kernel's own."""
    if not Path("/proc/self/mem").exists():
        pytest.skip("no /proc with an unreadable file here")
    outcome = colorize("/proc/self/mem", "out.mp4")
    assert outcome.code == 1
    assert "/proc/self/mem: can't be read: Input/output error" in outcome.error


# --- others at work


def test_two_runs_for_one_output(tmp_path: Path) -> None:
    """The second is refused while the first lives; what a killed one left is removed."""
    final = tmp_path / "film.mp4"
    left = tmp_path / ".film.vidcolor-00dead.mp4"
    left.write_bytes(b"half a film")
    first = AtomicPath(final)
    assert not left.exists()
    with pytest.raises(OutputError, match="another run of vidcolor is writing it right now"):
        AtomicPath(final)
    AtomicPath(tmp_path / "film2.mp4").discard()  # another output is no matter
    AtomicPath(tmp_path / "film.mkv").discard()
    first.temporary.write_bytes(b"whole")
    first.commit()
    assert names_in(tmp_path) == {"film.mp4"}
    AtomicPath(final).discard()
    assert final.read_bytes() == b"whole"


def test_two_runs_for_numbered_images(tmp_path: Path) -> None:
    pattern = tmp_path / "out_%03d.png"
    left = tmp_path / ".out_%03d.vidcolor-00dead.png"
    left.mkdir()
    (left / "out_001.png").write_bytes(b"an image")
    first = AtomicPath(pattern, directory=True)
    assert not left.exists()
    with pytest.raises(OutputError, match="another run of vidcolor is writing it right now"):
        AtomicPath(pattern, directory=True)
    assert names_in(tmp_path) == {first.temporary.name}
    first.discard()
    assert names_in(tmp_path) == set()


@pytest.mark.parametrize("directory", [False, True])
@pytest.mark.parametrize("when", ["before it is locked", "while the other looks"])
def test_a_second_run_between_creation_and_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str, directory: bool
) -> None:
    """It takes the new file for one that a killed run left; the first run makes another."""
    fcntl = pytest.importorskip("fcntl")
    final = tmp_path / "out_%03d.png"
    rivals = 0

    class SlowLock:
        """The system's locks; at the first, another run comes in between."""

        LOCK_EX, LOCK_NB = fcntl.LOCK_EX, fcntl.LOCK_NB

        @staticmethod
        def flock(descriptor: int, operation: int) -> None:
            nonlocal rivals
            rivals += 1
            if rivals > 1:
                return fcntl.flock(descriptor, operation)
            if when == "before it is locked":
                AtomicPath(final, directory=directory).discard()
                return fcntl.flock(descriptor, operation)
            (new,) = tmp_path.iterdir()
            other = os.open(new / "lock" if directory else new, os.O_RDWR)
            fcntl.flock(other, operation)
            try:
                return fcntl.flock(descriptor, operation)
            finally:
                os.close(other)

    monkeypatch.setattr(atomic, "fcntl", SlowLock)
    first = AtomicPath(final, directory=directory)
    assert names_in(tmp_path) == {first.temporary.name}
    with pytest.raises(OutputError, match="another run of vidcolor is writing it right now"):
        AtomicPath(final, directory=directory)
    first.discard()
    assert names_in(tmp_path) == set()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="finds open files in /proc")
@pytest.mark.parametrize("directory", [False, True])
def test_two_runs_where_open_files_cannot_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directory: bool
) -> None:
    """As on Windows: no module ``fcntl``, and a refusal by the system to remove what is open."""
    monkeypatch.setattr(atomic, "fcntl", None)
    final = tmp_path / ("out_%03d.png" if directory else "out.png")
    left = tmp_path / f".{final.stem}.vidcolor-00dead.png"
    left.mkdir() if directory else left.touch()
    first = AtomicPath(final, directory=directory)
    assert names_in(tmp_path) == {first.temporary.name}
    unlink = Path.unlink

    def unlink_closed(path: Path, missing_ok: bool = False) -> None:
        files = [os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
        if os.path.realpath(path) in files:
            raise PermissionError(13, "The process cannot access the file", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink_closed)
    with pytest.raises(OutputError, match="another run of vidcolor is writing it right now"):
        AtomicPath(final, directory=directory)
    assert names_in(tmp_path) == {first.temporary.name}
    if directory:
        first.discard()
        assert names_in(tmp_path) == set()
    else:
        first.temporary.write_bytes(b"whole")
        first.commit()
        assert names_in(tmp_path) == {"out.png"}


def test_killed_run_leaves_nothing_in_the_way(tmp_path: Path, colorize: Run) -> None:
    """After kill -9 the same command works, and tidies up."""
    source = make_film(tmp_path / "long.mp4", frames=400, size=(320, 240))
    folder = tmp_path / "results"
    folder.mkdir()
    process = subprocess.Popen(
        command(*SMALL, source, folder / "out.mp4"), stderr=subprocess.DEVNULL, cwd=tmp_path
    )
    deadline = time.monotonic() + 60
    kept = {".vidcolor-work-out.mp4"}  # what the film could go on from, soon after
    while not names_in(folder) - kept and time.monotonic() < deadline:
        time.sleep(0.01)
    (temporary,) = names_in(folder) - kept
    second = colorize(source, folder / "out.mp4")
    process.kill()
    process.wait()
    assert second.code == 1
    assert "another run" in second.error
    assert names_in(folder) - kept == {temporary}
    assert colorize(source, folder / "out.mp4", "--end", "0.2").code == 0
    assert names_in(folder) == {"out.mp4"}


@pytest.mark.parametrize("letter", ["x", "影"])
def test_names_as_long_as_the_file_system_takes(
    tmp_path: Path, colorize: Run, film: Path, letter: str
) -> None:
    """The temporary name was longer still."""
    longest = os.pathconf(tmp_path, "PC_NAME_MAX")
    name = letter * ((longest - 4) // len(letter.encode())) + ".mp4"
    assert colorize(film, tmp_path / name).code == 0
    assert frames_in(tmp_path / name) == 10


# --- what is missing or not what it should be


@pytest.mark.parametrize("codec", ["h264_nvenc", "libnothing"])
def test_missing_encoder(colorize: Run, film: Path, codec: str) -> None:
    outcome = colorize(film, "out.mp4", "--video-codec", codec)
    assert outcome.code == 2
    assert "libx264" in outcome.error
    assert names_in(film.parent) == {"film.mp4"}


@pytest.mark.parametrize("damage", ["cut", "swapped", "emptied", "a film", "text"])
def test_weights_that_are_none(run: Run, film: Path, damage: str) -> None:
    from vidcolor.models.weights.store import bundled_path

    good = bundled_path("compact.safetensors").read_bytes()
    half = len(good) // 2
    data = {
        "cut": good[:half],
        "swapped": good[half:] + good[:half],
        "emptied": good[: len(good) - half] + bytes(0),
        "a film": film.read_bytes(),
        "text": b"<html>404 Not Found</html>",
    }[damage]
    weights = film.with_name("w.safetensors")
    weights.write_bytes(data)
    outcome = run("-m", weights, "-d", "cpu", film, "out.mp4")
    assert outcome.code == 3
    assert "w.safetensors" in outcome.error
    assert names_in(film.parent) == {"film.mp4", "w.safetensors"}


def test_no_wall_clock_in_the_work() -> None:
    """A clock that is set back must not end, hang or mistime anything: it isn't asked."""
    package = Path(sys.modules["vidcolor"].__file__ or "").parent
    asked = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if "time.time()" in path.read_text(encoding="utf-8")
    }
    # the log of a training says when each line was written
    assert {name for name in asked if not name.startswith("studio/")} == {
        "training/run/loop.py", "training/repair/loop.py",
    }  # fmt: skip
    # the studio shows when jobs began, and sweeps what has lain for days, also across restarts
    assert {name for name in asked if name.startswith("studio/")} == {
        "studio/api/jobs.py", "studio/files/uploads.py", "studio/jobs/queue.py", "studio/studio.py",
    }  # fmt: skip


# --- signals and streams


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_signals_in_the_middle_of_a_film(tmp_path: Path, name: str, code: int) -> None:
    source = make_film(tmp_path / "long.mp4", frames=400, size=(320, 240))
    (tmp_path / "results").mkdir()
    process = subprocess.Popen(
        command(*SMALL, source, tmp_path / "results/out.mp4", "--report", tmp_path / "report.json"),
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not names_in(tmp_path / "results") and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(getattr(signal, name))
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert err.splitlines()[-1] == "vidcolor: interrupted"
    assert names_in(tmp_path / "results") == set()
    report = (tmp_path / "report.json").read_text()
    assert f'"exit_code": {code}' in report
    assert '"status": "interrupted"' in report


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_not_become_the_film(film: Path, closed: str) -> None:
    """The film's file got the number of standard error, and complaints would have gone into it."""
    target = film.with_name("out.mp4")
    outcome = run_apart(*SMALL, film, target, shell=closed)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert frames_in(target) == 10


@pytest.mark.parametrize("words", [["IN", "-"], ["info", "IN"]])
def test_data_for_a_closed_output_is_not_lost_quietly(film: Path, words: list[str]) -> None:
    asked = [str(film) if word == "IN" else word for word in words]
    options = [] if words[0] == "info" else SMALL
    outcome = run_apart(*asked, *options, shell=">&-")
    assert outcome.code == 1
    assert "Bad file descriptor" in outcome.error


def test_closed_input_is_empty(film: Path) -> None:
    outcome = run_apart(*SMALL, "-", film.with_name("out.mkv"), shell="<&-")
    assert outcome.code == 1
    assert "standard input: is empty" in outcome.error


def test_broken_input_error_is_one_class(tmp_path: Path) -> None:
    """What the API's users catch."""
    (tmp_path / "a.mp4").write_bytes(b"no film")
    with pytest.raises(InputError):
        open_source(tmp_path / "a.mp4")
