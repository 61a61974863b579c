"""What the endpoints work with: database, uploads, queue, looking processes, workers."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from vidcolor.studio.database import Database
from vidcolor.studio.errors import Conflict, StudioError
from vidcolor.studio.files.sources import Source, Sources
from vidcolor.studio.files.uploads import Uploads
from vidcolor.studio.jobs.queue import Queue
from vidcolor.studio.look.looker import Looker
from vidcolor.studio.settings import StudioSettings

logger = logging.getLogger(__name__)

_SWEEP_S: Final = 600.0
_WATCH_S: Final = 1.0
_MAX_PICTURES: Final = 3000
"""Pictures that are kept so that they need not be made again."""
_SHORT_FRAMES: Final = 1500
"""A minute of film: read within seconds, so it needs no process of its own."""
_SHOTS_S: Final = 6 * 3600.0
"""A film is read once for its shots; long ones take long."""


class Studio:
    """The state behind the endpoints; start and stop it around the server."""

    def __init__(self, settings: StudioSettings) -> None:
        """Open the store.

        Raises:
            Conflict: another server works on it.
        """
        self.settings = settings
        store = settings.store
        store.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = FileLock(store / "server.lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise Conflict(f"{store}: another studio works on this folder") from None
        self.pictures = store / "pictures"
        self.pictures.mkdir(mode=0o700, exist_ok=True)
        (store / "jobs").mkdir(mode=0o700, exist_ok=True)
        self.database = Database(store / "studio.sqlite")
        self.uploads = Uploads(self.database, store / "uploads", settings.limits)
        self.sources = Sources(settings.folders, self.uploads)
        self.queue = Queue(self.database, most=settings.limits.waiting_jobs)
        self.facts = Looker("facts", store)
        self.colors = Looker("colors", store)
        self.plans = Looker("plans", store)
        self.shots_progress: dict[str, dict[str, Any]] = {}
        self._shots: dict[str, asyncio.Task[Any]] = {}
        self._known: dict[str, Any] = {}
        self._models: list[dict[str, Any]] = []
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    # -- life ----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start workers, and what runs beside the server."""
        self._tasks = [
            asyncio.create_task(self._keep_workers()), asyncio.create_task(self._keep_swept()),
            asyncio.create_task(self._warm_up()),
        ]  # fmt: skip

    async def stop(self) -> None:
        """End everything; running jobs go on at the next start."""
        for task in (*self._tasks, *self._shots.values()):
            task.cancel()
        for worker in self._workers.values():
            if worker.stdin is not None:
                worker.stdin.close()
        for looker in (self.facts, self.colors, self.plans):
            await looker.close()
        for worker in self._workers.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(worker.wait, 70.0)
        self._lock.release()

    async def _keep_workers(self) -> None:
        """Start a worker per device, and another where one has died."""
        while True:
            for device in self.settings.devices:
                worker = self._workers.get(device)
                if worker is None or worker.poll() is not None:
                    self._workers[device] = self._start_worker(device)
            await asyncio.sleep(_WATCH_S)

    def _start_worker(self, device: str) -> subprocess.Popen[bytes]:
        words = [] if self.settings.allow_downloads else ["offline"]
        with (self.settings.store / "worker.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "vidcolor.studio.jobs.worker",
                 str(self.settings.store), device, *words],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log,
            )  # fmt: skip

    async def _warm_up(self) -> None:
        """Load the libraries before the first visitor asks for a picture."""
        with contextlib.suppress(StudioError):
            await self.models()
            await self.colors.ask("models", limit_s=self.settings.limits.look_s)

    async def _keep_swept(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.sweep)
            except OSError:
                logger.exception("sweeping")
            await asyncio.sleep(_SWEEP_S)

    def sweep(self) -> None:
        """Remove what nobody has used for long."""
        self.uploads.sweep(self.queue.needed_uploads())
        before = time.time() - self.settings.limits.keep_hours * 3600
        for job in self.queue.ended_before(before):
            shutil.rmtree(self.job_folder(job.id) / "results", ignore_errors=True)
        pictures = sorted(self.pictures.iterdir(), key=lambda path: path.stat().st_mtime)
        for path in pictures[: max(0, len(pictures) - _MAX_PICTURES)]:
            path.unlink(missing_ok=True)

    async def models(self) -> list[dict[str, Any]]:
        """Models that are known by name: title, licence, whether they are installed."""
        if not self._models:
            self._models = await self.facts.ask("models", limit_s=self.settings.limits.look_s)
        return self._models

    async def model_names(self) -> set[str]:
        """Their names."""
        return {str(model["name"]) for model in await self.models()}

    # -- looks ---------------------------------------------------------------------------------

    def job_folder(self, key: str) -> Path:
        """The own folder of a job."""
        return self.settings.store / "jobs" / key

    async def info(self, source: Source) -> dict[str, Any]:
        """What a file holds; read once per state of the file."""
        stamp = _stamp(source.path)
        if stamp not in self._known:
            if len(self._known) > _MAX_PICTURES:
                self._known.clear()
            self._known[stamp] = await self.facts.ask(
                "info", limit_s=self.settings.limits.look_s, path=str(source.path)
            )
        return {"source": source.id, **self._known[stamp], "name": source.name}

    async def picture(self, task: str, source: Source, suffix: str, **wanted: Any) -> Path:  # noqa: ANN401
        """A picture of a file, as JPEG or PNG; made once per state of the file and wish."""
        key = hashlib.sha256(
            json.dumps([task, _stamp(source.path), wanted], sort_keys=True).encode()
        ).hexdigest()[:40]
        path = self.pictures / f"{key}{suffix}"
        if not path.is_file():
            looker = self.colors if wanted.get("colored") else self.facts
            await looker.ask(
                task, limit_s=self.settings.limits.look_s,
                path=str(source.path), output=str(path), **wanted,
            )  # fmt: skip
        return path

    async def shots(self, source: Source) -> list[dict[str, Any]] | None:
        """The shots of a film; None while it is being read, see ``shots_progress``."""
        stamp = _stamp(source.path)
        task = self._shots.get(stamp)
        if task is None:
            self.shots_progress[stamp] = {"done": 0, "total": None}
            task = asyncio.create_task(self._read_shots(stamp, source))
            self._shots[stamp] = task
            # short films are read within the request
            await asyncio.wait([task], timeout=0.5)
        if not task.done():
            return None
        if task.cancelled() or task.exception() is not None:
            del self._shots[stamp]
        found: list[dict[str, Any]] = task.result()
        return found

    async def all_shots(self, source: Source) -> list[dict[str, Any]]:
        """The shots of a film, when it has been read for them."""
        while (found := await self.shots(source)) is None:
            await asyncio.wait([self._shots[_stamp(source.path)]])
        return found

    def shots_done(self, source: Source) -> dict[str, Any]:
        """How far the reading for shots is: frames ``done`` of ``total``."""
        return self.shots_progress.get(_stamp(source.path), {})

    async def _read_shots(self, stamp: str, source: Source) -> Any:  # noqa: ANN401
        cache = self.pictures / f"shots-{hashlib.sha256(stamp.encode()).hexdigest()[:40]}.json"
        frames = (await self.info(source)).get("frames")
        # a long film must not keep others from seeing what is in theirs
        looker = self.facts if frames and frames <= _SHORT_FRAMES else self.plans
        return await looker.ask(
            "shots", limit_s=_SHOTS_S, path=str(source.path), cache=str(cache),
            on_progress=lambda progress: self.shots_progress.update({stamp: progress}),
        )  # fmt: skip


def _stamp(path: Path) -> str:
    """A file in one state."""
    status = os.stat(path)
    return f"{path}:{status.st_size}:{status.st_mtime_ns}"
