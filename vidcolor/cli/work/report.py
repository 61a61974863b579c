"""``--report FILE``: what was done, as JSON, also when it failed; see docs/progress.md.

The file appears when the program ends, whole or not at all. Nothing in it needs a heavy import that
the work itself didn't need.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import platform
import time
from collections.abc import Iterator, Sequence, Set
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from vidcolor.cli.terminal.errors import explain
from vidcolor.cli.terminal.signals import Stop
from vidcolor.cli.words.flags import in_flags
from vidcolor.cli.work.jobs import STANDARD, Job, identity
from vidcolor.engine.options import ColorizeOptions, ColorizeResult
from vidcolor.engine.run.versions import versions
from vidcolor.errors import OptionError, VidcolorError
from vidcolor.media.files.atomic import complete_file

VERSION: Final = 1
"""Goes up when a field is removed or changes its meaning; new fields don't count."""

_MAX_OWN_BYTES: Final = 1 << 28

Fields = dict[str, Any]


class Report:
    """Collects what is done, for ``--report``.

    Args:
        path: where it goes.
        options: of all jobs.
        words: the positional arguments, which the report must not overwrite.

    Raises:
        OptionError: the file can't be written there, or is something else than a report.
    """

    def __init__(self, path: Path, options: ColorizeOptions, words: Sequence[str]) -> None:
        self.path = path
        self.options = options
        self._began = time.monotonic()
        self._started = datetime.now(UTC)
        self._jobs: dict[Job, Fields] = {}
        self._check(words)

    def plan(self, jobs: Sequence[Job], *, skipped: Set[Job] = frozenset()) -> None:
        """Enter all jobs, so that the report also has those that an early end prevents.

        Args:
            jobs: all of them, in their order.
            skipped: those of them that are not done because their result exists.

        Raises:
            OptionError: the report would overwrite an input or a result.
        """
        own = identity(str(self.path))
        for job in jobs:
            if own in (identity(job.source), identity(job.output)):
                raise OptionError(f"--report {self.path}: is an input or a result itself")
            status = "skipped" if job in skipped else "not begun"
            self._jobs[job] = {
                "status": status,
                "kind": job.kind,
                "input": {"path": job.source},
                "output": {"path": job.output},
            }

    def begin(self, job: Job) -> None:
        """The input's identity is taken before the work: it may take days."""
        self._jobs[job] |= {"status": "begun", "input": _file(job.source)}

    def done(self, job: Job, result: ColorizeResult) -> None:
        """Add what came of a job."""
        self._jobs[job] |= {
            "status": "done",
            "output": _file(str(result.output)),
            "frames": result.frames,
            "seconds": round(result.seconds, 3),
            "fps": round(result.frames / result.seconds, 3) if result.seconds > 0 else None,
            "model": _model(result.model, self.options.weights_dir),
            "part_models": [_model(n, self.options.weights_dir) for n in result.part_models],
            "device": result.device,
            "precision": result.precision,
            "cuts": [round(cut, 6) for cut in result.cuts],
            "warnings": list(map(in_flags, result.warnings)),
        }

    def failed(self, job: Job, error: BaseException) -> None:
        """Add why a job was not done."""
        text, exit_code = explain(error)
        status = "interrupted" if exit_code > 128 else "failed"
        self._jobs[job] |= {"status": status, "error": text, "exit_code": exit_code}

    @contextlib.contextmanager
    def watching(self, job: Job) -> Iterator[None]:
        """Within, a job is done; what it raises is noted and passed on."""
        self.begin(job)
        try:
            yield
        except BaseException as error:
            self.failed(job, error)
            raise

    @contextlib.contextmanager
    def written(self, stop: Stop) -> Iterator[list[int]]:
        """Within, all is done; then the file is written, whatever happened.

        Yields:
            A list to put the exit code into.

        Raises:
            OptionError: the work went well, but the report can't be written.
        """
        outcome = [0]
        try:
            yield outcome
        except BaseException as error:
            text, exit_code = explain(error)
            if stop.signum and exit_code == 130:
                exit_code = stop.exit_code
            with contextlib.suppress(VidcolorError):  # the first error is the one to report
                self._write(exit_code, text)
            raise
        self._write(outcome[0], None)

    def _write(self, exit_code: int, error: str | None) -> None:
        text = json.dumps(self._fields(exit_code, error), indent=1, default=_plain)
        with complete_file(self.path) as part:
            part.write_text(text + "\n", encoding="utf-8")

    def _fields(self, exit_code: int, error: str | None) -> Fields:
        options = dataclasses.asdict(self.options)
        del options["overwrite"]  # decided before the work; the jobs show it
        return {
            "report": VERSION,
            "exit_code": exit_code,
            "error": error,
            "started": self._started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self._began, 3),
            "options": options,
            "jobs": list(self._jobs.values()),
            "versions": _versions(),
        }

    def _check(self, words: Sequence[str]) -> None:
        """Refuse at the start what would fail, or overwrite something, at the end."""
        name = f"--report {self.path}"
        if identity(str(self.path)) in {identity(word) for word in words}:
            raise OptionError(f"{name}: is the input or output itself")
        folder = self.path.parent
        if not folder.is_dir():
            raise OptionError(f"{name}: the folder {folder} doesn't exist")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OptionError(f"{name}: no permission to write into {folder}")
        if os.path.lexists(self.path) and not _is_report(self.path):
            raise OptionError(f"{name}: exists and is no report of vidcolor's; it is kept")


def _is_report(path: Path) -> bool:
    """Whether a file may be replaced: an earlier report, or an empty file."""
    try:
        if not path.is_file() or path.stat().st_size > _MAX_OWN_BYTES:
            return False
        text = path.read_text(encoding="utf-8")
        return not text or "report" in json.loads(text)
    except (OSError, ValueError, TypeError):
        return False


def _file(name: str) -> Fields:
    """Path and identity of an input or a result; of numbered files and pipes the path only."""
    from vidcolor.media.files.identity import file_identity

    found = None
    if name != STANDARD:
        with contextlib.suppress(OSError):  # the work itself reports that it can't be read
            found = file_identity(name)
    return {"path": name, **(dataclasses.asdict(found) if found else {})}


def _model(label: str, weights_dir: Path | None) -> Fields:
    """The network and the hash of the file that it came from; of a mix, those of its models."""
    from vidcolor.models.mixing import names_of
    from vidcolor.models.weights.store import weights_file

    names = names_of(label)
    if len(names) > 1:
        return {"name": label, "models": [_model(name, weights_dir) for name in names]}
    path, sha256 = weights_file(label, weights_dir=weights_dir) or (None, None)
    return {"name": label, "path": path, "sha256": sha256}


def _versions() -> Fields:
    """Versions of what did the work."""
    return {**versions(), "system": _system()}


def _system() -> str:
    return f"{platform.system()} {platform.release()} {platform.machine()}"


def _plain(value: object) -> str:
    """Rates as exact text, paths as text."""
    if isinstance(value, (Fraction, Path)):
        return str(value)
    raise TypeError(f"{value!r} can't be written as JSON")
