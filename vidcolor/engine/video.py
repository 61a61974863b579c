"""``colorize_video``: a film in, the same film in colour out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vidcolor.engine.coloring.batching import default_batch_size
from vidcolor.engine.coloring.film import Treatment
from vidcolor.engine.device_errors import device_errors
from vidcolor.engine.model_choice import load_for
from vidcolor.engine.options import ColorizeOptions, ColorizeResult
from vidcolor.engine.part_models import PartModels, check_part_models, part_models
from vidcolor.engine.plan_film import plan_input
from vidcolor.engine.progress import NullProgress, Progress
from vidcolor.engine.run.again import same_anyway
from vidcolor.engine.run.film_job import FilmJob
from vidcolor.engine.run.output import check_absent, credit, keep_date
from vidcolor.engine.run.resume import Work, forget_work, open_work
from vidcolor.engine.run.sources import plan_key, read_settings
from vidcolor.engine.run.staging import staged
from vidcolor.engine.shots.lists import read_shots
from vidcolor.engine.shots.plan import Checkpoint, ShotPlan, SpanRules, SpanStart
from vidcolor.engine.steering.film import Steering, prepare
from vidcolor.engine.steering.still import directed
from vidcolor.errors import Option, OptionError, OutputError
from vidcolor.media.files.kept_film import keep_film
from vidcolor.media.files.packets import KeptFile
from vidcolor.media.files.pipes import ended_by
from vidcolor.media.files.remote import is_url, url_of
from vidcolor.media.open import Input, open_input
from vidcolor.media.output import open_writer
from vidcolor.media.source import FrameSource, ReadSettings
from vidcolor.media.write.film import VideoWriter
from vidcolor.media.write.mask_film import MaskWriter
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ColorModel
from vidcolor.temporal import LumaFilter
from vidcolor.types import EncodeSettings

if TYPE_CHECKING:
    from vidcolor.media.scans.write import SequenceWriter

logger = logging.getLogger(__name__)


def colorize_video(
    input: str | Path,  # noqa: A002 - the name that callers expect
    output: str | Path,
    *,
    options: ColorizeOptions | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    model: ColorModel | None = None,
    spans: SpanRules | None = None,
    plan: ShotPlan | None = None,
    filters: Sequence[LumaFilter] = (),
    threads: int = 0,
) -> ColorizeResult:
    """Colorize a film, or a numbered sequence of scans.

    With ``options.resume`` a hidden folder beside the output keeps what is finished; if this is cut
    off, the same call goes on from there, and its result is the same as an unbroken run's.

    Args:
        input: path, URL in object storage, pattern such as ``scan_%06d.tif``, or "-" for standard
            input.
        output: path, URL in object storage, pattern, or "-" for standard output (Matroska).
        options: how; see ``ColorizeOptions``.
        progress: told of every frame written.
        stop: set it from another thread or a signal handler to stop; nothing is left behind but
            finished spans.
        model: an already loaded model, or one of your own; None loads the one that the options
            name.
        spans: how long spans are; None is the plan's, or the usual rules.
        plan: of this film, read with these options: its shots are taken; None finds them.
        filters: on luma, fresh ones.
        threads: of decoder and encoder, each, where the options don't say; 0 lets them decide.

    Returns:
        What was done. The output appears under its name only when it is whole.

    Raises:
        InputError, OutputError, OutputExistsError, OptionError, DeviceError, WeightsError,
        Interrupted: see ``vidcolor.errors``.
    """
    options = directed(options or ColorizeOptions())
    if is_url(output):
        with staged(output, options) as local:
            done = colorize_video(
                input, local, options=replace(options, overwrite=True), progress=progress,
                stop=stop, model=model, spans=spans, plan=plan, filters=filters, threads=threads,
            )  # fmt: skip
        return replace(done, output=url_of(output))
    progress = progress or NullProgress()
    started = time.monotonic()
    if options.only_shots is not None:
        raise OptionError("is for redo_shots", option="only_shots")
    check_absent(output, options)
    rules = spans or (plan.rules if plan else _rules(options))
    halt = threading.Event()
    reading = replace(read_settings(options), threads=threads)
    with ended_by(stop, halt), open_input(input) as film, film.read(reading) as source:
        check_part_models(options)
        key = plan_key(film, reading)
        if plan is not None and not plan.is_of(key):
            raise OptionError(f"{input}: the plan is of another film, or of another part of it")
        chosen = load_for("video", options, progress, model)
        plan, steer = steering_of(film, reading, options, chosen, plan, rules, progress)
        settings = encode_settings(source, options, chosen, threads=threads)
        with (
            device_errors(chosen.device_label),
            open_writer(output, source, settings) as writer,
            _mask_writer(options) as masks,
        ):
            check_absent(output, options)  # another run may have finished it meanwhile
            treatment = Treatment(
                chosen, options, batch_size_of(source, options, chosen), rules,
                filters, plan.shots if plan else None, steer, masks.write if masks else None,
            )  # fmt: skip
            work = open_work(film, output, treatment)
            if options.keep_shots and (work is None or not isinstance(writer, VideoWriter)):
                raise OptionError(
                    "needs a film in a file, written to a file, and ", Option("resume", True),
                    option="keep_shots",
                )  # fmt: skip
            try:
                with _kept(work, progress):
                    job = _Film(source, writer, treatment, progress, work)
                    job.run(stop, halt)
                    last = writer.end_span() if options.keep_shots else []
                    writer.commit()
                    if masks is not None:
                        masks.commit()
            finally:
                progress.close()
            planner = job.coloring.planner
            made = ShotPlan(key, rules, planner.frames, tuple(planner.shots), tuple(planner.spans))
            if not options.keep_shots:
                forget_work(output)
            elif work is not None:
                _keep_film(film, options, writer.codec, work, made, last)
            keep_date(input, output, options)
            warnings = (*source.status.warnings, *writer.notes, *job.coloring.notes)
    return ColorizeResult(
        output=output, frames=job.written, seconds=time.monotonic() - started,
        model=chosen.label, device=chosen.device_label, precision=chosen.precision,
        cuts=tuple(shot.start_s for shot in planner.shots[1:]),
        warnings=tuple(dict.fromkeys(warnings)), plan=made,
        part_models=part_models(options, chosen.label),
    )  # fmt: skip


def _rules(options: ColorizeOptions) -> SpanRules:
    """How long spans are: shots that may be done again have one each."""
    return SpanRules(min_frames=1) if options.keep_shots else SpanRules()


def _keep_film(
    film: Input, options: ColorizeOptions, codec: str, work: Work, plan: ShotPlan,
    last: list[KeptFile],
) -> None:  # fmt: skip
    """Keep the spans of a film that is whole."""
    ends = [plan.span_end(index) for index in range(len(plan.spans))]
    files = [span.files[0] for span in work.folder.spans] + last
    keep_film(work.folder.path, same_anyway(film, options, codec), plan.to_json(), ends, files)


def steering_of(
    film: Input, reading: ReadSettings, options: ColorizeOptions, model: Colorizer,
    plan: ShotPlan | None, rules: SpanRules, progress: Progress | None = None,
) -> tuple[ShotPlan | None, Steering | None]:  # fmt: skip
    """What the options' direction says of a film; it needs the film's shots, so the plan is made.

    Raises:
        OptionError, InputError: see ``prepare`` and ``check_part_models``.
    """
    if options.shots is not None and plan is None:
        known = read_shots(options.shots)
        if film.is_pipe:
            raise OptionError("needs a film that can be read twice: no pipe", option="shots")
        plan = plan_input(film, reading, rules=rules, known=known)
    if options.direction is None or not options.direction.changes_frames:
        return plan, None
    if film.is_pipe:
        raise OptionError("needs a film that can be read twice: no pipe", option="direction")
    check_part_models(options)
    plan = plan or plan_input(film, reading, rules=rules)
    models = PartModels(options, model, progress)
    return plan, prepare(film, reading, options, plan.shots, model, models)


def batch_size_of(source: FrameSource, options: ColorizeOptions, model: Colorizer) -> int:
    """Frames per call of the network."""
    pixels = source.info.width * source.info.height
    return options.batch_size or default_batch_size(model, pixels)


class _Film(FilmJob):
    """A whole film, with its work folder if there is one."""

    def __init__(
        self, source: FrameSource, writer: VideoWriter | SequenceWriter, treatment: Treatment,
        progress: Progress, work: Work | None,
    ) -> None:  # fmt: skip
        begin = work.begin() if work else None
        super().__init__(source, writer, treatment, progress, begin=begin)
        self._work, self._begin = work, begin

    def run(self, stop: threading.Event | None, halt: threading.Event) -> None:
        info = self._source.info
        self._progress.start(self._source.expected_frames, "frames", Path(info.path).name)
        if self._work is not None:
            self._report(self._work, self._begin)
            self._writer.keep(self._work.folder.path, self._work.folder.packets())
        super().run(stop, halt)

    def _report(self, work: Work, begin: Checkpoint | None) -> None:
        if begin is not None:
            done = begin.next.frame
            self._progress.message(f"going on: {done} frames were finished by an earlier run")
        elif work.folder.note:
            self._progress.message(work.folder.note)

    def _end_span(self, begins: SpanStart) -> None:
        if self._work is None:
            return
        if begins.frame != self.written:
            raise OutputError(f"a span ends at frame {begins.frame}, not {self.written}")
        self._work.add(self.coloring.planner.checkpoint(begins), self._writer.end_span())


@contextmanager
def _mask_writer(options: ColorizeOptions) -> Iterator[MaskWriter | None]:
    """What writes the masks of repair, if they are asked for; it leaves nothing unfinished."""
    if options.mask is None or options.repair not in ("auto", "film"):
        yield None
        return
    masks = MaskWriter(options.mask)
    try:
        yield masks
    finally:
        masks.discard()


@contextmanager
def _kept(work: Work | None, progress: Progress) -> Iterator[None]:
    """Within, a film is made; if that fails, what is finished stays, and the user is told."""
    try:
        yield
    except BaseException:
        if work is not None and work.folder.leave():
            progress.message(
                f"{work.folder.frames} finished frames are kept in {work.folder.path}:"
                " the same command goes on from there"
            )
        raise


def encode_settings(
    source: FrameSource, options: ColorizeOptions, model: Colorizer, *, threads: int = 0
) -> EncodeSettings:
    """What the writer has to know of the options; ``threads`` where they don't say how many."""
    info = source.info
    size = None
    if options.compare:
        across = info.rotation % 180 == 0
        size = (info.width * 2, info.height) if across else (info.width, info.height * 2)
    efforts: dict[str | None, Literal["quick", "slow"]] = {"draft": "quick", "best": "slow"}
    return EncodeSettings(
        effort=efforts.get(options.quality, "usual"),
        video_codec=options.video_codec, crf=options.crf, preset=options.preset,
        pix_fmt=options.pix_fmt, audio=options.audio, strict=options.strict, size=size,
        threads=options.encoder_threads or threads,
        comment=credit(model, part_models(options, model.label)),
    )  # fmt: skip
