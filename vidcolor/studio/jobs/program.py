"""One call of the program: started, listened to, stopped."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

_STOP_S: Final = 60.0
"""How long the program may take to stop before it is killed: it ends its current batch."""
_NICENESS: Final = 5
"""The page stays quick while jobs run."""

Event = dict[str, Any]


class Program:
    """A running ``vidcolor``; its events come by ``--progress json`` (docs/progress.md)."""

    def __init__(
        self,
        words: tuple[str, ...],
        *,
        log: Path,
        offline: bool,
        stdout: Path | None,
        on_event: Callable[[Event], None],
    ) -> None:
        """Start it.

        Args:
            words: its arguments.
            log: gets what it writes that is no event.
            offline: it may download nothing.
            stdout: gets its standard output.
            on_event: called from another thread with each event.
        """
        environment = {**os.environ, **({"VIDCOLOR_OFFLINE": "1"} if offline else {})}
        with contextlib.ExitStack() as stack:
            out = stack.enter_context(stdout.open("wb")) if stdout else subprocess.DEVNULL
            self._process = subprocess.Popen(
                [sys.executable, "-m", "vidcolor", *words],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE,
                env=environment, preexec_fn=_tie_to_parent if os.name == "posix" else None,
            )  # fmt: skip
        self.pid = self._process.pid
        self._log, self._on_event = log, on_event
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    def wait(self, seconds: float) -> int | None:
        """The exit code, None if it still runs after so many seconds."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._reader.join(5.0)
        return code

    def stop(self) -> int:
        """End it so that it keeps its finished parts; the exit code."""
        self._process.terminate()
        code = self.wait(_STOP_S)
        if code is None:
            self._process.kill()
            code = self._process.wait()
        return code

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def _listen(self) -> None:
        if self._process.stderr is None:
            return
        with self._log.open("ab") as log:
            for line in self._process.stderr:
                try:
                    event = json.loads(line)
                except ValueError:
                    log.write(line)
                    log.flush()
                    continue
                if isinstance(event, dict):
                    self._on_event(event)


def _tie_to_parent() -> None:
    """In the child: be nice, and end when the worker dies, however it dies."""
    os.nice(_NICENESS)
    if sys.platform == "linux":
        import ctypes
        import signal

        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
