"""What workers attempted in a run: begins and ends of tasks, noted in a file that outlives it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidcolor.workers.executor import Done, Failed, Lost, Ready
from vidcolor.workers.tasks import SpanTask


@dataclass
class Attempt:
    """One task given to one worker; ``end`` is when it was done, or known to be lost."""

    index: int
    begin: float
    end: float = 0.0
    is_done: bool = False


class Attempts:
    """Reads such a file, and says what was lost.

    Attributes:
        all: attempts, in order of their begin.
    """

    def __init__(self, log: Path) -> None:
        self.all: list[Attempt] = []
        self._pauses = 0.0
        runs: dict[str, Attempt] = {}
        stopped: float | None = None
        for line in log.read_text().splitlines():
            at, what, *words = line.split()
            now = float(at)
            if what == "begin":
                runs[words[0]] = Attempt(int(words[1]), now)
                self.all.append(runs[words[0]])
                if stopped is not None:  # the program is at work again
                    self._pauses, stopped = self._pauses + now - stopped, None
            elif what in ("done", "lost") and words[0] in runs:
                runs[words[0]].end, runs[words[0]].is_done = now, what == "done"
            elif what == "killed":
                stopped = now
                for attempt in self.all:
                    attempt.end = attempt.end or now
                runs = {}
            elif what == "gone":
                stopped = now
            elif what == "ready" and stopped is not None:
                self._pauses, stopped = self._pauses + now - stopped, None

    @property
    def span_s(self) -> float:
        """Mean time of a span, of the attempts that counted."""
        good = self._good().values()
        return statistics.mean(each.end - each.begin for each in good)

    def lost_s(self, fault: str) -> float:
        """Seconds that a fault has cost.

        Of "slow" it is how long the others waited at the end. Of "node" what the node had begun, up
        to when its loss was known: meanwhile, and until another one joins, the others go on. Of all
        others also the time until what was killed is at work again.
        """
        good = self._good()
        if fault == "slow":
            ends = sorted(each.end for each in good.values())
            return ends[-1] - ends[-2] if len(ends) > 1 else 0.0
        vain = [each for each in self.all if good.get(each.index) is not each]
        # what several workers lose at once is lost once
        lost = max((each.end - each.begin for each in vain), default=0.0)
        return lost if fault == "node" else lost + self._pauses

    def _good(self) -> dict[int, Attempt]:
        """The attempt that counted, of each span."""
        return {each.index: each for each in self.all if each.is_done}

    @staticmethod
    def begun(log: Path) -> int:
        """How many attempts were begun so far."""
        return log.read_text().count(" begin ") if log.exists() else 0

    @staticmethod
    def note(executor: Any, log: Path) -> None:  # noqa: ANN401 - its methods are replaced
        """Have an executor note what it does."""
        submit, events, cancel = executor.submit, executor.events, executor.cancel
        say = _say_to(log)

        def noted_submit(run: int, task: Any) -> Any:  # noqa: ANN401
            say(f"begin {run} {task.index if isinstance(task, SpanTask) else -1}")
            return submit(run, task)

        def noted_cancel(run: int) -> None:
            say(f"lost {run}")
            cancel(run)

        def noted_events(timeout_s: float) -> Any:  # noqa: ANN401
            found = events(timeout_s)
            for event in found:
                if isinstance(event, Done):
                    say(f"done {event.run}")
                elif isinstance(event, (Lost, Failed)):
                    say(f"lost {event.run}")
                    say("gone")
                elif isinstance(event, Ready):
                    say("ready")
            return found

        executor.submit, executor.events, executor.cancel = noted_submit, noted_events, noted_cancel

    @staticmethod
    def note_killed(log: Path) -> None:
        """The program that wrote it was killed just now."""
        log.touch()
        _say_to(log)("killed")


def _say_to(log: Path) -> Callable[[str], None]:
    def say(text: str) -> None:
        with log.open("a") as out:
            out.write(f"{time.time():.3f} {text}\n")

    return say
