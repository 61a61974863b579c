"""Gives tasks to workers, does again what was lost or damaged, and has slow ones done twice."""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from vidcolor.errors import VidcolorError
from vidcolor.workers.executor import Advanced, Done, Event, Executor, Failed, Lost, Ready
from vidcolor.workers.tasks import ModelFacts, Result, SpanTask, Task

logger = logging.getLogger(__name__)

MAX_ATTEMPTS: Final = 4
"""How often a task is begun before its failing is taken for its own fault."""

SLOW_FACTOR: Final = 2.5
"""A task that takes so many times its expected time is given to an idle worker too."""

LATE_FACTOR: Final = 1.25
"""The same for a task that, as far as it has come by then, needs longer than if begun again."""

_LEAST_SLOW_S: Final = 2.0
_RATES: Final = 32


class Client(Protocol):
    """Whoever wants a task done; called in the scheduler's thread, must not block."""

    def done(self, result: Result) -> str | None:
        """Take the result.

        Returns:
            Why it can't be used, so that it is made again; None where it is good.
        """
        ...

    def failed(self, error: Exception) -> None:
        """The task can't be done."""
        ...

    def discarded(self, result: Result) -> None:
        """A second result came of the same task: it isn't needed."""
        ...


@dataclass(eq=False, slots=True)
class _Order:
    """A task, with what has become of it so far."""

    task: Task
    client: Client
    attempts: int = 0
    runs: dict[int, float] = field(default_factory=dict)
    shown: int = 0
    done_in: dict[int, int] = field(default_factory=dict)

    def lateness(self, rate: float, now: float) -> float:
        """How far the first run is overdue; from 1 on a second worker should begin.

        Args:
            rate: seconds that a frame usually takes.
            now: by the monotonic clock.
        """
        run, began = next(iter(self.runs.items()))
        passed, done = now - began, self.done_in[run]
        expected = max(rate * self.task.frames, _LEAST_SLOW_S)
        left = passed * (self.task.frames - done) / done if done else math.inf
        factor = LATE_FACTOR if left > expected else SLOW_FACTOR
        return passed / (factor * expected)


class Scheduler:
    """Runs tasks on an executor's workers.

    Attributes:
        facts: of the workers' model; None until the first worker is ready.
        is_met: set when they are known.
        lost: how many tasks a worker took with it, or came back damaged.
        twice: how many were given to a second worker because the first was slow.
        stopped: the error of a worker that couldn't begin; no task will be done any more.
    """

    def __init__(self, executor: Executor, *, advance: Callable[[int], None]) -> None:
        """Begin without tasks.

        Args:
            executor: not started yet.
            advance: told of frames that are done, each counted once.
        """
        self._executor, self._advance = executor, advance
        self._lock = threading.Lock()
        self._waiting: list[tuple[int, int, _Order]] = []
        self._running: dict[int, _Order] = {}
        self._numbers, self._places = itertools.count(), itertools.count()
        self._rates: deque[float] = deque(maxlen=_RATES)
        self.facts: ModelFacts | None = None
        self.is_met = threading.Event()
        self.lost = self.twice = 0
        self.stopped: Exception | None = None

    def put(self, task: Task, client: Client, *, last: bool = False) -> None:
        """Have a task done; from any thread.

        Args:
            task: what.
            client: gets the result.
            last: only when nothing else waits.
        """
        self._enter(_Order(task, client), 2 if last else 1)
        self._executor.wake()

    @property
    def backlog(self) -> int:
        """Tasks that wait for a worker, those put ``last`` not counted."""
        with self._lock:
            return sum(place[0] < 2 for place in self._waiting)

    def step(self, timeout_s: float = 0.2) -> None:
        """Give out what can be given out, and take in what has come."""
        self._give_out()
        for event in self._executor.events(timeout_s):
            self._take(event)

    def _enter(self, order: _Order, rank: int) -> None:
        with self._lock:
            heapq.heappush(self._waiting, (rank, next(self._places), order))

    def _give_out(self) -> None:
        while self._executor.free:
            with self._lock:
                order = heapq.heappop(self._waiting)[2] if self._waiting else None
            if order is None:
                order = self._slow_one()
                if order is None:
                    return
                self.twice += 1
            else:
                order.attempts += 1
            self._start(order)

    def _start(self, order: _Order) -> None:
        run = next(self._numbers)
        order.runs[run], order.done_in[run] = time.monotonic(), 0
        self._running[run] = order
        worker = self._executor.submit(run, order.task)
        logger.debug("run %d: %d frames to worker %s", run, order.task.frames, worker)

    def _slow_one(self) -> _Order | None:
        """The task that is most overdue, and that only one worker has."""
        if not self._rates:
            return None
        rate, now = statistics.median(self._rates), time.monotonic()
        late = {
            order: order.lateness(rate, now)
            for order in self._running.values()
            # photographs aren't: two workers can't write the same file at once
            if len(order.runs) == 1 and isinstance(order.task, SpanTask)
        }
        worst = max(late, key=lambda order: late[order], default=None)
        return worst if worst is not None and late[worst] > 1 else None

    def _take(self, event: Event) -> None:
        if isinstance(event, Ready):
            self._meet(event)
        elif isinstance(event, Advanced):
            self._count(event)
        elif isinstance(event, Done):
            self._finish(event)
        elif isinstance(event, Lost):
            logger.warning("%s%s", event.reason, "" if event.run is None else ": its task is lost")
            if event.run is not None:
                self._again(event.run, VidcolorError(event.reason))
        elif event.run is None:
            self.stopped = event.error
        else:
            self._fail(event)

    def _meet(self, event: Ready) -> None:
        facts = event.facts
        if self.facts is None:
            self.facts = facts
            self.is_met.set()
        elif (self.facts.dtype, self.facts.spec) != (facts.dtype, facts.spec):
            logger.warning(
                "worker %s computes in %s, not in %s: its colours differ by rounding",
                event.worker, facts.dtype, self.facts.dtype,
            )  # fmt: skip

    def _count(self, event: Advanced) -> None:
        """Frames are counted once, though a task may be done again."""
        order = self._running.get(event.run)
        if order is None:
            return
        order.done_in[event.run] += event.frames
        more = min(order.done_in[event.run], order.task.frames) - order.shown
        if more > 0:
            order.shown += more
            self._advance(more)

    def _finish(self, event: Done) -> None:
        order = self._running.pop(event.run, None)
        if order is None:
            return
        began = order.runs.pop(event.run)
        fault = order.client.done(event.result)
        if fault is not None:
            logger.warning("%s: it is made again", fault)
            self._running[event.run], order.runs[event.run] = order, began
            self._again(event.run, VidcolorError(fault))
            return
        if event.result.frames:
            self._rates.append((time.monotonic() - began) / event.result.frames)
        for run in list(order.runs):
            self._executor.cancel(run)
            self._running.pop(run, None)
        order.runs.clear()
        rest = order.task.frames - order.shown
        if rest > 0:
            self._advance(rest)

    def _again(self, run: int, reason: Exception) -> None:
        """A run came to nothing; unless another one has the same task, it is begun again."""
        order = self._running.pop(run, None)
        if order is None:
            return
        self.lost += 1
        order.runs.pop(run, None)
        if order.runs:
            return
        if order.attempts >= MAX_ATTEMPTS:
            order.client.failed(VidcolorError(f"given up after {MAX_ATTEMPTS} attempts: {reason}"))
            return
        self._enter(order, 0)

    def _fail(self, event: Failed) -> None:
        """What vidcolor says stands; what else goes wrong in a worker is tried once more."""
        order = self._running.get(event.run) if event.run is not None else None
        if order is None or event.run is None:
            return
        if isinstance(event.error, VidcolorError) or order.attempts > 1:
            self._running.pop(event.run)
            order.runs.pop(event.run, None)
            for run in order.runs:
                self._executor.cancel(run)
                self._running.pop(run, None)
            order.client.failed(event.error)
        else:
            logger.warning("a worker failed (%s): its task is begun again", event.error)
            self._again(event.run, event.error)
