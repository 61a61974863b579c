"""Films and photographs by several processes: the plain run's bytes, whatever happens to them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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
from vidcolor.workers.executor import Done, Event, Executor, Ready
from vidcolor.workers.in_process import InProcess
from vidcolor.workers.local import LocalWorkers
from vidcolor.workers.reading import FilmReader
from vidcolor.workers.shares import setups_for
from vidcolor.workers.tasks import FilmTask, ModelFacts, SpanDone, SpanTask, Task

RULES = SpanRules(min_frames=20, max_frames=40, warm_up=8, run_out=4, settle=2)
# one thread, as the workers have: encoders write other bytes with another number
OPTIONS = ColorizeOptions(model="compact", render_factor=2, encoder_threads=1)


FRAMES = 150
"""A fade, and a shot that is longer than spans may be: four spans."""


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


class Lent(LocalWorkers):
    """Two workers that stay from test to test: their start takes longer than most tests.

    Attributes:
        watch: told of each event; a test may set it, ``close`` takes it away.
        tasks: that were given out since ``start``.
    """

    watch: Callable[[Event], object]

    def __init__(self) -> None:
        super().__init__(setups_for(2, OPTIONS))
        self._facts: ModelFacts | None = None
        self._again: list[Event] = []
        self.watch, self.tasks = _nothing, list[Task]()

    def start(self) -> None:
        self.tasks.clear()
        if not self.pids:
            super().start()
        elif self._facts is not None:
            self._again = [Ready("1", self._facts)]

    def submit(self, run: int, task: Task) -> str:
        self.tasks.append(task)
        return super().submit(run, task)

    def events(self, timeout_s: float) -> list[Event]:
        found, self._again = self._again or super().events(timeout_s), []
        for event in found:
            if isinstance(event, Ready):
                self._facts = event.facts
            self.watch(event)
        return found

    def close(self) -> None:
        self.watch = _nothing
        for run in [each.run for each in self._workers if each.run is not None]:
            self.cancel(run)

    def end(self) -> None:
        super().close()


def _nothing(event: Event) -> None:
    pass


@pytest.fixture(scope="module")
def workers() -> Iterator[Lent]:
    lent = Lent()
    yield lent
    lent.end()


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A film with sound, and what the plain run makes of it."""
    folder = tmp_path_factory.mktemp("films")
    film = write_reel(folder / "film.mp4", frames=reel_frames()[60 : 60 + FRAMES])
    colorize_video(film, folder / "plain.mp4", options=OPTIONS, spans=RULES)
    return film, (folder / "plain.mp4").read_bytes()


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def is_plain(tmp_path: Path, films: tuple[Path, bytes], executor: Executor) -> None:
    film, plain = films
    progress = Counting()
    request = Request(str(film), str(tmp_path / "out.mp4"), "film")
    told = colorize([request], executor, progress=progress)
    assert not told.errors
    assert (tmp_path / "out.mp4").read_bytes() == plain
    assert told.results[str(film)].frames == progress.done == FRAMES
    assert left_in(tmp_path) == ["out.mp4"]


def test_the_film_is_the_plain_runs(
    tmp_path: Path, films: tuple[Path, bytes], workers: Lent
) -> None:
    is_plain(tmp_path, films, workers)
    spans = [task for task in workers.tasks if isinstance(task, SpanTask)]
    assert {task.index for task in spans} == {0, 1, 2, 3}  # one may be given out twice
    assert all(task.marks for task in spans)


class Late(InProcess):
    """A worker in a thread, of which nothing is heard before the film was read to its end."""

    def __init__(self, readers: list[FilmReader]) -> None:
        super().__init__(setups_for(1, OPTIONS)[0])
        self._readers, self._held = readers, list[Event]()
        self._until = time.monotonic() + 60

    def events(self, timeout_s: float) -> list[Event]:
        self._held += super().events(timeout_s)
        if not any(reader.is_at_end for reader in self._readers):
            assert time.monotonic() < self._until, "the film isn't read before workers are ready"
            return []
        found, self._held = self._held, []
        return found


def test_a_film_is_read_before_the_worker_is_ready(
    tmp_path: Path, films: tuple[Path, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: list[FilmReader] = []

    class Seen(FilmReader):
        def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
            super().__init__(*args, **kwargs)
            readers.append(self)

    monkeypatch.setattr("vidcolor.workers.film.FilmReader", Seen)
    is_plain(tmp_path, films, Late(readers))


class Faults:
    """Something happens to the workers with each of the first spans that are done."""

    def __init__(self, workers: Lent) -> None:
        self._workers = workers
        self.coming = [self.damage, self.kill, self.freeze]

    def __call__(self, event: Event) -> None:
        if self.coming and isinstance(event, Done) and isinstance(event.result, SpanDone):
            self.coming.pop(0)(event.result)

    def kill(self, _: SpanDone) -> None:
        for pid in self._workers.pids:
            os.kill(pid, signal.SIGKILL)

    def freeze(self, _: SpanDone) -> None:
        os.kill(self._workers.pids[0], signal.SIGSTOP)

    def damage(self, done: SpanDone) -> None:
        path = Path(done.folder) / done.files[0].name
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)


def test_the_film_is_the_same_after_faults(
    tmp_path: Path, films: tuple[Path, bytes], workers: Lent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A span's file changed on the way, then both workers killed, then one that hangs."""
    monkeypatch.setattr(scheduler, "_LEAST_SLOW_S", 0.5)  # spans here take some 0.2 s
    workers.watch = faults = Faults(workers)
    is_plain(tmp_path, films, workers)
    assert not faults.coming


def test_a_run_that_was_cut_off_goes_on(
    tmp_path: Path, films: tuple[Path, bytes], workers: Lent
) -> None:
    """With workers, and from the same state plain."""
    film, plain = films
    folders = tmp_path / "many", tmp_path / "one"
    output, stop, spans = folders[0] / "out.mp4", threading.Event(), list[Event]()

    def stop_at_three(event: Event) -> None:
        spans.extend([event] if isinstance(event, Done) else [])
        if len(spans) == 3:
            stop.set()

    workers.watch = stop_at_three
    request = Request(str(film), str(output), "film")
    with pytest.raises(Interrupted):
        colorize([request], workers, stop=stop)
    assert not output.exists()
    shutil.copytree(*folders)
    many, one = Counting(), Counting()
    colorize([request], workers, progress=many)
    colorize_video(film, folders[1] / "out.mp4", options=OPTIONS, spans=RULES, progress=one)
    # workers take all that is finished, two spans at least should one have been done twice; the
    # plain run takes them up to the first that is missing, which may be the film's first
    for folder, progress, skipped in ((folders[0], many, 13 + 40), (folders[1], one, 0)):
        assert (folder / "out.mp4").read_bytes() == plain
        assert progress.skipped >= skipped
        assert progress.done + progress.skipped == FRAMES
        assert left_in(folder) == ["out.mp4"]


def test_photographs_and_films_together(
    tmp_path: Path, films: tuple[Path, bytes], workers: Lent
) -> None:
    film, plain = films
    rng = np.random.default_rng(2)
    photos = [tmp_path / f"photo{number}.png" for number in range(10)]
    for path in photos:
        Image.fromarray(rng.integers(0, 256, (24, 32), np.uint8)).save(path)
    photos[3].write_bytes(photos[3].read_bytes()[:60])
    out = tmp_path / "out"
    requests = [Request(str(p), str(out / p.name), "image") for p in photos]
    requests.append(Request(str(film), str(out / "film.mp4"), "film"))
    told = colorize(requests, workers)
    assert list(told.errors) == [str(photos[3])]
    assert (out / "film.mp4").read_bytes() == plain
    alone = tmp_path / "alone.png"
    colorize_image(photos[0], alone, options=OPTIONS)
    assert (out / photos[0].name).read_bytes() == alone.read_bytes()
    assert len(left_in(out)) == 10


def test_films_that_are_short_beside_the_rest_are_done_whole(tmp_path: Path, workers: Lent) -> None:
    """Of nine films each is less than a quarter of a worker's work: one worker does all of it."""
    frames = reel_frames()[:24]
    first = write_reel(tmp_path / "f0.mp4", frames=frames)
    films = [first, *(tmp_path / f"f{number}.mp4" for number in range(1, 9))]
    for copy in films[1:]:
        shutil.copy(first, copy)
    out = tmp_path / "out"
    requests = [Request(str(each), str(out / each.name), "film") for each in films]
    progress = Counting()
    told = colorize(requests, workers, progress=progress)
    assert not told.errors
    assert len(told.results) == 9
    whole = [task.film for task in workers.tasks if isinstance(task, FilmTask)]
    assert sorted(whole) == sorted(map(str, films))
    assert progress.done == 9 * 24
    assert len({path.read_bytes() for path in out.iterdir()}) == 1


def test_numbered_images(tmp_path: Path, films: tuple[Path, bytes], workers: Lent) -> None:
    film, _ = films
    options = ColorizeOptions(model="compact", render_factor=2, end_s=2)
    for name in ("plain", "many"):
        (tmp_path / name).mkdir()
    colorize_video(film, tmp_path / "plain" / "f_%04d.png", options=options, spans=RULES)
    request = Request(str(film), str(tmp_path / "many" / "f_%04d.png"), "film")
    assert not colorize([request], workers, options=options).errors
    names = left_in(tmp_path / "plain")
    assert len(names) == 48
    assert left_in(tmp_path / "many") == names
    for name in names:
        assert (tmp_path / "many" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()


def test_a_worker_ends_with_the_program() -> None:
    """The pipe that it watches is closed, as the system does it when the program is killed."""
    workers = LocalWorkers(setups_for(1, OPTIONS))
    workers.start()
    processes = [each.process for each in workers._workers]
    with contextlib.suppress(OSError):
        for each in workers._workers:
            each.life.close()
    for process in processes:
        process.join(60)
        assert process.exitcode is not None
    workers.close()
