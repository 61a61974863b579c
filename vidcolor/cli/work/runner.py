"""Runs the jobs one after the other and reports their results."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vidcolor.cli.terminal.console import Console
from vidcolor.cli.terminal.errors import report
from vidcolor.cli.terminal.progress import Mode, StoppableProgress, make_progress
from vidcolor.cli.terminal.text import count, duration
from vidcolor.cli.words.flags import in_flags
from vidcolor.cli.work.directions import directed_options
from vidcolor.cli.work.jobs import STANDARD, Job
from vidcolor.cli.work.session import Session
from vidcolor.engine.options import ColorizeOptions, ColorizeResult
from vidcolor.engine.progress import Progress
from vidcolor.errors import (
    DeviceError,
    Interrupted,
    OutOfMemoryError,
    OutputBusyError,
    OutputExistsError,
    WeightsError,
)
from vidcolor.media.files.remote import make_folder_of

if TYPE_CHECKING:
    from vidcolor.cli.work.report import Report
    from vidcolor.models.colorizer import Colorizer

logger = logging.getLogger(__name__)


class Runner:
    """Runs jobs.

    Args:
        session: console and stop.
        options: for all jobs.
        mode: how progress is shown.
        replaceable: outputs that may be overwritten.
        report: gets what is done.
        finds_directions: use direction files that stand beside inputs.
        no_clobber: skip what another run makes in the meantime.
    """

    def __init__(
        self,
        session: Session,
        options: ColorizeOptions,
        *,
        mode: Mode = "auto",
        replaceable: set[str] | None = None,
        report: Report | None = None,
        finds_directions: bool = False,
        no_clobber: bool = False,
    ) -> None:
        self.session = session
        self.finds_directions = finds_directions
        self.options = options
        self.mode = mode
        self.replaceable = replaceable or set()
        self.report = report
        self.no_clobber = no_clobber
        self._models: dict[str, Colorizer] = {}

    def is_directed(self, jobs: Sequence[Job]) -> bool:
        """Whether colours or shots of a job are given: such jobs are done here, one by one."""
        said = self.options
        if said.direction is not None or said.shots is not None or said.keep_shots:
            return True
        from vidcolor.direction.file import beside

        return self.finds_directions and any(
            job.source != STANDARD and beside(job.source).is_file() for job in jobs
        )

    def run_one(self, job: Job) -> int:
        """Do the only job; its error is the program's.

        Raises:
            VidcolorError: whatever is wrong.
        """
        with self._reported(job):
            self._do(job, None)
        return 0

    def run_batch(self, jobs: Sequence[Job]) -> int:
        """Do all jobs; one's error doesn't stop the others.

        Args:
            jobs: at least one.

        Returns:
            0, or 1 if an input failed.

        Raises:
            Interrupted: when the user asked to stop.
            WeightsError: the other jobs would fail alike.
            DeviceError: likewise.
        """
        began = time.monotonic()
        failed: list[str] = []
        for done, job in enumerate(jobs):
            try:
                self.session.stop.check()
                self._do_in_batch(job)
            except (Interrupted, KeyboardInterrupt):
                text = f"interrupted; {done - len(failed)} of {count(len(jobs), 'input')} done"
                raise Interrupted(text, self.session.stop.exit_code) from None
            except (WeightsError, DeviceError) as error:
                if not isinstance(error, OutOfMemoryError):
                    raise
                failed.append(self.say_failed(error, job))
            except Exception as error:  # noqa: BLE001 - a bug that one file triggers must not stop the others
                failed.append(self.say_failed(error, job))
        return self.sum_up(len(jobs), failed, time.monotonic() - began)

    def _do_in_batch(self, job: Job) -> None:
        with self._reported(job):
            if job.problem is not None:
                raise job.problem
            make_folder_of(job.output)
            self._do(job, self._model(job))

    def _do(self, job: Job, model: Colorizer | None) -> None:
        try:
            self.tell(job, self._colorize(job, model))
        except (OutputBusyError, OutputExistsError) as error:
            if not self.skips(job, error):
                raise

    def skips(self, job: Job, error: Exception) -> bool:
        """Whether a job is left to another run that has done it, or is at it; says so."""
        reasons: dict[type[Exception], str] = {
            OutputExistsError: "exists",
            OutputBusyError: "another run is making it",
        }
        why = reasons.get(type(error))
        if why is None or not self.no_clobber:
            return False
        self.session.console.say(f"{job.output}: {why}, skipped")
        return True

    def _reported(self, job: Job) -> contextlib.AbstractContextManager[None]:
        """Within, what fails goes into the report too."""
        return self.report.watching(job) if self.report else contextlib.nullcontext()

    def _model(self, job: Job) -> Colorizer:
        """Loaded once for all; "auto" may mean one for photos and another for films."""
        from vidcolor.engine.model_choice import load_for

        kind: Literal["image", "video"] = "image" if job.kind == "image" else "video"
        key = kind if self.options.chooses_model else "any"
        if key not in self._models:
            progress = make_progress(self.mode, self.session.console, source=job.source)
            try:
                self._models[key] = load_for(kind, self.options, progress, None)
            finally:
                progress.close()
        return self._models[key]

    def say_failed(self, error: Exception, job: Job) -> str:
        """Write a job's error; its input's name."""
        report(error, self.session.console, source=job.source)
        return job.source

    def sum_up(self, total: int, failed: Sequence[str], seconds: float) -> int:
        """Write how many inputs are done; the exit code."""
        good = total - len(failed)
        self.session.console.say(f"{good} of {count(total, 'input')} done in {duration(seconds)}")
        if failed:
            more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
            self.session.console.error(f"failed: {', '.join(failed[:5])}{more}")
        return 1 if failed else 0

    def options_for(self, job: Job) -> ColorizeOptions:
        """The options of one job: with the direction file beside its input, if there is one."""
        options = replace(self.options, overwrite=job.output in self.replaceable)
        return directed_options(job.source, options, finds=self.finds_directions)

    def _colorize(self, job: Job, model: Colorizer | None = None) -> ColorizeResult:
        progress = StoppableProgress(
            make_progress(self.mode, self.session.console, source=job.source, output=job.output),
            self.session.stop,
        )
        options = self.options_for(job)
        if options.direction is not None and options.direction.model is not None:
            model = None
        logger.debug("%s -> %s (%s): %s", job.source, job.output, job.kind, options)
        try:
            if job.kind == "image":
                return self._photo(job, options, model, progress)
            return self._film(job, options, model, progress)
        finally:
            progress.close()

    def _photo(
        self,
        job: Job,
        options: ColorizeOptions,
        model: Colorizer | None,
        progress: Progress,
    ) -> ColorizeResult:
        from vidcolor.engine.image import colorize_image

        return colorize_image(
            _path(job.source), _path(job.output), options=options, progress=progress, model=model
        )

    def _film(
        self,
        job: Job,
        options: ColorizeOptions,
        model: Colorizer | None,
        progress: Progress,
    ) -> ColorizeResult:
        from vidcolor.engine.video import colorize_video

        with self.session.stop.patience() as stop:
            if options.only_shots is not None:
                return self._shots(job, options, model, progress, stop)
            return colorize_video(
                _path(job.source),
                _path(job.output),
                options=options,
                progress=progress,
                stop=stop,
                model=model,
            )

    def _shots(
        self, job: Job, options: ColorizeOptions, model: Colorizer | None, progress: Progress,
        stop: threading.Event,
    ) -> ColorizeResult:  # fmt: skip
        from vidcolor.engine.again import redo_shots

        return redo_shots(
            _path(job.source), _path(job.output), options,
            progress=progress, stop=stop, model=model,
        )  # fmt: skip

    def tell(self, job: Job, result: ColorizeResult) -> None:
        """One line for what was written, after the warnings; in JSON one object for both."""
        if self.report is not None:
            self.report.done(job, result)
        console = self.session.console
        fps = result.frames / result.seconds if result.seconds > 0 else 0.0
        what = f"{count(result.frames, 'frame')} in {duration(result.seconds)} ({fps:.2f} fps)"
        if job.kind == "image":
            what = f"a photo in {duration(result.seconds)}"
        warnings = [f"{job.source}: {in_flags(warning)}" for warning in result.warnings]
        wrote = (
            f"wrote {result.output}: {what}, model {_models(result)} on {result.device} "
            f"({result.precision})"
        )
        logger.info("cuts at (s): %s", ", ".join(f"{cut:.3f}" for cut in result.cuts) or "none")
        for warning in warnings:
            console.note(warning, logging.WARNING) if console.as_json else console.warn(warning)
        if console.as_json:
            console.note(wrote)
            _emit_done(console, job, result, fps)
        else:
            console.say(wrote)


def _emit_done(console: Console, job: Job, result: ColorizeResult, fps: float) -> None:
    console.emit(
        "done",
        input=job.source,
        output=str(result.output),
        frames=result.frames,
        seconds=round(result.seconds, 3),
        fps=round(fps, 3),
        model=result.model,
        part_models=list(result.part_models),
        device=result.device,
        precision=result.precision,
        cuts=[round(cut, 6) for cut in result.cuts],
        warnings=list(map(in_flags, result.warnings)),
    )


def _models(result: ColorizeResult) -> str:
    """The film's model, and those of parts."""
    if not result.part_models:
        return result.model
    return f"{result.model} (parts: {', '.join(result.part_models)})"


def _path(name: str) -> str | Path:
    """A path, or "-", which the engine takes as it is."""
    return name if name == "-" else Path(name)
