"""Runs jobs on many workers: ``--jobs``, ``--cluster``, several devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vidcolor.cli.terminal.memory import keep_freed_memory
from vidcolor.cli.terminal.progress import StoppableProgress, make_progress
from vidcolor.cli.terminal.text import count, duration
from vidcolor.cli.work.jobs import STANDARD, Job
from vidcolor.errors import InputError, Interrupted, OptionError, VidcolorError
from vidcolor.workers.cores import usable_cores

if TYPE_CHECKING:
    from vidcolor.cli.work.runner import Runner
    from vidcolor.engine.options import ColorizeOptions, ColorizeResult
    from vidcolor.models.spec import Kind
    from vidcolor.workers.batch import Request
    from vidcolor.workers.executor import Executor

_FEW_FRAMES: Final = 200
"""Two of the shortest usual spans, about."""

_BUSY_CORES: Final = 2
"""That one pipeline keeps busy with a film."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where jobs run.

    Attributes:
        jobs: workers of this machine, or of each node of a cluster; None chooses.
        cluster: address of a Ray cluster, or "auto"; None for this machine.
        ship: send its nodes what they need, as they don't see the files.
    """

    jobs: int | None = None
    cluster: str | None = None
    ship: bool = False

    def shares_out(
        self, jobs: Sequence[Job], options: ColorizeOptions, *, cores: int | None = None
    ) -> bool:
        """Whether there is anything to share out; for ``--jobs auto`` on a CPU that may not be.

        A photograph, and a film of hardly more than two spans, is done by one pipeline before
        workers have started. With two cores so are all films: it keeps both busy, and reads them
        once only.

        Args:
            jobs: all of them.
            options: of all.
            cores: that may be used; None finds out.
        """
        if self.jobs is not None or self.cluster is not None:
            return True
        films = [job for job in jobs if job.kind != "image"]
        if (cores or usable_cores()) > _BUSY_CORES or len(films) < len(jobs):
            if len(jobs) > 1:
                return True
            if films and not 0 < _frames(films[0].source) <= _FEW_FRAMES:
                return True
        from vidcolor.models.running.device import device_type  # loads torch

        return device_type(options.device) != "cpu"


def chosen(
    jobs: str | None, cluster: str | None, device: str, *, ship: bool = False
) -> Where | None:
    """What the command line asks for; None for one pipeline in this process.

    Args:
        jobs: a number, "auto", or None where it isn't given.
        cluster: an address, "auto", or None.
        device: as given; several mean a worker for each.
        ship: see ``Where``.

    Raises:
        OptionError: ``jobs`` is neither a number above 0 nor "auto", or ``ship`` is without a
            cluster.
    """
    number = None
    if ship and cluster is None:
        raise OptionError("--ship: is for --cluster")
    if jobs is not None and jobs != "auto":
        if not jobs.isascii() or not jobs.isdigit() or not int(jobs):
            raise OptionError(f"--jobs {jobs}: is neither a whole number above 0 nor 'auto'")
        number = int(jobs)
    several = len(device.split(","))
    if cluster is None and several > 1 and number is None:
        number = several
    if cluster is None and (number == 1 or (jobs is None and several == 1)):
        return None
    return Where(number, cluster, ship)


class ParallelRunner:
    """Runs jobs with the help of a ``Runner``, which tells of results and does what pipes need."""

    def __init__(self, runner: Runner, where: Where) -> None:
        """Take what it needs."""
        self._runner, self._where = runner, where

    def run(self, jobs: Sequence[Job], *, is_batch: bool) -> int:
        """Do all jobs.

        Args:
            jobs: at least one.
            is_batch: one job's error doesn't stop the others.

        Returns:
            0, or 1 if an input of a batch failed.

        Raises:
            VidcolorError: what is wrong with the only job, or would be wrong with all.
        """
        told = _Told(self._runner, jobs, is_batch=is_batch)
        wanted = [job for job in jobs if job.problem is None]
        if self._where.ship:
            wanted = [job for job in wanted if job.kind != "sequence"]
        for job in jobs:
            if job.problem is not None:
                told.fail(job, job.problem)
            elif job not in wanted:
                told.fail(job, InputError(f"{job.source}: numbered images can't be sent"))
        if wanted:
            self._colorize(wanted, told)
        return told.sum_up() if is_batch else 0

    def _colorize(self, jobs: Sequence[Job], told: _Told) -> None:
        from vidcolor.workers.early import begin_early

        if self._where.cluster is None:
            begin_early()
        from vidcolor.workers.batch import colorize_all  # loads torch, as the workers do meanwhile

        runner = self._runner
        kind: Kind = "image" if all(job.kind == "image" for job in jobs) else "video"
        executor, threads = self._executor(kind)
        progress = StoppableProgress(
            make_progress(
                runner.mode, runner.session.console,
                source=jobs[0].source, output=jobs[0].output,
            ),
            runner.session.stop,
        )  # fmt: skip
        told.requests = {_request(job, runner.options_for(job)): job for job in jobs}
        try:
            with runner.session.stop.patience() as stop:
                colorize_all(
                    list(told.requests), executor,
                    options=runner.options, progress=progress, listener=told, threads=threads,
                    stop=stop,
                )  # fmt: skip
        except Interrupted:
            text = f"interrupted; {told.good} of {count(len(jobs), 'input')} done"
            raise Interrupted(text, runner.session.stop.exit_code) from None
        finally:
            progress.close()

    def _executor(self, kind: Kind) -> tuple[Executor, int]:
        """The workers, and how many threads each has for its encoder."""
        from vidcolor.workers.local import LocalWorkers
        from vidcolor.workers.shares import setups_for

        options = self._runner.options
        if self._where.cluster is not None:
            from vidcolor.workers.ray_pool import RayWorkers
            from vidcolor.workers.tasks import Setup

            one = Setup(options, options.device, kind=kind, prepare=keep_freed_memory)
            ray = RayWorkers(self._where.cluster, one, jobs=self._where.jobs, ship=self._where.ship)
            return ray, one.threads
        setups = setups_for(self._where.jobs, options, kind=kind, prepare=keep_freed_memory)
        return LocalWorkers(setups), setups[0].threads


def say_forecast(runner: Runner, jobs: Sequence[Job], where: Where | None) -> int:
    """``--dry-run``: write what a run would take; the exit code."""
    from vidcolor.engine.model_choice import chosen_model
    from vidcolor.workers.forecast import forecast
    from vidcolor.workers.shares import setups_for

    options = runner.options
    model = chosen_model("video", options)
    workers = 1
    if where is not None and where.cluster is None:
        workers = len(setups_for(where.jobs, options))
    elif where is not None and where.cluster is not None:
        from vidcolor.workers.ray_pool import workers_of

        workers = workers_of(where.cluster, options.device, where.jobs)
    wanted = [_request(job, options) for job in jobs if job.problem is None]
    found = forecast(wanted, model=model, workers=workers)
    say = runner.session.console.say
    say(
        f"{count(found.films, 'film')} with {count(found.frames, 'frame')}, "
        f"{count(found.photos, 'photo')}: about {count(found.tasks, 'task')} for "
        f"{count(found.workers, 'worker')}"
    )
    say(
        f"about {duration(found.seconds)} on CPUs like that of docs/cluster.md ({model}), at most "
        f"some {found.disk_bytes / 1e9:.1f} GB of disk; nothing was done"
    )
    for job in jobs:
        if job.problem is None:
            _say_directed(runner, job)
        else:
            runner.say_failed(job.problem, job)
    return int(any(job.problem is not None for job in jobs))


def _say_directed(runner: Runner, job: Job) -> None:
    """Which models a film's direction names.

    Raises:
        InputError: the direction is wrong, or names a model that isn't there.
    """
    from vidcolor.engine.model_choice import chosen_model
    from vidcolor.engine.part_models import check_part_models, part_models
    from vidcolor.engine.steering.still import directed

    options = runner.options_for(job)
    if job.kind == "image" or options.direction is None:
        return
    options = directed(options)
    check_part_models(options)
    model = chosen_model("video", options)
    others = part_models(options, model)
    parts = f", {', '.join(others)} in parts" if others else ""
    runner.session.console.say(f"{job.source}: coloured by {model}{parts}, as its direction says")


def is_piped(jobs: Sequence[Job]) -> bool:
    """Whether a job reads or writes a pipe, which only one process can do."""
    from vidcolor.media.files.inputs import is_pipe

    return any(STANDARD in (job.source, job.output) or is_pipe(job.source) for job in jobs)


def _frames(source: str) -> int:
    """Frames of a film by its header; 0 where that doesn't say."""
    from vidcolor.media.open import open_input  # loads no torch

    try:
        with open_input(source) as film:
            info = film.info
    except VidcolorError:
        return 0  # its turn comes, and reading says why
    return info.frames or round((info.duration_s or 0) * (info.rate or 24))


def _request(job: Job, options: ColorizeOptions) -> Request:
    from vidcolor.workers.batch import Request

    return Request(
        job.source, job.output, "image" if job.kind == "image" else "film",
        options.overwrite, options=options,
    )  # fmt: skip


class _Told:
    """Passes on what becomes of requests; keeps ``batch.Listener``."""

    def __init__(self, runner: Runner, jobs: Sequence[Job], *, is_batch: bool) -> None:
        import time

        self._runner, self._total, self._is_batch = runner, len(jobs), is_batch
        self._began, self._clock = time.monotonic(), time.monotonic
        self._failed: list[str] = []
        self.requests: dict[Request, Job] = {}
        self.good = 0

    def begun(self, request: Request) -> None:
        if self._runner.report is not None:
            self._runner.report.begin(self.requests[request])

    def done(self, request: Request, result: ColorizeResult) -> None:
        job = self.requests[request]
        if job.kind == "image" and self._runner.report is not None:
            self._runner.report.begin(job)
        self.good += 1
        self._runner.tell(job, result)

    def failed(self, request: Request, error: Exception) -> None:
        if not self._runner.skips(self.requests[request], error):
            self.fail(self.requests[request], error)

    def fail(self, job: Job, error: Exception) -> None:
        """Report it, or raise it where there is nothing else."""
        if self._runner.report is not None:
            self._runner.report.failed(job, error)
        if not self._is_batch:
            raise error
        self._failed.append(self._runner.say_failed(error, job))

    def sum_up(self) -> int:
        """The last lines, and the exit code."""
        return self._runner.sum_up(self._total, self._failed, self._clock() - self._began)
