"""One worker in a thread of the program itself; for tests and debuggers."""

from __future__ import annotations

import queue
import threading

from vidcolor.workers.executor import Advanced, Done, Event, Failed, Ready
from vidcolor.workers.tasks import Setup, Task
from vidcolor.workers.worker import Worker


class InProcess:
    """A worker in a thread; keeps ``Executor``."""

    capacity = 1

    def __init__(self, setup: Setup) -> None:
        """Prepare it."""
        self._setup = setup
        self._tasks: queue.SimpleQueue[tuple[int, Task] | None] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="vidcolor-worker", daemon=True)
        self._is_free = False

    @property
    def free(self) -> int:
        """Whether the worker waits for a task."""
        return int(self._is_free)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, run: int, task: Task) -> str:
        """Give it a task."""
        self._is_free = False
        self._tasks.put((run, task))
        return "1"

    def cancel(self, run: int) -> None:
        """A thread can't be ended, and a single worker has no task twice."""

    def events(self, timeout_s: float) -> list[Event]:
        """What has happened."""
        found: list[Event] = []
        try:
            event = self._events.get(timeout=timeout_s)
            while True:
                if event is not None:
                    found.append(event)
                event = self._events.get_nowait()
        except queue.Empty:
            pass
        self._is_free |= any(isinstance(event, (Ready, Done, Failed)) for event in found)
        return found

    def wake(self) -> None:
        """Let ``events`` return at once."""
        self._events.put(None)

    def close(self) -> None:
        """End the thread after its task."""
        if self._thread.is_alive():
            self._tasks.put(None)
            self._thread.join()

    def _work(self) -> None:
        try:
            worker = Worker(self._setup)
        except Exception as error:  # noqa: BLE001 - the caller reports it
            self._events.put(Failed(None, error))
            return
        self._events.put(Ready("1", worker.facts))
        while (order := self._tasks.get()) is not None:
            run, task = order
            try:
                result = worker.run(task, lambda n, run=run: self._events.put(Advanced(run, n)))  # type: ignore[misc]
                self._events.put(Done(run, result))
            except Exception as error:  # noqa: BLE001 - likewise
                self._events.put(Failed(run, error))
        worker.close()
