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
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from vidcolor.engine.coloring.film import Treatment
from vidcolor.engine.coloring.over_time import plan_look_ahead
from vidcolor.engine.options import ColorizeOptions, ColorizeResult
from vidcolor.engine.progress import Progress
from vidcolor.engine.run.output import check_absent, keep_date
from vidcolor.engine.run.resume import Work, forget_work, open_work
from vidcolor.engine.run.sources import plan_key, read_settings
from vidcolor.engine.shots.plan import Checkpoint, ShotPlan, SpanRules
from vidcolor.engine.shots.planner import Planner
from vidcolor.engine.span_job import frames_behind
from vidcolor.engine.video import batch_size_of, encode_settings
from vidcolor.errors import InputError, Interrupted, OptionError, OutputError
from vidcolor.media.files.atomic import output_error
from vidcolor.media.files.packets import EncodedPacket, KeptFile, is_whole, listed_in, read_calls
from vidcolor.media.open import Input, open_input
from vidcolor.media.output import open_writer
from vidcolor.media.source import FrameSource
from vidcolor.media.write.film import HARDWARE, VideoWriter
from vidcolor.temporal import small_picture
from vidcolor.types import LumaFrame
from vidcolor.workers.scheduler import Scheduler
from vidcolor.workers.tasks import ModelFacts, Result, SpanDone, SpanTask

if TYPE_CHECKING:
    from vidcolor.engine.coloring.waiting import Packet
    from vidcolor.media.scans.write import SequenceWriter

logger = logging.getLogger(__name__)

_CHUNK: Final = 16
"""Items that are read before anything else is looked at."""

_MAX_WAITING_BYTES: Final = 256 << 20
"""Of packets that wait for their place between frames; with more, reading waits."""

_MAX_WAITING_SPANS: Final = 4
"""Longest spans, beside one for each worker, whose frames' stamps may wait."""

_NO_LUMA: Final = np.zeros((0, 0), np.uint8)
_POLL_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class FilmRequest:
    """One film.

    Attributes:
        source: path or pattern; no pipe.
        output: path or pattern.
        options: how.
        rules: how long spans are.
        plan: of the film, if its boundaries are known.
    """

    source: str | Path
    output: str | Path
    options: ColorizeOptions
    rules: SpanRules
    plan: ShotPlan | None = None


class FilmRun:
    """Colorizes one film with the workers of a scheduler; ``run`` is for a thread of its own."""

    def __init__(
        self, request: FilmRequest, scheduler: Scheduler, facts: ModelFacts, progress: Progress, *,
        ahead: int, threads: int, stop: threading.Event,
    ) -> None:  # fmt: skip
        """Take what it needs.

        Args:
            request: which film.
            scheduler: has workers.
            facts: of their model.
            progress: told of frames that an earlier run has finished, and of what has to be said.
            ahead: spans that may wait for a worker.
            threads: of each worker's encoder.
            stop: set it to stop.
        """
        self._request, self._scheduler, self._facts = request, scheduler, facts
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
            model = self._facts.colorizer()
            settings = encode_settings(source, options, model, threads=self._threads)
            with open_writer(request.output, source, settings) as writer:
                self._codec = writer.codec
                treatment = Treatment(
                    model, request.options, batch_size_of(source, options, model), request.rules,
                    shots=request.plan.shots if request.plan else None,
                )  # fmt: skip
                work = self._work(film, treatment)
                with self._kept(work):
                    notes = self._film(film, source, writer, work, treatment)
                    writer.commit()
            forget_work(request.output)
            keep_date(request.source, request.output, request.options)
            warnings = (*source.status.warnings, *writer.notes, *notes)
        plan = self._plan
        return ColorizeResult(
            output=request.output, frames=plan.frames, seconds=time.monotonic() - began,
            model=self._facts.label, device=self._facts.device, precision=model.precision,
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
        treatment: Treatment,
    ) -> tuple[str, ...]:  # fmt: skip
        begin = work.begin()
        if begin is not None:
            done = begin.next.frame
            self._progress.message(f"going on: {done} frames were finished by an earlier run")
            self._progress.skip(done)
        elif work.folder.note:
            self._progress.message(work.folder.note)
        chain = treatment.chain()
        key = plan_key(film, read_settings(treatment.options))
        reader = _Reader(film, source, treatment, begin, key)
        self._muxer = _Muxer(writer, work, reader)
        self._behind = frames_behind(source.info, treatment, chain)
        self._next = len(begin.spans) - 1 if begin else 0
        self._loop(reader, work)
        self._plan = reader.plan()
        if not reader.read:
            raise InputError(f"{film.label}: no frame of this video could be decoded")
        return tuple(treatment.over_time(source.info, chain).notes)

    def _loop(self, reader: _Reader, work: Work) -> None:
        """Read, ask for spans, mux those that are done, until the film is whole."""
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

    def _may_read(self, reader: _Reader) -> bool:
        if self._scheduler.backlog >= self._ahead:
            return False
        if self._next == self._muxer.next:  # no span is on its way: what waits, waits for reading
            return True
        longest = self._request.rules.max_frames * (self._ahead + _MAX_WAITING_SPANS)
        return reader.waiting_frames < longest and reader.waiting_bytes < _MAX_WAITING_BYTES

    def _ask(self, reader: _Reader, work: Work) -> None:
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

    def _task(self, index: int, reader: _Reader, work: Work) -> SpanTask:
        request = self._request
        return SpanTask(
            film=os.path.abspath(request.source), output=os.path.abspath(request.output),
            folder=str(work.folder.path.absolute()), plan=reader.plan(index), index=index,
            options=self._settled(request.options),
            frame_index=reader.saved_index(work.folder.path.absolute()),
        )  # fmt: skip


class _SpanOrder:
    """A span that is being coloured; keeps ``scheduler.Client``."""

    def __init__(
        self, run: FilmRun, index: int, reader: _Reader, work: Work, task: SpanTask
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


class _Reader:
    """Reads a film: its plan, and what waits for its spans.

    Attributes:
        read: frames that were read.
        is_at_end: all were.
        waiting: frames without pictures, and packets, in file order.
        waiting_frames: how many of them are frames.
        waiting_bytes: of packets among them.
    """

    def __init__(
        self, film: Input, source: FrameSource, treatment: Treatment, begin: Checkpoint | None,
        key: dict[str, object],
    ) -> None:  # fmt: skip
        self._film, self._source, self._key = film, source, key
        self._items = iter(source)
        self._planner = Planner(
            treatment.rules, look_ahead=plan_look_ahead(source.info), begin=begin,
            known=treatment.shots,
        )  # fmt: skip
        self._settings = read_settings(treatment.options)
        self._first = begin.next.read_from if begin else 0
        self._saved = -1
        self.read = self.waiting_frames = self.waiting_bytes = 0
        self.is_at_end = False
        self.waiting: deque[LumaFrame | Packet] = deque()

    def step(self) -> None:
        """Read some more."""
        items = list(islice(self._items, _CHUNK))
        rotation = self._source.info.rotation
        for item in items:
            if isinstance(item, LumaFrame):
                if self.read >= self._first:
                    self._planner.push(small_picture(item, rotation), item.seconds)
                self.read += 1
                self.waiting_frames += 1
                item = replace(item, luma=_NO_LUMA)
            else:
                self.waiting_bytes += item.size
            self.waiting.append(item)
        if len(items) < _CHUNK:
            self._planner.flush()
            self.is_at_end = True

    def has(self, index: int, behind: int) -> bool:
        """Whether everything that a span needs was read."""
        spans = self._planner.spans
        if self.is_at_end:
            return index < len(spans)
        return index + 1 < len(spans) and self._planner.frames > spans[index + 1].frame + behind

    def plan(self, index: int | None = None) -> ShotPlan:
        """The plan so far; for one span without the spans behind the one that follows it."""
        plan = self._planner.plan(self._key)
        return plan if index is None else replace(plan, spans=plan.spans[: index + 2])

    def checkpoint(self, frame: int) -> Checkpoint | None:
        """What is planned up to the span that begins at a frame; None where none does."""
        for span in self._planner.spans:
            if span.frame == frame:
                return self._planner.checkpoint(span)
        return None

    def span_end(self, index: int) -> int:
        """Number of the frame behind a span."""
        return self.plan().span_end(index)

    def saved_index(self, folder: Path) -> str:
        """A file with what the reading has shown so far; "" for films without."""
        index = self._film.index(self._settings)
        if index is None or not len(index):
            return ""
        path = folder / "frames.index"
        if self._saved != self.read:
            half = path.with_name("frames.index.half")
            half.write_bytes(index.to_bytes())
            os.replace(half, path)
            self._saved = self.read
        return str(path)


class _Muxer:
    """Writes the film from finished spans, in order.

    Attributes:
        written: frames that were written.
        next: index of the next span to be written.
    """

    def __init__(self, writer: VideoWriter | SequenceWriter, work: Work, reader: _Reader) -> None:
        self._writer, self._work, self._reader = writer, work, reader
        self._files: deque[tuple[int, Path]] = deque()
        self._finished: dict[int, tuple[KeptFile, ...]] = {}
        self._due = 0  # frames of spans that are finished without a gap
        self.next = 0
        self.written = 0
        before = 0
        for span in work.folder.spans:
            self._append(span.frames - before, span.files)
            before = span.frames
            self.next += 1
        writer.keep(work.folder.path, self._calls())

    def take(self, finished: dict[int, tuple[KeptFile, ...]]) -> None:
        """Take finished spans, and write what can be written."""
        self._finished |= finished
        self._write()
        while self.next in self._finished:
            files, end = self._finished.pop(self.next), self._reader.span_end(self.next)
            self._append(end - self._due, files)
            self.next += 1
            self._write()
            checkpoint = self._reader.checkpoint(end)
            if checkpoint is not None:
                self._work.add(checkpoint, list(files))

    def _append(self, frames: int, files: tuple[KeptFile, ...]) -> None:
        self._files.append((frames, self._work.folder.path / files[0].name))
        self._due += frames

    def _write(self) -> None:
        """Write the frames that are due, and the packets between and behind them."""
        reader = self._reader
        while reader.waiting:
            item = reader.waiting[0]
            if isinstance(item, LumaFrame):
                if self.written >= self._due:
                    return
                self._writer.replay(item)
                self.written += 1
                reader.waiting_frames -= 1
            else:
                self._writer.write(item)
                reader.waiting_bytes -= item.size
            reader.waiting.popleft()

    def _calls(self) -> Iterator[list[EncodedPacket]]:
        """What was encoded, as ``WorkFolder.packets`` gives it."""
        late: list[EncodedPacket] = []
        while self._files:
            frames, path = self._files.popleft()
            with contextlib.closing(read_calls(path)) as calls:
                for _ in range(frames):
                    yield late + next(calls)
                    late = []
                late = next(calls)
        yield late
