"""A smoother around smoothers: each shot is smoothed on its own, dissolves are mixed of both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from vidcolor.temporal.blend import Blend, find_blend, mixed_colors
from vidcolor.temporal.flow import FlowEstimator
from vidcolor.temporal.smoother import Smoother, no_frames

REACH_FRAMES: Final = 20
"""Frames before and behind a dissolve's middle in which its ends are looked for: it may last about
36. The middle is reported up to 5 frames off."""
LEAST_REACH_FRAMES: Final = 10
"""Where fewer can wait, dissolves are left as the network colours them."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A frame that hasn't been smoothed; as ``Smoother.push`` gets it.

    Attributes:
        index: counted from the first that was ever pushed.
        plain: its lightness without any fade undone: a dissolve may look like one.
        is_dissolve: it is in the middle of one.
    """

    index: int
    plain: Tensor
    lightness: Tensor
    ab: Tensor
    second: float
    is_cut: bool
    is_dissolve: bool


@dataclass(slots=True)
class _Between:
    """A dissolve whose new shot has no colours yet.

    Attributes:
        frames: index of each frame between.
        lightness: ``(1, h, w)``, from the old shot's last frame to the new one's first.
        shares: of the new shot in these.
        old: smoothed ab of the first of them.
    """

    frames: list[int]
    lightness: list[Tensor]
    shares: tuple[float, ...]
    old: Tensor


class DissolveSmoother:
    """A ``Smoother`` that gives dissolves the mix of both shots' colours.

    Frames wait until ``reach`` later ones have come. So when the middle of a dissolve comes, its
    first half is still here; and the second half is awaited before anything is decided. Then the
    shots' own smoothers get only frames that show one shot. The frames between get their colours
    when those of the new shot's first frame are known. Three times ``reach`` frames wait at most,
    beside those in the shot's smoother. Where no dissolve is found, all is as without this.

    Attributes:
        mixed: indices of frames, counted from the first that was ever pushed, whose colours were
            mixed. To be emptied by the user.
    """

    def __init__(
        self, smoother: Callable[[], Smoother], *, reach: int, flow: FlowEstimator | None = None
    ) -> None:
        """Begin a span.

        Args:
            smoother: makes one for each shot that a dissolve begins, and for what is before it.
            reach: frames before and behind a dissolve's middle that may belong to it.
            flow: the flow estimator; DIS unless given.
        """
        self._make, self._reach = smoother, reach
        self._flow = flow or FlowEstimator()
        self._inner = smoother()
        self._line: list[_Held] = []
        self._between: _Between | None = None
        self._pushed = 0
        self._dissolves: set[int] = set()
        self._plain: dict[int, Tensor] = {}
        self.mixed: set[int] = set()

    def announce(
        self, index: int, *, is_dissolve: bool = False, plain: Tensor | None = None
    ) -> None:
        """Say, before it is pushed, what else is known of a frame.

        Args:
            index: of the frame, counted from the first that is ever pushed.
            is_dissolve: it begins a shot in the middle of a dissolve.
            plain: its lightness before a fade was undone, ``(1, h, w)``.
        """
        if is_dissolve:
            self._dissolves.add(index)
        if plain is not None:
            self._plain[index] = plain

    @torch.no_grad()
    def push(
        self, lightness: Tensor, ab: Tensor, seconds: Sequence[float], cuts: Sequence[bool]
    ) -> Tensor:
        """Take frames; return those that are ready, see ``Smoother``."""
        for seen, own, second, is_cut in zip(lightness, ab, seconds, cuts, strict=True):
            index, self._pushed = self._pushed, self._pushed + 1
            plain = self._plain.pop(index, seen)
            self._line.append(
                _Held(index, plain, seen, own, second, is_cut, index in self._dissolves)
            )
            self._dissolves.discard(index)
        return _together(self._advance(at_end=False))

    @torch.no_grad()
    def flush(self) -> Tensor:
        """The frames that still wait."""
        ready = self._advance(at_end=True)
        ready += self._smooth(self._line)
        self._line = []
        return _together([*ready, *self._given(self._inner.flush())])

    def _advance(self, *, at_end: bool) -> list[Tensor]:
        ready: list[Tensor] = []
        while (middle := self._middle()) is not None:
            begin, end = self._shots_around(middle)
            if not at_end and end == len(self._line) <= middle + self._reach:
                break
            end = min(end, middle + self._reach + 1)
            begin = max(begin, middle - self._reach)
            found = find_blend([each.plain for each in self._line[begin:end]], middle - begin)
            if found:
                ready += self._dissolve(begin, found)
            else:  # none whose ends are known: it stays a cut
                self._line[middle] = replace(self._line[middle], is_dissolve=False)
        free = len(self._line) - self._reach if middle is None else middle - self._reach
        if free > 0:
            ready += self._smooth(self._line[:free])
            del self._line[:free]
        return ready

    def _middle(self) -> int | None:
        """Index in the line of the first dissolve's middle."""
        return next((n for n, each in enumerate(self._line) if each.is_dissolve), None)

    def _shots_around(self, middle: int) -> tuple[int, int]:
        """Where the shot before it begins in the line, and where the one behind it ends."""
        cuts = [n for n, each in enumerate(self._line) if each.is_cut and n != middle]
        begin = max((n for n in cuts if n < middle), default=0)
        return begin, min((n for n in cuts if n > middle), default=len(self._line))

    def _dissolve(self, begin: int, found: Blend) -> list[Tensor]:
        """End the old shot, and begin the new one with its first frame that shows it alone."""
        last, first = begin + found.last, begin + found.first
        ready = self._smooth(self._line[: last + 1])
        ready += self._given(self._inner.flush())
        self._inner = self._make()
        part = self._line[last : first + 1]
        self._between = _Between(
            [each.index for each in part[1:-1]], [each.plain for each in part],
            found.shares, ready[-1][-1],
        )  # fmt: skip
        self._line[: first + 1] = [replace(part[-1], is_cut=True, is_dissolve=False)]
        return ready

    def _smooth(self, frames: Sequence[_Held]) -> list[Tensor]:
        if not frames:
            return []
        return self._given(
            self._inner.push(
                torch.stack([each.lightness for each in frames]),
                torch.stack([each.ab for each in frames]),
                [each.second for each in frames],
                [each.is_cut for each in frames],
            )
        )

    def _given(self, ab: Tensor) -> list[Tensor]:
        """What a shot's smoother gave, behind the dissolve that waited for it."""
        if not len(ab):
            return []
        waited, self._between = self._between, None
        if waited is None:
            return [ab]
        self.mixed.update(waited.frames)
        mixed = mixed_colors(waited.lightness, waited.old, ab[0], waited.shares, self._flow)
        return [mixed, ab]


def _together(parts: list[Tensor]) -> Tensor:
    return torch.cat(parts) if parts else no_frames()
