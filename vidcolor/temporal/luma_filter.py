"""Filters on luma: between the reader and the colouring, before frames wait for their colours.

A filter may replace code values (repair), or set how a frame's exposure is changed in the output
(deflicker). What it gives out is what the network sees and what the colours are joined with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from vidcolor.temporal.exposure import MAX_OUTPUT_OFFSET, Correction, within
from vidcolor.types import LumaFrame


@dataclass(frozen=True, slots=True)
class MarkedFrame:
    """A frame with what the shot plan says of it.

    Attributes:
        frame: the luma.
        number: of the frame in the film, from 0.
        begins_shot: it is the first of a shot.
        correction: of its exposure, as measured on the source.
        is_dissolve: that shot begins by a dissolve, of which this is the middle.
    """

    frame: LumaFrame
    number: int
    begins_shot: bool
    correction: Correction = Correction()
    is_dissolve: bool = False


class LumaFilter(Protocol):
    """Takes the frames of a film in order and gives them back in order, perhaps later, changed.

    It must give back every frame, with its number, time stamps and size. What comes out for a
    frame may depend on ``memory_frames`` frames before it and ``look_ahead_frames`` after it, in
    the same shot, and on the marks; never on how frames were batched. So a span of the film can
    be computed alone, and there is no other state to keep: what has to be known of more of the
    past is measured by the shot plan and stands in the marks.

    Attributes:
        name: what it does, with its settings; part of the key by which runs are resumed.
        memory_frames: earlier frames that count.
        look_ahead_frames: frames that it may hold back at once.
    """

    @property
    def name(self) -> str:
        """What it does, with its settings."""
        ...

    @property
    def memory_frames(self) -> int:
        """Earlier frames that count."""
        ...

    @property
    def look_ahead_frames(self) -> int:
        """Frames that it may hold back at once."""
        ...

    def push(self, frames: Sequence[MarkedFrame]) -> list[MarkedFrame]:
        """Take frames; return those that are ready, in order."""
        ...

    def flush(self) -> list[MarkedFrame]:
        """The frames that are still held: the film, or the part that is wanted, is at its end."""
        ...


class FilterChain:
    """Several filters, one after the other; a ``LumaFilter`` itself."""

    def __init__(self, filters: Sequence[LumaFilter] = ()) -> None:
        self._filters = tuple(filters)
        self._next: int | None = None
        self._held: dict[int, LumaFrame] = {}

    @property
    def name(self) -> str:
        """The names of all."""
        return ", ".join(each.name for each in self._filters)

    @property
    def memory_frames(self) -> int:
        """Of all together."""
        return sum(each.memory_frames for each in self._filters)

    @property
    def look_ahead_frames(self) -> int:
        """Of all together."""
        return sum(each.look_ahead_frames for each in self._filters)

    def push(self, frames: Sequence[MarkedFrame]) -> list[MarkedFrame]:
        """Take frames; return those that have been through all filters.

        Raises:
            ValueError: a filter lost, repeated or moved a frame, or holds back too many.
        """
        if not self._filters:
            return list(frames)
        for marked in frames:
            self._held[marked.number] = marked.frame
        ready = self._through(frames, 0)
        if len(self._held) - len(ready) > self.look_ahead_frames:
            raise ValueError(f"more than {self.look_ahead_frames} frames are held by: {self.name}")
        return self._checked(ready)

    def flush(self) -> list[MarkedFrame]:
        """The frames that are still held.

        Raises:
            ValueError: a filter lost, repeated or moved a frame.
        """
        ready: list[MarkedFrame] = []
        for at, each in enumerate(self._filters):
            ready += self._through(each.flush(), at + 1)
        ready = self._checked(ready)
        if self._held:
            raise ValueError(f"{len(self._held)} frames were lost by: {self.name}")
        return ready

    def _through(self, frames: Sequence[MarkedFrame], first: int) -> list[MarkedFrame]:
        for each in self._filters[first:]:
            frames = each.push(frames)
        return list(frames)

    def _checked(self, ready: list[MarkedFrame]) -> list[MarkedFrame]:
        for marked in ready:
            source = self._held.pop(min(self._held, default=-1), None)
            now = marked.frame
            if source is None or (now.pts, now.time_base, now.luma.shape, now.luma.dtype) != (
                source.pts,
                source.time_base,
                source.luma.shape,
                source.luma.dtype,
            ):
                raise ValueError(
                    f"frame {marked.number} was lost, repeated or moved by {self.name}"
                )
        return ready


class Deflicker:
    """Takes flicker of the exposure out of the output, for those who ask for it.

    Per frame one smooth curve on L*, see ``shift_exposure``, bounded in strength. The network sees
    the source's lightness, whose exposure is evened out for it in any case.
    """

    name = "deflicker"
    memory_frames = 0
    look_ahead_frames = 0

    def push(self, frames: Sequence[MarkedFrame]) -> list[MarkedFrame]:
        """Set the change of exposure of each frame; every frame is ready at once."""
        return [self._set(marked) for marked in frames]

    def flush(self) -> list[MarkedFrame]:
        """No frame is ever held."""
        return []

    def _set(self, marked: MarkedFrame) -> MarkedFrame:
        offset = within(marked.correction.offset, MAX_OUTPUT_OFFSET)
        return replace(marked, frame=replace(marked.frame, exposure=offset)) if offset else marked
