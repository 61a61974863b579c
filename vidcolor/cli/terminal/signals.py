"""SIGINT, SIGTERM, SIGHUP: the first stops the run cleanly, the second ends the process."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

from vidcolor.errors import Interrupted

_DEBOUNCE_S: float = 0.5
"""``timeout`` and wrapper programs send one signal twice, within milliseconds."""


class Asked(KeyboardInterrupt):
    """A signal asks to stop.

    No plain KeyboardInterrupt: where one leaves an ``exec`` of text (dataclasses are made so, while
    a library loads), Python remembers it and at its end dies of SIGINT, whatever the exit code.
    """


class Stop:
    """Installs the signal handlers and keeps the first signal.

    Attributes:
        event: set by the first signal; the engine stops cleanly when it sees it.
        signum: the first signal that came, None before.
    """

    def __init__(self) -> None:
        self.event = threading.Event()
        self.signum: int | None = None
        self._when = 0.0
        self._patient = False
        self._before: dict[int, Any] = {}

    @property
    def exit_code(self) -> int:
        """130 after SIGINT, 143 after SIGTERM, as shells count."""
        return 128 + (self.signum or signal.SIGINT)

    def __enter__(self) -> Stop:
        """Take over the signals that aren't ignored (``nohup``, background jobs)."""
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGINT", "SIGTERM", "SIGHUP"):
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    @contextlib.contextmanager
    def patience(self) -> Iterator[threading.Event]:
        """Within, a signal only sets ``event``; elsewhere it raises ``Asked``."""
        self._patient = True
        try:
            yield self.event
        finally:
            self._patient = False

    def check(self) -> None:
        """Raise ``Interrupted`` if a signal has come."""
        if self.event.is_set():
            raise Interrupted(exit_code=self.exit_code)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.signum is None:
            self.signum, self._when = signum, now
            self.event.set()
            if not self._patient:
                # No Exception: libraries that swallow those must not swallow this.
                raise Asked
            self._answer(signum)
        elif now - self._when > _DEBOUNCE_S:
            signal.signal(signum, signal.SIG_DFL)
            os.kill(os.getpid(), signum)

    @staticmethod
    def _answer(signum: int) -> None:
        """Show that Ctrl-C has come; plain write(2) is safe inside a handler."""
        with contextlib.suppress(OSError, ValueError):
            if signum == signal.SIGINT and sys.stderr.isatty():
                os.write(2, b"\nstopping; Ctrl-C again ends at once\n")
