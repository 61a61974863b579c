"""Interruptible pipe I/O: poll every 100 ms, raise ``Interrupted`` when a stop event is set.

A thread that is blocked in ``read`` or ``write`` of a stalled pipe can't be stopped. So it first
polls until the pipe is ready, and checks the stop events between the polls. Where there is no
``poll`` (Windows), reading and writing block.
"""

from __future__ import annotations

import contextlib
import io
import select
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, BinaryIO, Final

from vidcolor.errors import Interrupted

_STEP_MS: Final = 100
_CHUNK_BYTES: Final = getattr(select, "PIPE_BUF", 512)
"""As many bytes as a pipe that is ready is sure to take at once."""

_asked: ContextVar[tuple[threading.Event, ...]] = ContextVar("asked_to_stop", default=())


@contextlib.contextmanager
def ended_by(*events: threading.Event | None) -> Iterator[None]:
    """Pipes opened in this context stop waiting once one of ``events`` is set.

    Events of a context around this one count too.
    """
    more = (event for event in events if event is not None)
    token = _asked.set((*_asked.get(), *more))
    try:
        yield
    finally:
        _asked.reset(token)


class Waiter:
    """Waits for one pipe; made where it is opened, used in any thread.

    Args:
        stream: the pipe; what has no descriptor, or can seek, is always taken for ready.
        writing: wait until it can be written, not read.
    """

    def __init__(self, stream: Any, *, writing: bool = False) -> None:  # noqa: ANN401 - any file
        self._events = _asked.get()
        self._poll = None if stream.seekable() else _poll(stream, writing)

    @property
    def can_wait(self) -> bool:
        """Whether the pipe can be polled."""
        return self._poll is not None

    def wait(self) -> None:
        """Return as soon as the pipe is ready, or has come to its end.

        Raises:
            Interrupted: one of the events is set.
        """
        if self._poll is None:
            return
        while True:
            if any(event.is_set() for event in self._events):
                raise Interrupted
            if self._poll.poll(_STEP_MS):
                return


def _poll(stream: Any, writing: bool) -> Any:  # noqa: ANN401 - "select.poll" is no type on Windows
    """A poll object for a stream, None where there is no ``poll`` or no descriptor."""
    if not hasattr(select, "poll"):
        return None
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError, io.UnsupportedOperation):
        return None
    found = select.poll()
    found.register(descriptor, select.POLLOUT if writing else select.POLLIN)
    return found


class StreamWriter(io.RawIOBase):
    """Standard output without ``seek``: libav then writes what can be read from a pipe.

    Args:
        target: the stream; ``write`` raises ``Interrupted`` where it stalls and a stop event
            is set.
    """

    def __init__(self, target: BinaryIO) -> None:
        self._waiter = Waiter(target, writing=True)
        target.flush()
        # Below Python's buffer, which would block when it is full.
        self._target: Any = getattr(target, "raw", target) if self._waiter.can_wait else target

    def writable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Never, even where the output is redirected into a file."""
        return False

    def write(self, data: object) -> int:
        """Pass on all bytes."""
        view = memoryview(data)  # type: ignore[arg-type]
        if not self._waiter.can_wait:
            self._target.write(view)
            return view.nbytes
        rest = view.cast("B")
        while len(rest):
            self._waiter.wait()
            # None: the pipe is set not to block, and another writer has filled it
            rest = rest[self._target.write(rest[:_CHUNK_BYTES]) or 0 :]
        return view.nbytes

    def flush(self) -> None:
        """Empty Python's buffer, where there is one."""
        self._target.flush()
