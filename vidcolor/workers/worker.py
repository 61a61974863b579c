"""A worker: has its models loaded, and does one task after the other. The same wherever it runs."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from vidcolor.engine.image import colorize_image
from vidcolor.engine.model_choice import load_for
from vidcolor.engine.options import ColorizeOptions, ColorizeResult
from vidcolor.engine.progress import NullProgress
from vidcolor.engine.span_job import SpanFilm
from vidcolor.engine.video import colorize_video
from vidcolor.errors import DeviceError, InputError, VidcolorError, WeightsError
from vidcolor.media.files.atomic import output_error
from vidcolor.media.files.remote import make_folder_of
from vidcolor.media.read.frames.index import FrameIndex
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.spec import Kind
from vidcolor.workers.tasks import (
    FilmDone,
    FilmTask,
    ModelFacts,
    PhotosDone,
    PhotoTask,
    Result,
    Setup,
    SpanDone,
    SpanTask,
    Task,
)

Count = Callable[[int], None]
"""Told how many more frames of the task are done."""

_REPORT_S = 0.2


class Worker:
    """Does tasks.

    Attributes:
        facts: of the model that was loaded first.
    """

    def __init__(self, setup: Setup) -> None:
        """Load the model.

        Raises:
            WeightsError, DeviceError: it can't be had.
        """
        if setup.prepare is not None:
            setup.prepare()
        torch.set_num_threads(setup.threads)
        self._setup = setup
        self._options = replace(setup.options, device=setup.device)
        self._models: dict[str, Colorizer] = {}
        self._said: list[str] = []
        self._film: tuple[tuple[object, ...], SpanFilm] | None = None
        self._index_of: tuple[str, int] | None = None
        self.facts = ModelFacts.of(self._model(setup.kind), tuple(self._said))

    def run(self, task: Task, count: Count) -> Result:
        """Do a task.

        Args:
            task: what.
            count: told of every frame.

        Raises:
            VidcolorError: why it can't be done.
        """
        if isinstance(task, SpanTask):
            return self._span(task, count)
        if isinstance(task, FilmTask):
            return self._whole(task, count)
        return self._photos(task, count)

    def close(self) -> None:
        """Close what is open."""
        if self._film is not None:
            self._film[1].close()
        self._film = None

    def _model(self, kind: Kind) -> Colorizer:
        key = kind if self._options.chooses_model else "any"
        if key not in self._models:
            self._models[key] = load_for(kind, self._options, _Said(self._said), None)
        return self._models[key]

    def _usual(self, kind: Kind, options: ColorizeOptions) -> Colorizer | None:
        """The worker's model, None where a direction names another one."""
        own = options.direction is not None and options.direction.model is not None
        return None if own else self._model(kind)

    def _span(self, task: SpanTask, count: Count) -> SpanDone:
        began, cpu = time.monotonic(), time.process_time()
        folder = Path(task.folder) / f"attempt-{task.index}-{secrets.token_hex(4)}"
        progress = _Counted(count)
        try:
            folder.mkdir(parents=True)
            film = self._opened(task)
            opening_s = time.monotonic() - began
            done = film.colorize(
                task.plan, task.index, folder / Path(task.output).name,
                model=self._model("video"), progress=progress, marks=task.marks,
            )  # fmt: skip
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            self.close()
            raise
        progress.close()
        return SpanDone(
            str(folder), done.files, done.end - done.first,
            time.monotonic() - began, time.process_time() - cpu, opening_s,
        )  # fmt: skip

    def _opened(self, task: SpanTask) -> SpanFilm:
        """The film, which is kept open for its next span."""
        options = replace(task.options, device=self._setup.device)
        key = (task.film, task.output, options)
        if self._film is None or self._film[0] != key:
            self.close()
            film = SpanFilm(task.film, options, threads=self._setup.threads, status=task.status)
            self._film, self._index_of = (key, film), None
        film = self._film[1]
        if task.frame_index:
            path = Path(task.frame_index)
            stamp = (task.frame_index, path.stat().st_mtime_ns)
            if stamp != self._index_of:
                film.use_index(_read_index(path))
                self._index_of = stamp
        return film

    def _whole(self, task: FilmTask, count: Count) -> FilmDone:
        """A film from its begin to its end; goes on where another worker has left it."""
        began, cpu = time.monotonic(), time.process_time()
        progress = _Counted(count)
        result = colorize_video(
            task.film, task.output, options=replace(task.options, device=self._setup.device),
            progress=progress, model=self._usual("video", task.options), spans=task.rules,
            threads=self._setup.threads,
        )  # fmt: skip
        progress.close()
        return FilmDone(result, result.frames, time.monotonic() - began, time.process_time() - cpu)

    def _photos(self, task: PhotoTask, count: Count) -> PhotosDone:
        began, cpu = time.monotonic(), time.process_time()
        results = []
        for source, output in task.photos:
            results.append(self._photo(source, output, task.options))
            count(1)
        return PhotosDone(
            tuple(results), len(results), time.monotonic() - began, time.process_time() - cpu
        )

    def _photo(
        self, source: str, output: str, options: ColorizeOptions
    ) -> ColorizeResult | VidcolorError:
        """What was done, or why it couldn't be done; one photograph doesn't stop the others."""
        options = replace(options, device=self._setup.device)
        try:
            make_folder_of(output)
            return colorize_image(
                source, output, options=options, model=self._usual("image", options)
            )
        except (WeightsError, DeviceError):
            raise
        except VidcolorError as error:
            return error
        except OSError as error:
            return output_error(output, error)


def _read_index(path: Path) -> FrameIndex:
    """An index that another process has kept.

    Raises:
        InputError: it isn't one.
    """
    try:
        return FrameIndex.from_bytes(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {error}") from error


class _Said(NullProgress):
    """Keeps messages."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def message(self, text: str) -> None:
        self._lines.append(text)


class _Counted(NullProgress):
    """Passes on counts of frames now and then."""

    def __init__(self, count: Count) -> None:
        self._count, self._more, self._last = count, 0, time.monotonic()
        self._lock = threading.Lock()

    def advance(self, n: int) -> None:
        with self._lock:
            self._more += n
            if time.monotonic() - self._last >= _REPORT_S:
                self._pass_on()

    def skip(self, n: int) -> None:
        self.advance(n)

    def close(self) -> None:
        with self._lock:
            self._pass_on()

    def _pass_on(self) -> None:
        if self._more:
            self._count(self._more)
        self._more, self._last = 0, time.monotonic()
