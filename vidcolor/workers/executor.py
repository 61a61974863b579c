"""What an executor of tasks offers: workers of some kind, wherever they run.

The scheduler gives a worker one task at a time and waits for events. Three executors keep this
protocol: ``in_process``, ``local`` (processes of this machine) and ``ray_pool`` (a cluster).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vidcolor.workers.tasks import ModelFacts, Result, Task


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker has loaded its model.

    Attributes:
        worker: its name, such as "2" or "10.0.0.7/1".
        facts: of its model.
    """

    worker: str
    facts: ModelFacts


@dataclass(frozen=True, slots=True)
class Advanced:
    """Frames of a task were written.

    Attributes:
        run: number of the run.
        frames: how many more.
    """

    run: int
    frames: int


@dataclass(frozen=True, slots=True)
class Done:
    """A task is done.

    Attributes:
        run: number of the run.
        result: what came of it.
    """

    run: int
    result: Result


@dataclass(frozen=True, slots=True)
class Failed:
    """A task can't be done.

    Attributes:
        run: number of the run; None where a worker couldn't begin at all.
        error: why.
    """

    run: int | None
    error: Exception


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker is gone, with the task that it had. Another one takes its place.

    Attributes:
        run: number of the run; None where it had none.
        reason: one phrase.
    """

    run: int | None
    reason: str


Event = Ready | Advanced | Done | Failed | Lost


class Executor(Protocol):
    """Workers; used from one thread, but for ``wake``."""

    @property
    def capacity(self) -> int:
        """How many workers there are, or will be once they have started."""
        ...

    @property
    def free(self) -> int:
        """How many of them wait for a task."""
        ...

    def start(self) -> None:
        """Start the workers; ``Ready`` events follow."""
        ...

    def submit(self, run: int, task: Task) -> str:
        """Give a task to a free worker.

        Args:
            run: a number that events name.
            task: what to do.

        Returns:
            The worker's name.
        """
        ...

    def cancel(self, run: int) -> None:
        """Stop a run whose result isn't needed any more; no event follows."""
        ...

    def events(self, timeout_s: float) -> list[Event]:
        """What has happened; waits so long for anything to happen."""
        ...

    def wake(self) -> None:
        """Let ``events`` return at once; from any thread."""
        ...

    def close(self) -> None:
        """End all workers, at once."""
        ...
