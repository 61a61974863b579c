"""A filter on luma that sees some frames before and after each one, within its shot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

from vidcolor.temporal import MarkedFrame

T = TypeVar("T")


class WindowFilter(ABC, Generic[T]):
    """Holds what is known of the frames around the next one; a ``LumaFilter`` but for its name.

    Attributes:
        memory_frames: frames before each that are kept.
        look_ahead_frames: frames after each that are waited for.
    """

    memory_frames: int
    look_ahead_frames: int

    def __init__(self) -> None:
        """Start without frames."""
        self._held: list[T] = []
        self._done = 0

    def push(self, frames: Sequence[MarkedFrame]) -> list[MarkedFrame]:
        """Take frames; return those whose later neighbours are known."""
        ready: list[MarkedFrame] = []
        for marked in frames:
            if marked.begins_shot:
                ready += self.flush()
            self._held.append(self._seen(marked))
            if len(self._held) - self._done > self.look_ahead_frames:
                ready.append(self._next())
        return ready

    def flush(self) -> list[MarkedFrame]:
        """The frames that are still held; their shot is over."""
        ready = [self._next() for _ in range(len(self._held) - self._done)]
        self._held, self._done = [], 0
        return ready

    def _next(self) -> MarkedFrame:
        made = self._made(self._done)
        if self._done == self.memory_frames:
            del self._held[0]
        else:
            self._done += 1
        return made

    @abstractmethod
    def _seen(self, marked: MarkedFrame) -> T:
        """What is kept of a frame that comes."""

    @abstractmethod
    def _made(self, at: int) -> MarkedFrame:
        """The result for ``self._held[at]``, from what is held."""
