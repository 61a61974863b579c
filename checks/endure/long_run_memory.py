"""How much memory a running vidcolor holds, again and again, beside the frames that it has done."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """The program at one moment, with all its children; megabytes are 10**6 bytes.

    Attributes:
        at_s: seconds since it was started.
        frames: frames written, as it last said.
        rss_mb: resident memory, the code of libraries included.
        pss_mb: the same, with what other programs share divided by their number: it moves when
            those come and go.
        own_mb: what of it is no file's: what the program itself has asked for.
        files: open descriptors.
    """

    at_s: float
    frames: int
    rss_mb: float
    pss_mb: float
    own_mb: float
    files: int


class Watcher:
    """Takes a ``Sample`` every ``every_s`` seconds; to be called often by ``running.run``."""

    def __init__(self, every_s: float) -> None:
        self.samples: list[Sample] = []
        self._every_s = every_s
        self._begin = self._due = time.monotonic()

    def __call__(self, pid: int, said: str) -> None:
        """Take a sample if one is due."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + self._every_s
        done = max(_frames_in(said), self.samples[-1].frames if self.samples else 0)
        pids = list(_family(pid))
        rss, pss, own = (
            round(sum(_memory_mb(p, field) for p in pids), 2)
            for field in ("Rss", "Pss", "Anonymous")
        )
        files = sum(_count_files(p) for p in pids)
        sample = Sample(round(now - self._begin, 1), done, rss, pss, own, files)
        if sample.rss_mb:  # 0 where it has just ended
            self.samples.append(sample)


def _frames_in(said: str) -> int:
    """The last count of frames in lines of ``--progress json``."""
    for line in reversed(said.splitlines()):
        try:
            event = json.loads(line)
        except ValueError:  # a line that is half there
            continue
        if event.get("event") == "progress" and event.get("unit") == "frames":
            return int(event["done"])
    return 0


def _family(pid: int) -> Iterator[int]:
    """A process and all that it started."""
    yield pid
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(c) for t in threads for c in (t / "children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield from _family(child)


def _memory_mb(pid: int, field: str) -> float:
    """A line of the kernel's sums over a process's memory; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(x.split()[1]) * 1024 / 1e6 for x in lines if x.startswith(f"{field}:")), 0.0)


def _count_files(pid: int) -> int:
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return 0
