"""What the engine tells while it works: a protocol, and the implementation that says nothing.

The engine knows nothing of terminals. It calls ``start`` once, ``advance`` as frames are *written*
(``skip`` for those that an earlier run has finished), ``message`` for the few lines that a user
must see while work goes on, and ``close`` at the end, also after an error.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Progress(Protocol):
    """Receiver of progress; called from one thread at a time; must not block long."""

    def start(self, total: int | None, unit: str, description: str) -> None:
        """Begin a job.

        Args:
            total: how many units are expected, from headers, so it may be wrong; None if unknown.
            unit: what is counted: "frames", "bytes".
            description: one short phrase for the user, such as the output's name.
        """

    def advance(self, n: int) -> None:
        """Count ``n`` more units as done (written, not merely read)."""

    def skip(self, n: int) -> None:
        """Count ``n`` more units as done by an earlier run: they say nothing about the speed."""

    def message(self, text: str) -> None:
        """Show one line to the user without disturbing the progress display."""

    def close(self) -> None:
        """End the job; calling it twice, or without ``start``, does nothing."""


class NullProgress:
    """A ``Progress`` that says nothing: the API's default."""

    def start(self, total: int | None, unit: str, description: str) -> None:
        """Do nothing."""

    def advance(self, n: int) -> None:
        """Do nothing."""

    def skip(self, n: int) -> None:
        """Do nothing."""

    def message(self, text: str) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
