"""Films and photographs by several processes: the plain run's bytes, whatever happens to them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from engine_reels import reel_frames, write_reel
from PIL import Image

from vidcolor.engine.image import colorize_image
from vidcolor.engine.options import ColorizeOptions, ColorizeResult
from vidcolor.engine.progress import NullProgress
from vidcolor.engine.shots.plan import SpanRules
from vidcolor.engine.video import colorize_video
from vidcolor.errors import Interrupted
from vidcolor.workers import scheduler
from vidcolor.workers.batch import Request, colorize_all
from vidcolor.workers.executor import Done, Event, Executor
from vidcolor.workers.in_process import InProcess
from vidcolor.workers.local import LocalWorkers
from vidcolor.workers.shares import setups_for
from vidcolor.workers.tasks import FilmTask, SpanDone, Task

RULES = SpanRules(min_frames=20, max_frames=40, warm_up=8, run_out=4, settle=2)
# one thread, as the workers have: encoders write other bytes with another number
OPTIONS = ColorizeOptions(model="compact", render_factor=2, encoder_threads=1)


FRAMES = 150
"""A fade, and a shot that is longer than spans may be: six spans."""


class Told:
    """Keeps what became of requests."""

    def __init__(self) -> None:
        self.results: dict[str, ColorizeResult] = {}
        self.errors: dict[str, Exception] = {}

    def begun(self, request: Request) -> None:
        """Nothing."""

    def done(self, request: Request, result: ColorizeResult) -> None:
        assert request.source not in self.results
        self.results[request.source] = result

    def failed(self, request: Request, error: Exception) -> None:
        self.errors[request.source] = error


class Counting(NullProgress):
    """Counts frames, and does something at the first."""

    def __init__(self, at_first: Callable[[], object] = lambda: None) -> None:
        self.done = self.skipped = 0
        self._at_first = at_first

    def advance(self, n: int) -> None:
        if not self.done:
            self._at_first()
        self.done += n

    def skip(self, n: int) -> None:
        self.skipped += n


def colorize(
    requests: list[Request], executor: Executor, *, progress: Counting | None = None,
    options: ColorizeOptions = OPTIONS, stop: threading.Event | None = None,
) -> Told:  # fmt: skip
    told = Told()
    colorize_all(
        requests, executor, options=options, progress=progress or Counting(), listener=told,
        threads=1, rules=RULES, stop=stop,
    )  # fmt: skip
    return told


def two_workers() -> LocalWorkers:
    return LocalWorkers(setups_for(2, OPTIONS))


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A film with sound, and what the plain run makes of it."""
    folder = tmp_path_factory.mktemp("films")
    film = write_reel(folder / "film.mp4", frames=reel_frames()[60 : 60 + FRAMES])
    colorize_video(film, folder / "plain.mp4", options=OPTIONS, spans=RULES)
    return film, (folder / "plain.mp4").read_bytes()


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("where", [two_workers, lambda: InProcess(setups_for(1, OPTIONS)[0])])
def test_the_film_is_the_plain_runs(
    tmp_path: Path, films: tuple[Path, bytes], where: Callable[[], Executor]
) -> None:
    film, plain = films
    progress = Counting()
    request = Request(str(film), str(tmp_path / "out.mp4"), "film")
    told = colorize([request], where(), progress=progress)
    assert not told.errors
    assert (tmp_path / "out.mp4").read_bytes() == plain
    assert told.results[str(film)].frames == progress.done == FRAMES
    assert left_in(tmp_path) == ["out.mp4"]


class Disturbed(LocalWorkers):
    """Two workers to which something happens with each of the first spans that are done."""

    def __init__(self) -> None:
        super().__init__(setups_for(2, OPTIONS))
        self._coming = [self.damage, self.kill, self.freeze]

    def events(self, timeout_s: float) -> list[Event]:
        found = super().events(timeout_s)
        for event in found:
            if self._coming and isinstance(event, Done) and isinstance(event.result, SpanDone):
                self._coming.pop(0)(event.result)
        return found

    def kill(self, _: SpanDone) -> None:
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)

    def freeze(self, _: SpanDone) -> None:
        os.kill(self.pids[0], signal.SIGSTOP)

    def damage(self, done: SpanDone) -> None:
        path = Path(done.folder) / done.files[0].name
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)


def test_the_film_is_the_same_after_faults(
    tmp_path: Path, films: tuple[Path, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A span's file changed on the way, then both workers killed, then one that hangs."""
    monkeypatch.setattr(scheduler, "_LEAST_SLOW_S", 0.5)  # spans here take some 0.2 s
    film, plain = films
    progress = Counting()
    disturbed = Disturbed()
    request = Request(str(film), str(tmp_path / "out.mp4"), "film")
    told = colorize([request], disturbed, progress=progress)
    assert not told.errors
    assert not disturbed._coming
    assert (tmp_path / "out.mp4").read_bytes() == plain
    assert progress.done == FRAMES
    assert left_in(tmp_path) == ["out.mp4"]


@pytest.mark.parametrize("goes_on", ["with workers", "plain"])
def test_a_run_that_was_cut_off_goes_on(
    tmp_path: Path, films: tuple[Path, bytes], goes_on: str
) -> None:
    film, plain = films
    output, stop = tmp_path / "out.mp4", threading.Event()
    request = Request(str(film), str(output), "film")

    class Stopping(LocalWorkers):
        spans = 0

        def events(self, timeout_s: float) -> list[Event]:
            found = super().events(timeout_s)
            self.spans += sum(isinstance(event, Done) for event in found)
            if self.spans >= 3:
                stop.set()
            return found

    with pytest.raises(Interrupted):
        colorize([request], Stopping(setups_for(2, OPTIONS)), stop=stop)
    assert not output.exists()
    progress = Counting()
    if goes_on == "plain":
        colorize_video(film, output, options=OPTIONS, spans=RULES, progress=progress)
    else:
        colorize([request], two_workers(), progress=progress)
    assert output.read_bytes() == plain
    # the plain run takes spans up to the first that is missing, workers all of them
    assert progress.skipped >= (20 if goes_on == "plain" else 3 * 20)
    assert progress.done + progress.skipped == FRAMES
    assert left_in(tmp_path) == ["out.mp4"]


def test_photographs_and_films_together(tmp_path: Path, films: tuple[Path, bytes]) -> None:
    film, plain = films
    rng = np.random.default_rng(2)
    photos = [tmp_path / f"photo{number}.png" for number in range(10)]
    for path in photos:
        Image.fromarray(rng.integers(0, 256, (24, 32), np.uint8)).save(path)
    photos[3].write_bytes(photos[3].read_bytes()[:60])
    out = tmp_path / "out"
    requests = [Request(str(p), str(out / p.name), "image") for p in photos]
    requests.append(Request(str(film), str(out / "film.mp4"), "film"))
    told = colorize(requests, two_workers())
    assert list(told.errors) == [str(photos[3])]
    assert (out / "film.mp4").read_bytes() == plain
    alone = tmp_path / "alone.png"
    colorize_image(photos[0], alone, options=OPTIONS)
    assert (out / photos[0].name).read_bytes() == alone.read_bytes()
    assert len(left_in(out)) == 10


def test_films_that_are_short_beside_the_rest_are_done_whole(tmp_path: Path) -> None:
    """Of nine films each is less than a quarter of a worker's work: one worker does all of it."""
    whole: list[str] = []

    class Seen(LocalWorkers):
        def submit(self, run: int, task: Task) -> str:
            whole.extend([task.film] if isinstance(task, FilmTask) else [])
            return super().submit(run, task)

    frames = reel_frames()[:24]
    first = write_reel(tmp_path / "f0.mp4", frames=frames)
    films = [first, *(tmp_path / f"f{number}.mp4" for number in range(1, 9))]
    for copy in films[1:]:
        shutil.copy(first, copy)
    out = tmp_path / "out"
    requests = [Request(str(each), str(out / each.name), "film") for each in films]
    progress = Counting()
    told = colorize(requests, Seen(setups_for(1, OPTIONS)), progress=progress)
    assert not told.errors
    assert len(told.results) == 9
    assert sorted(whole) == sorted(map(str, films))
    assert progress.done == 9 * 24
    assert len({path.read_bytes() for path in out.iterdir()}) == 1


def test_numbered_images(tmp_path: Path, films: tuple[Path, bytes]) -> None:
    film, _ = films
    options = ColorizeOptions(model="compact", render_factor=2, end_s=2)
    for name in ("plain", "many"):
        (tmp_path / name).mkdir()
    colorize_video(film, tmp_path / "plain" / "f_%04d.png", options=options, spans=RULES)
    request = Request(str(film), str(tmp_path / "many" / "f_%04d.png"), "film")
    assert not colorize([request], two_workers(), options=options).errors
    names = left_in(tmp_path / "plain")
    assert len(names) == 48
    assert left_in(tmp_path / "many") == names
    for name in names:
        assert (tmp_path / "many" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()


def test_workers_end_with_the_program(films: tuple[Path, bytes]) -> None:
    """The pipe that they watch is closed, as the system does it when the program is killed."""
    workers = two_workers()
    workers.start()
    processes = [each.process for each in workers._workers]
    with contextlib.suppress(OSError):
        for each in workers._workers:
            each.life.close()
    for process in processes:
        process.join(60)
        assert process.exitcode is not None
    workers.close()
