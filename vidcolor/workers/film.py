"""One film by many workers: read once for its plan and its sound, coloured span by span elsewhere.

The film is read from its start. What is read gives the shot plan; frames are dropped, but their
stamps, and the packets between them, wait until their span is coloured. Spans are muxed in order,
as ``colorize_video`` does it when it goes on after it was cut off, so the result is the same.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vidcolor.engine.coloring.film import Treatment
from vidcolor.engine.options import ColorizeOptions, ColorizeResult
from vidcolor.engine.progress import Progress
from vidcolor.engine.run.output import check_absent, keep_date
from vidcolor.engine.run.resume import Work, forget_work, open_work
from vidcolor.engine.run.sources import read_settings
from vidcolor.engine.shots.plan import Checkpoint
from vidcolor.engine.span_job import frames_behind
from vidcolor.engine.video import batch_size_of, encode_settings
from vidcolor.errors import InputError, Interrupted, OptionError, OutputError
from vidcolor.media.files.atomic import output_error
from vidcolor.media.files.packets import KeptFile, is_whole, listed_in
from vidcolor.media.files.remote import absolute
from vidcolor.media.files.work_folder import work_folder_of
from vidcolor.media.open import Input, open_input
from vidcolor.media.output import open_writer
from vidcolor.media.source import FrameSource
from vidcolor.media.write.film import HARDWARE, VideoWriter
from vidcolor.workers.muxing import FilmMuxer
from vidcolor.workers.reading import FilmReader, FilmRequest
from vidcolor.workers.scheduler import Scheduler
from vidcolor.workers.tasks import ModelFacts, Result, SpanDone, SpanTask

if TYPE_CHECKING:
    from vidcolor.media.scans.write import SequenceWriter

logger = logging.getLogger(__name__)

_MAX_WAITING_BYTES: Final = 256 << 20
"""Of packets that wait for their place between frames; with more, reading waits."""

_MAX_WAITING_SPANS: Final = 4
"""Longest spans, beside one for each worker, whose frames' stamps may wait."""

_POLL_S: Final = 0.5


class FilmRun:
    """Colorizes one film with the workers of a scheduler; ``run`` is for a thread of its own."""

    def __init__(
        self, request: FilmRequest, scheduler: Scheduler, progress: Progress, *, ahead: int,
        threads: int, stop: threading.Event,
    ) -> None:  # fmt: skip
        """Take what it needs.

        Args:
            request: which film.
            scheduler: has workers, which may still be loading their model.
            progress: told of frames that an earlier run has finished, and of what has to be said.
            ahead: spans that may wait for a worker.
            threads: of each worker's encoder.
            stop: set it to stop.
        """
        self._request, self._scheduler = request, scheduler
        self._progress, self._ahead, self._threads = progress, ahead, threads
        self._stop = stop
        self._news = threading.Condition()
        self._finished: dict[int, tuple[KeptFile, ...]] = {}
        self._error: Exception | None = None
        self._codec: str | None = HARDWARE  # until it is known which encoder works
        self.is_read = False

    def run(self) -> ColorizeResult:
        """Do all of it.

        Raises:
            VidcolorError: as ``colorize_video``.
        """
        request, began = self._request, time.monotonic()
        options = request.options
        check_absent(request.output, request.options)
        reading = read_settings(options)
        with open_input(request.source) as film, film.read(reading) as source:
            reader = self._early_reader(film, source)
            facts = self._met()
            model = facts.colorizer()
            settings = encode_settings(source, options, model, threads=self._threads)
            with open_writer(request.output, source, settings) as writer:
                self._codec = writer.codec
                treatment = Treatment(
                    model, request.options, batch_size_of(source, options, model), request.rules,
                    shots=request.plan.shots if request.plan else None,
                )  # fmt: skip
                work = self._work(film, treatment)
                with self._kept(work):
                    notes = self._film(film, source, writer, work, treatment, reader)
                    writer.commit()
            forget_work(request.output)
            keep_date(request.source, request.output, request.options)
            warnings = (*source.status.warnings, *writer.notes, *notes)
        plan = self._plan
        return ColorizeResult(
            output=request.output, frames=plan.frames, seconds=time.monotonic() - began,
            model=facts.label, device=facts.device, precision=model.precision,
            cuts=tuple(shot.start_s for shot in plan.shots[1:]),
            warnings=tuple(dict.fromkeys(warnings)), plan=plan,
        )  # fmt: skip

    # -- in the scheduler's thread --------------------------------------------------------------

    def delivered(self, index: int, files: tuple[KeptFile, ...]) -> None:
        """A span is finished: its files are in the work folder."""
        with self._news:
            self._finished[index] = files
            self._news.notify()

    def failed(self, error: Exception) -> None:
        """A span can't be coloured."""
        with self._news:
            self._error = self._error or error
            self._news.notify()

    # -- before the first frame -----------------------------------------------------------------

    def _early_reader(self, film: Input, source: FrameSource) -> FilmReader | None:
        """Read while the workers load their model.

        Returns:
            None where an earlier run may have left spans: then nothing is read, as it isn't known
            yet whether they are of this model.
        """
        request = self._request
        if request.options.resume and work_folder_of(Path(request.output)).exists():
            return None
        reader = FilmReader(film, source, request)
        while not self._scheduler.is_met.is_set():
            if self._stop.is_set():
                raise Interrupted
            if reader.is_at_end or not self._has_room(reader):
                self._scheduler.is_met.wait(_POLL_S)
            else:
                reader.step()
        return reader

    def _met(self) -> ModelFacts:
        """Facts of the model, when they are known."""
        while not self._scheduler.is_met.wait(_POLL_S):
            if self._stop.is_set():
                raise Interrupted
        facts = self._scheduler.facts
        if facts is None:
            raise RuntimeError("a worker was met without facts of its model")
        return facts

    def _settled(self, options: ColorizeOptions) -> ColorizeOptions:
        """The options with the one encoder that all workers use."""
        codec = self._codec if options.video_codec == HARDWARE else options.video_codec
        return replace(options, video_codec=codec)

    def _work(self, film: Input, treatment: Treatment) -> Work:
        """The work folder; without ``resume`` a new one."""
        if treatment.options.mask is not None:
            raise OptionError("of a film can't be written by several workers", option="mask")
        if not treatment.options.resume:
            forget_work(self._request.output)
        options = replace(treatment.options, resume=True)
        work = open_work(film, self._request.output, replace(treatment, options=options))
        if work is None:
            raise InputError(f"{film.label}: a pipe can't be read by several workers")
        for left in work.folder.path.glob("attempt-*"):
            shutil.rmtree(left, ignore_errors=True)
        return work

    @contextlib.contextmanager
    def _kept(self, work: Work) -> Iterator[None]:
        """Within, a film is made; if that fails, what is finished stays, and the user is told."""
        try:
            yield
        except BaseException:
            if not self._request.options.resume:
                work.folder.remove()
            elif work.folder.leave():
                self._progress.message(
                    f"finished frames are kept in {work.folder.path}:"
                    " the same command goes on from there"
                )
            raise

    # -- reading, and muxing what is done -------------------------------------------------------

    def _film(
        self, film: Input, source: FrameSource, writer: VideoWriter | SequenceWriter, work: Work,
        treatment: Treatment, reader: FilmReader | None,
    ) -> tuple[str, ...]:  # fmt: skip
        begin = work.begin()
        if begin is not None and reader is not None:
            raise OutputError(f"{work.folder.path}: another run has worked on it meanwhile")
        if begin is not None:
            done = begin.next.frame
            self._progress.message(f"going on: {done} frames were finished by an earlier run")
            self._progress.skip(done)
        elif work.folder.note:
            self._progress.message(work.folder.note)
        chain = treatment.chain()
        reader = reader or FilmReader(film, source, self._request, begin)
        self._muxer = FilmMuxer(writer, work, reader)
        self._behind = frames_behind(source.info, treatment, chain)
        self._next = len(begin.spans) - 1 if begin else 0
        self._loop(reader, work)
        self._plan = reader.plan()
        if not reader.read:
            raise InputError(f"{film.label}: no frame of this video could be decoded")
        return tuple(treatment.over_time(source.info, chain).notes)

    def _loop(self, reader: FilmReader, work: Work) -> None:
        """Read, ask for spans, mux those that are done, until the film is whole."""
        self._ask(reader, work)  # all may have been read while the workers loaded their model
        self.is_read = reader.is_at_end
        while True:
            if self._stop.is_set():
                raise Interrupted
            if self._error is not None:
                raise self._error
            may_read = not reader.is_at_end and self._may_read(reader)
            if may_read:
                reader.step()
                self._ask(reader, work)
                self.is_read = reader.is_at_end
            with self._news:
                if not may_read and not self._finished and self._error is None:
                    self._news.wait(_POLL_S)
                finished, self._finished = self._finished, {}
            self._muxer.take(finished)
            if reader.is_at_end and self._muxer.written == reader.read:
                return

    def _may_read(self, reader: FilmReader) -> bool:
        if self._scheduler.backlog >= self._ahead:
            return False
        if self._next == self._muxer.next:  # no span is on its way: what waits, waits for reading
            return True
        return self._has_room(reader)

    def _has_room(self, reader: FilmReader) -> bool:
        longest = self._request.rules.max_frames * (self._ahead + _MAX_WAITING_SPANS)
        return reader.waiting_frames < longest and reader.waiting_bytes < _MAX_WAITING_BYTES

    def _ask(self, reader: FilmReader, work: Work) -> None:
        """Have all spans coloured of which everything that they need was read."""
        while reader.has(self._next, self._behind):
            index, self._next = self._next, self._next + 1
            order = _SpanOrder(self, index, reader, work, self._task(index, reader, work))
            kept = work.folder.ahead(order.first, order.start)
            if kept is not None:
                self._progress.skip(order.task.frames)
                self.delivered(index, kept)
            else:
                self._scheduler.put(order.task, order)

    def _task(self, index: int, reader: FilmReader, work: Work) -> SpanTask:
        request = self._request
        return SpanTask(
            film=absolute(request.source), output=os.path.abspath(request.output),
            folder=str(work.folder.path.absolute()), plan=reader.plan(index), index=index,
            options=self._settled(request.options),
            frame_index=reader.saved_index(work.folder.path.absolute()),
            marks=reader.marks(index, self._behind), status=reader.status,
        )  # fmt: skip


class _SpanOrder:
    """A span that is being coloured; keeps ``scheduler.Client``."""

    def __init__(
        self, run: FilmRun, index: int, reader: FilmReader, work: Work, task: SpanTask
    ) -> None:
        self._run, self._index, self._folder, self.task = run, index, work.folder, task
        self.first = task.plan.spans[index].frame
        end = task.plan.span_end(index)
        self.start = f"{end} {Checkpoint((), (task.plan.spans[index],)).to_json()}"

    def done(self, result: Result) -> str | None:
        """Take a span's files into the work folder, if they are as they were written."""
        if not isinstance(result, SpanDone):
            raise TypeError(f"{type(result).__name__} for a span")
        made = Path(result.folder)
        if not all(is_whole(file, made) for file in result.files):
            self.discarded(result)
            return f"{self._folder.path}: span {self._index} came back damaged"
        try:
            for file in result.files:
                for name in (*listed_in(made / file.name), file.name):
                    os.replace(made / name, self._folder.path / name)
            self._folder.add_ahead(self.first, result.files, self.start)
        except OSError as error:
            self.failed(output_error(self._folder.path, error))
        except OutputError as error:
            self.failed(error)
        self.discarded(result)
        self._run.delivered(self._index, result.files)
        return None

    def failed(self, error: Exception) -> None:
        """The film can't be done."""
        self._run.failed(error)

    def discarded(self, result: Result) -> None:
        """Remove a span's files."""
        if isinstance(result, SpanDone):
            shutil.rmtree(result.folder, ignore_errors=True)
