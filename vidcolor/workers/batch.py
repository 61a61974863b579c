"""Many films and photographs by the workers of one executor: the longest first, all together."""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, Protocol

from vidcolor.engine.options import ColorizeOptions, ColorizeResult
from vidcolor.engine.progress import Progress
from vidcolor.engine.shots.plan import ShotPlan, SpanRules
from vidcolor.errors import (
    DeviceError,
    Interrupted,
    OutOfMemoryError,
    VidcolorError,
    WeightsError,
)
from vidcolor.media.files.remote import absolute, is_url, make_folder_of
from vidcolor.media.open import open_input
from vidcolor.workers.cores import usable_cores
from vidcolor.workers.executor import Executor
from vidcolor.workers.film import FilmRun
from vidcolor.workers.reading import FilmRequest
from vidcolor.workers.scheduler import Scheduler
from vidcolor.workers.tasks import (
    FilmDone,
    FilmTask,
    PhotosDone,
    PhotoTask,
    Result,
)

logger = logging.getLogger(__name__)

PHOTOS_PER_TASK: Final = 8
"""A few seconds of work: short beside a span, long beside what a task costs by itself."""

WHOLE_SHARE: Final = 0.25
"""Of what each worker has to do in all: a film below it is done by one worker, from begin to end.
That saves reading it twice."""

IDLE_SHARE: Final = 1.75
"""The same for workers that would have nothing to do, because reading can't keep up with them."""

_OPEN_PER_WORKER: Final = 2
"""Films at a time for each worker: short ones have a single span."""


@dataclass(frozen=True, slots=True)
class Request:
    """One input, and where its result goes.

    Attributes:
        source: path or pattern; no pipe.
        output: path or pattern.
        kind: what the input is.
        overwrite: the output may be replaced.
        plan: of a film, if its boundaries are known.
        options: its own; None takes those of all.
    """

    source: str
    output: str
    kind: Literal["image", "film"]
    overwrite: bool = False
    plan: ShotPlan | None = field(default=None, compare=False)
    options: ColorizeOptions | None = field(default=None, compare=False)


class Listener(Protocol):
    """Told what becomes of each request; called in the caller's thread."""

    def begun(self, request: Request) -> None:
        """Work on it begins."""
        ...

    def done(self, request: Request, result: ColorizeResult) -> None:
        """It is whole."""
        ...

    def failed(self, request: Request, error: Exception) -> None:
        """It can't be done."""
        ...


@dataclass(frozen=True, slots=True)
class Size:
    """How much work requests are.

    Attributes:
        frames: of films, as their headers say, and photographs.
        pixels: of all of them.
    """

    frames: int
    pixels: int


def size_of(request: Request) -> Size:
    """What a film's header says; a photograph counts as one frame of no size."""
    if request.kind == "image":
        return Size(1, 0)
    try:
        with open_input(request.source) as film:
            info = film.info
    except VidcolorError:
        return Size(0, 0)  # its turn comes, and reading says why
    frames = info.frames or round((info.duration_s or 0) * (info.rate or 24))
    return Size(frames, frames * info.width * info.height)


def colorize_all(
    requests: Sequence[Request], executor: Executor, *, options: ColorizeOptions,
    progress: Progress, listener: Listener, threads: int, rules: SpanRules | None = None,
    stop: threading.Event | None = None,
) -> None:  # fmt: skip
    """Colorize films and photographs with the workers of an executor.

    Args:
        requests: no two with the same output.
        executor: not started; it is closed at the end, whatever happens.
        options: of all; ``overwrite`` is the requests' own.
        progress: of all together, in frames.
        listener: told of each request.
        threads: of each worker's encoder.
        rules: how long spans are.
        stop: set it to stop.

    Raises:
        WeightsError, DeviceError: no worker can begin.
        Interrupted: ``stop`` was set.
    """
    batch = _Batch(
        requests, executor, options, progress, listener, threads, rules or SpanRules(),
        stop or threading.Event(),
    )  # fmt: skip
    try:
        batch.run()
    finally:
        batch.end()


class _Batch:
    def __init__(
        self, requests: Sequence[Request], executor: Executor, options: ColorizeOptions,
        progress: Progress, listener: Listener, threads: int, rules: SpanRules,
        stop: threading.Event,
    ) -> None:  # fmt: skip
        self._executor, self._options, self._progress = executor, options, progress
        self._listener, self._threads, self._rules, self._stop = listener, threads, rules, stop
        self._scheduler = Scheduler(executor, advance=progress.advance)
        self._sizes = sizes = {request: size_of(request) for request in requests}
        self._total = sum(size.frames for size in sizes.values())
        self._pixels = sum(size.pixels for size in sizes.values())
        longest_first = sorted(requests, key=lambda each: sizes[each].pixels, reverse=True)
        self._films = deque(each for each in longest_first if each.kind == "film")
        self._photos = [each for each in requests if each.kind == "image"]
        self._left = len(requests)
        self._halt = threading.Event()
        # reading takes a core; workers of this machine need theirs
        self._readers = max(1, usable_cores() // 4)
        self._open: dict[Request, tuple[FilmRun, threading.Thread]] = {}
        self._outcomes: queue.SimpleQueue[tuple[Request, ColorizeResult | Exception]] = (
            queue.SimpleQueue()
        )

    def run(self) -> None:
        self._executor.start()
        self._progress.start(self._total or None, "frames", _described(self._films, self._photos))
        self._put_photos()
        said = False
        while self._left:
            if self._stop.is_set():
                raise Interrupted
            if self._scheduler.stopped is not None:
                raise self._scheduler.stopped
            facts = self._scheduler.facts
            if facts is not None and not said:
                said = True
                for line in facts.said:
                    self._progress.message(line)
            self._open_films()
            self._scheduler.step()
            self._take_outcomes()

    def end(self) -> None:
        """End workers and threads."""
        self._halt.set()
        self._executor.close()
        for _, thread in self._open.values():
            thread.join()

    def _open_films(self) -> None:
        """Begin to read the next film when the workers would run out of tasks."""
        ahead = max(1, self._executor.capacity)
        while self._films and self._scheduler.backlog < ahead:
            reading = sum(not run.is_read for run, _ in self._open.values())
            may_read = reading < self._readers and len(self._open) < _OPEN_PER_WORKER * ahead
            if self._is_short(self._films[0], WHOLE_SHARE):
                self._put_whole(self._films.popleft())
            elif may_read:
                self._open_film(self._films.popleft())
            elif self._executor.free and not self._scheduler.backlog:
                # reading can't keep up with the workers
                short = (each for each in self._films if self._is_short(each, IDLE_SHARE))
                request = next(short, None)
                if request is None:
                    return
                self._films.remove(request)
                self._put_whole(request)
            else:
                return

    def _is_short(self, request: Request, share: float) -> bool:
        """Whether a film is at most so much of what each worker has to do in all."""
        options = request.options or self._options
        if is_url(request.output):
            return True  # spans have no folder there
        if options.direction is not None or options.shots is not None:
            return True  # what a person says of a film may reach over all of it
        most = share * self._pixels / max(1, self._executor.capacity)
        return request.plan is None and self._sizes[request].pixels <= most

    def _put_whole(self, request: Request) -> None:
        """Have a film done by one worker."""
        self._listener.begun(request)
        # what is in the way was refused before; what appears now is of a worker that was lost
        task = FilmTask(
            absolute(request.source), absolute(request.output),
            replace(request.options or self._options, overwrite=True), self._rules,
            self._sizes[request].frames,
        )  # fmt: skip
        make_folder_of(request.output)
        self._scheduler.put(task, _Whole(request, self._outcomes.put))

    def _open_film(self, request: Request) -> None:
        """Read a film here, and have its spans coloured."""
        self._listener.begun(request)
        film = FilmRequest(
            request.source, request.output,
            replace(request.options or self._options, overwrite=request.overwrite),
            request.plan.rules if request.plan else self._rules, request.plan,
        )  # fmt: skip
        run = FilmRun(
            film, self._scheduler, self._progress,
            ahead=max(1, self._executor.capacity), threads=self._threads, stop=self._halt,
        )  # fmt: skip
        thread = threading.Thread(
            target=self._film, args=(request, run), name=f"vidcolor-{request.source}"
        )
        self._open[request] = run, thread
        thread.start()

    def _film(self, request: Request, run: FilmRun) -> None:
        """In a thread."""
        try:
            Path(request.output).parent.mkdir(parents=True, exist_ok=True)
            self._outcomes.put((request, run.run()))
        except Exception as error:  # noqa: BLE001 - the listener reports it
            self._outcomes.put((request, error))
        run.is_read = True
        self._executor.wake()

    def _put_photos(self) -> None:
        usual = [each for each in self._photos if not _is_directed(each)]
        groups = [usual[at : at + PHOTOS_PER_TASK] for at in range(0, len(usual), PHOTOS_PER_TASK)]
        groups += [[each] for each in self._photos if _is_directed(each)]
        for some in groups:
            # what is in the way was refused before; what appears now is of a worker that was lost
            task = PhotoTask(
                tuple((absolute(each.source), absolute(each.output)) for each in some),
                replace(some[0].options or self._options, overwrite=True),
            )
            self._scheduler.put(task, _Photos(some, self._outcomes.put), last=True)

    def _take_outcomes(self) -> None:
        while not self._outcomes.empty():
            request, outcome = self._outcomes.get()
            self._left -= 1
            opened = self._open.pop(request, None)
            if opened is not None:
                opened[1].join()
            if isinstance(outcome, ColorizeResult):
                self._listener.done(request, outcome)
                continue
            fatal = isinstance(outcome, (WeightsError, DeviceError, Interrupted))
            if fatal and not isinstance(outcome, OutOfMemoryError):
                raise outcome
            self._listener.failed(request, outcome)


def _is_directed(request: Request) -> bool:
    """Whether a person has said something of this input alone."""
    return request.options is not None and request.options.direction is not None


class _Whole:
    """A film that one worker makes; keeps ``scheduler.Client``."""

    def __init__(
        self, request: Request,
        tell: Callable[[tuple[Request, ColorizeResult | Exception]], None],
    ) -> None:  # fmt: skip
        self._request, self._tell = request, tell

    def done(self, result: Result) -> str | None:
        """Pass on what was done."""
        if not isinstance(result, FilmDone):
            raise TypeError(f"{type(result).__name__} for a film")
        self._tell((self._request, replace(result.result, output=self._request.output)))
        return None

    def failed(self, error: Exception) -> None:
        """It can't be done."""
        self._tell((self._request, error))

    def discarded(self, result: Result) -> None:
        """A film isn't made twice at once."""


class _Photos:
    """Photographs that are being coloured; keeps ``scheduler.Client``."""

    def __init__(
        self, requests: Sequence[Request],
        tell: Callable[[tuple[Request, ColorizeResult | Exception]], None],
    ) -> None:  # fmt: skip
        self._requests, self._tell = requests, tell

    def done(self, result: Result) -> str | None:
        """Pass on what became of each."""
        if not isinstance(result, PhotosDone):
            raise TypeError(f"{type(result).__name__} for photographs")
        for request, outcome in zip(self._requests, result.results, strict=True):
            if isinstance(outcome, ColorizeResult):
                outcome = replace(outcome, output=request.output)
            self._tell((request, outcome))
        return None

    def failed(self, error: Exception) -> None:
        """None of them can be done."""
        for request in self._requests:
            self._tell((request, error))

    def discarded(self, result: Result) -> None:
        """Photographs are replaced by the same ones."""


def _described(films: Sequence[Request], photos: Sequence[Request]) -> str:
    if len(films) + len(photos) == 1:
        return Path((*films, *photos)[0].source).name
    parts = [(len(films), "films"), (len(photos), "photos")]
    return ", ".join(f"{count} {what}" for count, what in parts if count)
