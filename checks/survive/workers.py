"""A worker process that is watched, and restarted after a crash, a hang or too much memory."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

Row = dict[str, Any]

_LIFE = 300
"""Jobs after which a worker is replaced, so that one job's leak doesn't hurt another."""
_START_S = 60.0
_POLL_S = 0.05
_PATIENCE = 20


class Worker:
    """One ``mutation_worker.py`` at a time; a context manager.

    Args:
        folder: its own temporary files go here, and are looked for after each job.
        timeout_s: processor time for one job; twenty times as much may pass on the clock, where
            the machine does other things too, or the job only waits.
        bound_mb: memory above that of the idle process after which it is killed.
    """

    def __init__(self, folder: Path, *, timeout_s: float, bound_mb: int) -> None:
        self.folder, self.timeout_s, self.bound_mb = folder, timeout_s, bound_mb
        self.restarts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._jobs = 0
        self._idle_mb = 0.0
        self._buffer = b""
        folder.mkdir(parents=True, exist_ok=True)

    def run(self, job: Row) -> Row:
        """Have one job done; a fault is in "fault" ("CRASH", "TIME-OUT", "MEMORY")."""
        if self._process is None or self._jobs >= _LIFE:
            self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        self._jobs += 1
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        self._process.stdin.flush()
        ran = self._answer(self.timeout_s)
        if "fault" in ran:
            return ran
        done = self._answer(self.timeout_s)
        if "fault" in done:  # plain PyAV, not vidcolor, failed to read it
            return {**ran, "made": [], "truth": {"error": done["fault"]}, "result": None}
        return done

    def strays(self) -> list[str]:
        """Temporary files that were left; they are removed."""
        found = sorted(path for path in self.folder.iterdir() if path.name != "stderr")
        for path in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return [path.name for path in found]

    def __enter__(self) -> Self:
        """Return itself; the process starts with the first job."""
        return self

    def __exit__(self, *exc: object) -> None:
        """End the process."""
        self._end()

    def _start(self) -> None:
        self._end()
        program = Path(__file__).with_name("mutation_worker.py")
        env = {**os.environ, "TMPDIR": str(self.folder), "PYTHONWARNINGS": "ignore"}
        with open(self.folder / "stderr", "wb") as said:
            self._process = subprocess.Popen(
                [sys.executable, str(program), str(2 * self.bound_mb)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                env=env,
            )
        self.restarts += 1
        self._jobs, self._buffer = 0, b""
        if "ready" not in self._answer(_START_S):
            raise RuntimeError(f"the worker doesn't start: {self._last_words()}")
        self._idle_mb = self._resident_mb()

    def _answer(self, timeout_s: float) -> Row:
        """The next line; or a fault, after which the process is gone."""
        assert self._process is not None
        assert self._process.stdout is not None
        deadline = time.monotonic() + _PATIENCE * timeout_s
        end_s = self._processor_s() + timeout_s
        while b"\n" not in self._buffer:
            if time.monotonic() > deadline or self._processor_s() > end_s:
                return self._fault("TIME-OUT")
            if self._resident_mb() - self._idle_mb > self.bound_mb and self._jobs:
                return self._fault("MEMORY")
            if select.select([self._process.stdout], [], [], _POLL_S)[0]:
                data = os.read(self._process.stdout.fileno(), 1 << 20)
                if not data:
                    return self._fault("CRASH")
                self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: Row = json.loads(line)
        return answer

    def _fault(self, name: str) -> Row:
        if name == "TIME-OUT" and self._process is not None:
            self._process.send_signal(signal.SIGABRT)  # faulthandler says where it hung
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
        self._end()
        return {"fault": name, "said": self._last_words(), "exit": None, "made": []}

    def _last_words(self) -> str:
        return (self.folder / "stderr").read_text(encoding="utf-8", errors="replace")[-3000:]

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.communicate()
        self._process = None

    def _processor_s(self) -> float:
        """Processor time that the process has taken, all its threads together."""
        assert self._process is not None
        try:
            status = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii")
        except OSError:
            return 0.0
        user, system = status.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def _resident_mb(self) -> float:
        assert self._process is not None
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        except OSError:
            return 0.0
        line = next((x for x in status.splitlines() if x.startswith("VmRSS")), "VmRSS: 0 kB")
        return int(line.split()[1]) * 1024 / 1e6
