"""Pipes may stall: who reads or writes one waits no longer than until somebody asks to stop.

A thread inside ``read`` or ``write`` of a stalled pipe hears nothing. So the system is asked first
whether the pipe is ready, in short steps, and between them it is seen whether to go on. Where the
system can't be asked (Windows), reading and writing block as ever.
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
    """Within, pipes are opened such that waiting for them ends once one of ``events`` is set."""
    token = _asked.set(tuple(event for event in events if event is not None))
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
        """Whether the system can be asked."""
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
    """What asks the system about a stream, None where that isn't possible."""
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
        target: the stream; ``write`` raises ``Interrupted`` where it stalls and somebody asks to
            stop.
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
            # None: somebody else has set the pipe not to block, and been quicker
            rest = rest[self._target.write(rest[:_CHUNK_BYTES]) or 0 :]
        return view.nbytes

    def flush(self) -> None:
        """Empty Python's buffer, where there is one."""
        self._target.flush()
