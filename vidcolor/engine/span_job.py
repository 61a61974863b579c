"""Single spans, coloured alone: the same bytes as in a run over the whole film."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from vidcolor.engine.coloring.film import Treatment
from vidcolor.engine.coloring.over_time import plan_look_ahead
from vidcolor.engine.device_errors import device_errors
from vidcolor.engine.model_choice import load_for
from vidcolor.engine.options import ColorizeOptions, directed
from vidcolor.engine.progress import NullProgress, Progress
from vidcolor.engine.run.film_job import FilmJob
from vidcolor.engine.run.sources import plan_key, read_settings
from vidcolor.engine.shots.plan import Checkpoint, ShotPlan
from vidcolor.engine.video import batch_size_of, encode_settings, steering_of
from vidcolor.errors import InputError, OptionError
from vidcolor.media.files.packets import KeptFile
from vidcolor.media.files.pipes import ended_by
from vidcolor.media.open import Input, open_input
from vidcolor.media.output import open_writer
from vidcolor.media.source import FrameSource, ReadSettings, SourceStatus
from vidcolor.media.write.film import VideoWriter
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ColorModel
from vidcolor.temporal import FilterChain, LumaFilter
from vidcolor.types import LumaFrame, VideoInfo

if TYPE_CHECKING:
    from vidcolor.engine.coloring.waiting import Packet
    from vidcolor.engine.shots.planner import Mark
    from vidcolor.engine.steering.film import Steering
    from vidcolor.media.read.frames.index import FrameIndex
    from vidcolor.media.scans.write import SequenceWriter

TELLING_FRAMES: Final = 64
"""Frames in which it is found out whether a film is interlaced."""


@dataclass(frozen=True, slots=True)
class FinishedSpan:
    """A span that has been coloured and encoded.

    Attributes:
        index: of the span in the plan.
        first: number of its first frame.
        end: number of the frame behind it.
        folder: where its files are.
        files: the encoded packets (see ``media.files.packets.read_calls``), or for numbered images
            a list of them.
    """

    index: int
    first: int
    end: int
    folder: Path
    files: tuple[KeptFile, ...]


def colorize_span(
    input: str | Path,  # noqa: A002 - as in colorize_video
    plan: ShotPlan,
    index: int,
    output: Path,
    *,
    options: ColorizeOptions | None = None,
    model: ColorModel | None = None,
    filters: Sequence[LumaFilter] = (),
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> FinishedSpan:
    """Colour and encode one span of a film.

    What comes out depends on the arguments alone, and is, byte for byte, what ``colorize_video``
    makes of the span, as long as the processor is of the same kind.

    Args:
        input: the film; no pipe.
        plan: of this film.
        index: of the span.
        output: decides how the span is encoded, as the name of the whole film would; the span's
            files are put beside it.
        options: as for the whole film.
        model: an already loaded model; None loads the one that the options name.
        filters: on luma, fresh ones.
        progress: told of every frame written.
        stop: set it to stop; an unfinished file of the span may be left beside ``output``.

    Raises:
        OptionError: the plan has no such span, or is of another film, or of another part of it.
        InputError, OutputError, DeviceError, WeightsError, Interrupted: see ``vidcolor.errors``.
    """
    options = options or ColorizeOptions()
    with SpanFilm(input, options) as film:
        return film.colorize(
            plan, index, output, model=model, filters=filters, progress=progress, stop=stop
        )


class SpanFilm:
    """A film of which spans are coloured alone; a context manager.

    It is opened once for any number of spans.
    """

    def __init__(
        self,
        input: str | Path,  # noqa: A002 - as in colorize_video
        options: ColorizeOptions,
        *,
        threads: int = 0,
        status: SourceStatus | None = None,
    ) -> None:
        """Open the film, and read its first frames, which decide how all of it is encoded.

        Args:
            input: the film; no pipe.
            options: as for the whole film.
            threads: of decoder and encoder, each; 0 lets them decide. Where the options name the
                encoder's, those count.
            status: what a reading of the same film has found in its first ``TELLING_FRAMES``
                frames, so that only the first of them is read; None finds it.

        Raises:
            InputError, OptionError: see ``colorize_span``.
        """
        options = directed(options)
        self._options, self._threads = options, threads
        self._steered: tuple[ShotPlan, Steering | None] | None = None
        self._reading = replace(read_settings(options, copy_streams=False), threads=threads)
        with ExitStack() as stack:
            self._film = stack.enter_context(open_input(input))
            self._begun = stack.enter_context(_Begun(self._film, self._reading, status))
            self._open = stack.pop_all()

    def use_index(self, index: FrameIndex) -> None:
        """Take what another reading of the same film has shown, so that spans begin quickly.

        Args:
            index: it must have all frames that the next spans need.
        """
        self._film.use_index(index, self._reading)

    def _steering(self, plan: ShotPlan, model: Colorizer) -> Steering | None:
        """What is known of the film's frames; found once."""
        if self._steered is None or self._steered[0] != plan:
            _, steer = steering_of(
                self._film, self._reading, self._options, model, plan, plan.rules
            )
            self._steered = plan, steer
        return self._steered[1]

    def colorize(
        self, plan: ShotPlan, index: int, output: Path, *, model: ColorModel | None = None,
        filters: Sequence[LumaFilter] = (), progress: Progress | None = None,
        stop: threading.Event | None = None, marks: Sequence[Mark] | None = None,
    ) -> FinishedSpan:  # fmt: skip
        """Colour and encode one span; arguments and errors as of ``colorize_span``.

        With ``marks`` the exposure isn't measured again. They are those that the planner of the
        whole film gives the frames which are read for the span: from its ``read_from`` up to
        ``frames_behind`` behind its end.
        """
        options, progress = self._options, progress or NullProgress()
        if not 0 <= index < len(plan.spans):
            raise OptionError(
                f"the plan has {len(plan.spans)} spans: there is none with index {index}"
            )
        if not plan.is_of(plan_key(self._film, self._reading)):
            raise OptionError(
                f"{self._film.label}: the plan is of another film, or of another part of it"
            )
        first, end, halt = plan.spans[index].frame, plan.span_end(index), threading.Event()
        begun = self._begun.source
        with (
            ended_by(stop, halt),
            self._film.read(self._reading, first_frame=plan.spans[index].read_from) as source,
        ):
            chosen = load_for("video", options, progress, model)
            steer = self._steering(plan, chosen)
            treatment = Treatment(
                chosen, options, batch_size_of(begun, options, chosen),
                plan.rules, filters, plan.shots, steer, marks=marks,
            )  # fmt: skip
            settings = encode_settings(
                begun, replace(options, audio="none"), chosen, threads=self._threads
            )
            with (
                device_errors(chosen.device_label),
                open_writer(output, begun, settings) as writer,
            ):
                writer.keep(output.parent)
                writer.begin_span(self._begun.first, first)
                _Span(source, writer, treatment, progress, plan, index).run(stop, halt)
                files = tuple(writer.end_span())
        return FinishedSpan(index, first, end, output.parent, files)

    def close(self) -> None:
        """Close the film."""
        self._open.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close."""
        self.close()


def frames_behind(film: VideoInfo, treatment: Treatment, filters: FilterChain) -> int:
    """How many frames behind a span's last one may be needed for it."""
    # the frame behind the span says that it is over, or the end of the film
    behind = max(treatment.rules.run_out, 1) + filters.look_ahead_frames + 1
    return behind + plan_look_ahead(film)


class _Begun:
    """The film's own begin, which decides how all of it is encoded; a context manager.

    Attributes:
        source: a reading from the beginning.
        first: the film's first frame.
    """

    def __init__(self, film: Input, reading: ReadSettings, status: SourceStatus | None) -> None:
        self.source = film.read(reading)
        # the first frames tell whether there are fields, where the header doesn't
        frames = (item for item in self.source if isinstance(item, LumaFrame))
        self.first = next(frames)
        if status is None:
            for _ in islice(frames, TELLING_FRAMES - 1):
                pass
        else:
            for each in fields(SourceStatus):
                setattr(self.source.status, each.name, getattr(status, each.name))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.source.close()


class _Span(FilmJob):
    """One span of a film."""

    def __init__(
        self, source: FrameSource, writer: VideoWriter | SequenceWriter, treatment: Treatment,
        progress: Progress, plan: ShotPlan, index: int,
    ) -> None:  # fmt: skip
        start = plan.spans[index]
        begin = Checkpoint(plan.shots[: start.shot.index], plan.spans[: index + 1])
        super().__init__(
            source, writer, treatment, progress,
            begin=begin, only_one=True, first_frame=start.read_from,
        )  # fmt: skip
        self._end = plan.span_end(index)
        behind = frames_behind(source.info, treatment, treatment.chain())
        self._count = self._end + behind - start.read_from

    def _items(self) -> Iterable[LumaFrame | Packet]:
        # the last frames are needed where a picture comes out of black there
        for item in islice(self._source, self._count):
            if self.coloring.colorist.is_done:
                return
            yield item

    def _take_over(self, frame: LumaFrame) -> None:
        """A frame of the warm-up isn't written."""

    def _check_all_written(self) -> None:
        if self.written != self._end:
            path = self._source.info.path
            raise InputError(
                f"{path}: has {self.written} frames of the {self._end} that were planned"
            )
