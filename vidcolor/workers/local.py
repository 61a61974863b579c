"""Workers that are processes of this machine.

They are started by multiprocessing's fork server, which has imported torch once for all, or, where
there is none (Windows), anew. A worker ends when the program ends, however it ends: it watches a
pipe that only the program holds open.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any

from vidcolor.errors import VidcolorError
from vidcolor.workers.early import worker_context
from vidcolor.workers.executor import Advanced, Done, Event, Failed, Lost, Ready
from vidcolor.workers.tasks import Setup, Task

logger = logging.getLogger(__name__)

_MAX_EARLY_DEATHS = 3
"""Workers in a row that die while they load their model, before that is taken for a fault."""


@dataclass(slots=True)
class _Process:
    """A worker's process.

    Attributes:
        name: for people.
        setup: with which it was started.
        process: the process.
        talk: both ways.
        life: kept open while the worker is wanted.
        run: number of the run that it works on, None for none.
        is_ready: it has loaded its model.
    """

    name: str
    setup: Setup
    process: BaseProcess
    talk: Connection
    life: Connection
    run: int | None = None
    is_ready: bool = False

    def end(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.join()
        self.talk.close()
        self.life.close()


class LocalWorkers:
    """Processes of this machine; keeps ``Executor``."""

    def __init__(self, setups: Sequence[Setup]) -> None:
        """Prepare one worker for each setup."""
        self._setups = tuple(setups)
        self._context: BaseContext = worker_context()
        self._workers: list[_Process] = []
        self._early_deaths = 0
        self._wake_in, self._wake_out = multiprocessing.Pipe(duplex=False)
        self._lock = threading.Lock()

    @property
    def capacity(self) -> int:
        """How many workers there are."""
        return len(self._setups)

    @property
    def free(self) -> int:
        """How many of them wait for a task."""
        return sum(each.is_ready and each.run is None for each in self._workers)

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers, for checks."""
        return [each.process.pid or 0 for each in self._workers]

    def start(self) -> None:
        """Start the workers."""
        for number, setup in enumerate(self._setups):
            self._workers.append(self._started(str(number + 1), setup))

    def submit(self, run: int, task: Task) -> str:
        """Give a task to a free worker."""
        worker = next(each for each in self._workers if each.is_ready and each.run is None)
        worker.run = run
        try:
            worker.talk.send((run, task))
        except OSError:  # it has just died: its end is noticed by ``events``
            logger.debug("worker %s was gone when it got run %d", worker.name, run)
        return worker.name

    def cancel(self, run: int) -> None:
        """End the worker that has a run, and start another in its place."""
        for at, worker in enumerate(self._workers):
            if worker.run == run:
                worker.end()
                self._workers[at] = self._started(worker.name, worker.setup)

    def events(self, timeout_s: float) -> list[Event]:
        """What has happened."""
        by_end: dict[Any, _Process] = {each.talk: each for each in self._workers}
        ready = wait([*by_end, self._wake_in], timeout_s)
        events: list[Event] = []
        for end in ready:
            if end is self._wake_in:
                self._drain_wake()
                continue
            worker = by_end[end]
            try:
                events.append(self._heard(worker, worker.talk.recv_bytes()))
            except (EOFError, OSError):
                events.append(self._replace(worker))
        return events

    def wake(self) -> None:
        """Let ``events`` return at once."""
        with self._lock:
            if not self._wake_in.poll():
                self._wake_out.send_bytes(b"!")

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    def _drain_wake(self) -> None:
        with self._lock:
            while self._wake_in.poll():
                self._wake_in.recv_bytes()

    def _started(self, name: str, setup: Setup) -> _Process:
        talk, theirs = multiprocessing.Pipe()
        watched, life = multiprocessing.Pipe(duplex=False)
        process = self._context.Process(  # type: ignore[attr-defined]
            target=serve, args=(theirs, watched, setup), name=f"vidcolor-{name}", daemon=True
        )
        process.start()
        theirs.close()
        watched.close()
        return _Process(name, setup, process, talk, life)

    def _heard(self, worker: _Process, data: bytes) -> Event:
        event: Event = pickle.loads(data)  # noqa: S301 - from our own child
        if isinstance(event, Ready):
            worker.is_ready, self._early_deaths = True, 0
            return Ready(worker.name, event.facts)
        if isinstance(event, (Done, Failed)):
            worker.run = None
        return event

    def _replace(self, worker: _Process) -> Event:
        """Start another worker in place of one that died."""
        run, was_ready = worker.run, worker.is_ready
        worker.end()
        code = worker.process.exitcode
        reason = f"worker {worker.name} ended ({_ending(code)})"
        self._early_deaths += not was_ready
        if self._early_deaths >= _MAX_EARLY_DEATHS:
            self._workers.remove(worker)
            return Failed(None, VidcolorError(f"{reason}, while it loaded its model"))
        self._workers[self._workers.index(worker)] = self._started(worker.name, worker.setup)
        return Lost(run, reason)


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"{name}, perhaps for want of memory" if name == "SIGKILL" else name
    return f"exit code {code}"


def serve(talk: Connection, life: Connection, setup: Setup) -> None:
    """A worker's process: do tasks until the program ends.

    Args:
        talk: tasks come in, events go out.
        life: closed when the program ends.
        setup: how to work.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the program's matter
    threading.Thread(target=_watch, args=(life,), daemon=True).start()
    lock = threading.Lock()

    def send(event: Event) -> None:
        with lock:
            talk.send_bytes(_pickled(event))

    from vidcolor.workers.worker import Worker

    try:
        worker = Worker(setup)
    except Exception as error:  # noqa: BLE001 - the program reports it
        send(Failed(None, error))
        return
    send(Ready("", worker.facts))
    while True:
        run, task = talk.recv()
        try:
            send(Done(run, worker.run(task, _counter(run, send))))
        except (Exception, MemoryError) as error:  # noqa: BLE001 - likewise
            send(Failed(run, error))


def _counter(run: int, send: Any) -> Any:  # noqa: ANN401 - two small functions
    return lambda frames: send(Advanced(run, frames))


def _watch(life: Connection) -> None:
    try:
        life.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)


def _pickled(event: Event) -> bytes:
    try:
        data = pickle.dumps(event)
        pickle.loads(data)  # noqa: S301 - our own
    except Exception:
        if not isinstance(event, Failed):
            raise
        kind, text = type(event.error).__name__, str(event.error)
        return pickle.dumps(Failed(event.run, RuntimeError(f"{kind}: {text}")))
    return data
