"""SIGINT, SIGTERM, SIGHUP: the first stops the run cleanly, the second ends the process."""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

from vidcolor.errors import Interrupted

_DEBOUNCE_S: float = 0.5
"""``timeout`` and wrapper programs send one signal twice, within milliseconds."""

_IMPORT_RETRY_S: float = 0.05


class Asked(KeyboardInterrupt):
    """A signal asks to stop.

    No plain KeyboardInterrupt: where one leaves an ``exec`` of text (dataclasses are made so),
    Python remembers it and at its end dies of SIGINT, whatever the exit code.
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
        self._is_due = False
        self._is_retry = False
        self._retry: threading.Timer | None = None
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

    def __exit__(self, *exc: object) -> None:
        """Give the signals back."""
        if self._retry is not None:
            self._retry.cancel()
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    @contextlib.contextmanager
    def patience(self) -> Iterator[threading.Event]:
        """Within, a signal only sets ``event``; elsewhere it raises ``Asked``.

        A signal that comes during an import raises once that import has ended.
        """
        self._patient, self._is_due = True, False
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
        is_retry, self._is_retry = self._is_retry, False
        if self.signum is None:
            self.signum, self._when = signum, now
            self.event.set()
            self._is_due = not self._patient
            if self._patient:
                self._answer(signum)
        elif now - self._when > _DEBOUNCE_S and not is_retry:
            signal.signal(signum, signal.SIG_DFL)
            os.kill(os.getpid(), signum)
        if self._is_due:
            self._raise_outside_imports(signum, frame)

    def _raise_outside_imports(self, signum: int, frame: FrameType | None) -> None:
        """Raise ``Asked``, or have the handler called again while a module is being imported.

        An exception inside an import is unsafe: C++ extensions end the process by ``abort`` (torch
        does), and other modules swallow it.
        """
        if not _is_importing(frame):
            self._is_due = False
            # No Exception: libraries that swallow those must not swallow this.
            raise Asked
        else:
            self._retry = threading.Timer(_IMPORT_RETRY_S, self._send_again, [signum])
            self._retry.daemon = True
            self._retry.start()

    def _send_again(self, signum: int) -> None:
        """Send a signal so that it also ends a system call which the main thread waits in."""
        self._is_retry = True
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(threading.main_thread().ident or 0, signum)
        else:
            _thread.interrupt_main(signal.Signals(signum))

    @staticmethod
    def _answer(signum: int) -> None:
        """Show that Ctrl-C has come; plain write(2) is safe inside a handler."""
        with contextlib.suppress(OSError, ValueError):
            if signum == signal.SIGINT and sys.stderr.isatty():
                os.write(2, b"\nstopping; Ctrl-C again ends at once\n")


def _is_importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported at a frame or one of its callers."""
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False
