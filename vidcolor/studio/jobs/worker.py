"""``python -m vidcolor.studio.jobs.worker STORE DEVICE``: does the jobs of one device, one by one.

The program itself does the work, in a process of its own. A worker ends with the server: its
standard input is a pipe whose other end the server holds. Then, or after a crash, the next worker
begins the job again, and the program goes on from its finished parts (docs/resume.md).
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from filelock import FileLock

from vidcolor.studio.database import Database
from vidcolor.studio.jobs.commands import Run, report_path, runs_of
from vidcolor.studio.jobs.job import Job
from vidcolor.studio.jobs.listening import Listener, sizes, summary
from vidcolor.studio.jobs.program import Program
from vidcolor.studio.jobs.queue import Queue
from vidcolor.studio.jobs.results import clip_estimate, results_in

logger = logging.getLogger(__name__)

_POLL_S: Final = 0.25
_LOCK_S: Final = 90.0
"""An earlier server's worker may still be stopping its program."""
_STOPPED: Final = frozenset({130, 143, -15, 129})


class Worker:
    """Takes jobs from the queue until the server is gone."""

    def __init__(self, store: Path, device: str, *, offline: bool) -> None:
        """Work on the queue of a studio's folder."""
        self._store, self._device, self._offline = store, device, offline
        self._queue = Queue(Database(store / "studio.sqlite"))
        self._gone = threading.Event()
        self._program: Program | None = None

    def run(self) -> None:
        """Work."""
        threading.Thread(target=self._watch_server, daemon=True).start()
        safe = self._device.replace(":", "_").replace(",", "_")
        with FileLock(self._store / f"worker-{safe}.lock", timeout=_LOCK_S):
            for key in self._queue.recover((self._device,)):
                logger.info("job %s goes on", key)
            while not self._gone.is_set():
                job = self._queue.claim(self._device)
                if job is None:
                    self._gone.wait(_POLL_S)
                else:
                    self._do(job)

    def _watch_server(self) -> None:
        """Wait for the end of standard input: the server is gone, and so everything ends."""
        with contextlib.suppress(OSError, ValueError):
            while os.read(0, 4096):
                pass
        self._gone.set()

    def _do(self, job: Job) -> None:
        folder = self._store / "jobs" / job.id
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        listener = Listener(job.spec, lambda progress: self._queue.tell(job.id, progress))
        state: Any = "failed"
        try:
            state = self._run_all(job, folder, listener)
        except Exception as error:
            logger.exception("job %s", job.id)
            listener.errors.append(f"the worker failed: {type(error).__name__}")
        if state is not None:
            self._queue.end(job.id, state, self._outcome(job, folder, listener))

    def _run_all(self, job: Job, folder: Path, listener: Listener) -> str | None:
        """The state that the job ends in; None where the server is gone and it will go on."""
        if job.attempts > 1 and job.spec.output and os.path.exists(job.spec.output):
            # nobody else writes to that name, and the program gives it to whole films only
            return "done"
        failed = False
        for run in runs_of(job.spec, folder, self._device):
            code = self._run_one(job, run, folder, listener)
            if code is None:
                return None
            wish = self._queue.wish_of(job.id)
            # also where it had to be killed: its batch took longer than a stop may
            if (code in _STOPPED or code < 0) and wish:
                return {"pause": "paused", "cancel": "cancelled"}[wish]
            failed = failed or code != 0
            if code < 0 and not listener.errors:
                listener.errors.append(f"the program was ended by signal {-code} (out of memory?)")
            if failed and job.spec.kind == "clip":
                break
        return "failed" if failed else "done"

    def _run_one(self, job: Job, run: Run, folder: Path, listener: Listener) -> int | None:
        def hear(event: dict[str, Any]) -> None:
            if run.counts or event.get("event") == "error":
                listener.hear(event)

        program = Program(
            run.words, log=folder / "program.log", offline=self._offline, stdout=run.stdout,
            on_event=hear,
        )  # fmt: skip
        while (code := program.wait(_POLL_S)) is None:
            if self._gone.is_set():
                program.stop()
                return None
            if self._queue.wish_of(job.id):
                return program.stop()
        return code

    def _outcome(self, job: Job, folder: Path, listener: Listener) -> dict[str, Any]:
        found: dict[str, Any] = {
            "results": sizes(results_in(job.spec, folder, listener.results)),
            "warnings": listener.warnings,
            "errors": listener.errors,
            "summary": summary(listener.done),
            "report": report_path(folder, 0).is_file(),
        }
        if job.spec.kind == "clip" and found["results"]:
            found["estimate"] = clip_estimate(found["results"], listener.done)
        return found


def main() -> None:
    """Run a worker; its arguments are STORE DEVICE [offline]."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    store, device, *more = sys.argv[1:]
    try:
        Worker(Path(store), device, offline="offline" in more).run()
    except Exception:
        logger.exception("worker of %s", device)
        time.sleep(1.0)  # the server starts the next one: not in a tight loop
        sys.exit(1)


if __name__ == "__main__":
    main()
