"""Repair of films, a filter on luma: dust by comparing frames, scratches by their persistence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.repair.dust import (
    Codes,
    Motion,
    Registered,
    Way,
    cuttings,
    facts,
    find_blobs,
    judge,
    likely,
    mask_of,
)
from vidcolor.repair.network import Mask, Repairer, load_dust_net, load_repairer
from vidcolor.repair.photo import threshold
from vidcolor.repair.scratches import (
    Line,
    Stripes,
    fill_from_sides,
    find_lines,
    stripes_of,
)
from vidcolor.repair.scratches import mask_of as mask_of_line
from vidcolor.repair.window import WindowFilter
from vidcolor.temporal import MarkedFrame
from vidcolor.types import LumaFrame, Plane

REACH_FRAMES: int = 3
"""Frames before and after that are looked at."""

_SAME = 0.75
"""Mean difference in codes of 8 bits below which a frame repeats the one beside it."""
_DISAGREE = 20.0
"""Codes of 8 bits by which the neighbours may differ where they fill together."""
_DOUBT = 0.25
"""Share of the usual doubt that a blob may leave in a shot's first or last frame: there, what
something that moves will cover looks like dust too. With a quarter, false blobs are as rare as
elsewhere."""
_MOVES_PX = 6.0
"""Motion along rows, over the frames around, from which on a scene moves under a scratch: three
times as far as that may move by itself."""
_AROUND_PX = 24
"""Of a hole, what the network sees to fill it."""

MaskSink = Callable[[LumaFrame, Mask], None]
"""Is told of every frame, in order, with the mask of what was filled in."""


@dataclass(slots=True)
class _Held:
    """A frame that waits, or is remembered.

    Attributes:
        marked: the frame.
        codes: its luma at 8 bits.
        stripes: what it shows of lines.
    """

    marked: MarkedFrame
    codes: Codes
    stripes: Stripes


@dataclass(frozen=True, slots=True)
class _Pair:
    """What a frame is compared with.

    Attributes:
        before, after: two other frames; where ``one_sided``, both of the same side.
        one_sided: the frame begins or ends a shot.
    """

    before: _Held
    after: _Held
    one_sided: bool


class FilmRepair(WindowFilter[_Held]):
    """Takes dust, dirt and scratches out of a film; a ``LumaFilter``.

    Dust is what one frame shows and neither neighbour does; a shot's first and last frame are
    compared with the two frames that follow, or come before. Where a frame repeats the one beside
    it, the next one counts. Pixels that aren't in a frame's mask keep their codes.
    """

    memory_frames = REACH_FRAMES
    look_ahead_frames = REACH_FRAMES

    def __init__(self, *, strength: float = 0.5, on_mask: MaskSink | None = None) -> None:
        """Start without frames.

        Args:
            strength: 0 to 1: how sure it must be that something is damage.
            on_mask: gets each frame's mask.
        """
        super().__init__()
        self._strength, self._on_mask = strength, on_mask
        self._motion = Motion()

    @property
    def name(self) -> str:
        """What it does, with its settings."""
        return f"repair film {self._strength:g}"

    def _seen(self, marked: MarkedFrame) -> _Held:
        codes = eight_bits(marked.frame)
        return _Held(marked, codes, stripes_of(codes))

    def _made(self, at: int) -> MarkedFrame:
        held = self._held[at]
        frame, mask = self._repaired(at)
        if self._on_mask is not None:
            self._on_mask(held.marked.frame, mask)
        return replace(held.marked, frame=frame)

    def _repaired(self, at: int) -> tuple[LumaFrame, Mask]:
        held = self._held[at]
        frame = held.marked.frame
        mask = np.zeros(frame.luma.shape, bool)
        luma = frame.luma
        around = [self._held[k] for k in range(len(self._held)) if abs(k - at) <= REACH_FRAMES]
        for line in self._lines(at, around):
            where = mask_of_line(line, luma.shape)
            luma = _within(where, fill_from_sides(luma, line), luma)
            mask |= where
        if (pair := self._pair(at)) is not None:
            luma, mask = self._dusted(held, pair, luma, mask)
        return (replace(frame, luma=luma) if mask.any() else frame), mask

    def _pair(self, at: int) -> _Pair | None:
        """The frames that one is compared with: one on each side, or both on one."""
        before, after = self._neighbour(at, -1), self._neighbour(at, 1)
        if before is not None and after is not None:
            return _Pair(self._held[before], self._held[after], one_sided=False)
        near = before if after is None else after
        if near is None:
            return None
        far = self._neighbour(near, -1 if after is None else 1)
        if far is None or abs(far - at) > REACH_FRAMES:
            return None
        return _Pair(self._held[near], self._held[far], one_sided=True)

    def _neighbour(self, at: int, step: int) -> int | None:
        """Place of the nearest frame in one direction that doesn't repeat this one."""
        found = None
        for k in range(at + step, at + (REACH_FRAMES + 1) * step, step):
            if not 0 <= k < len(self._held):
                break
            found = k
            if not _repeats(self._held[k].codes, self._held[at].codes):
                break
        return found

    def _dusted(self, held: _Held, pair: _Pair, luma: Plane, lines: Mask) -> tuple[Plane, Mask]:
        """Luma without dust, and the mask of both dust and lines."""
        before, after = pair.before, pair.after
        (way_before, moved_before) = self._motion.way(held.codes, before.codes)
        (way_after, moved_after) = self._motion.way(held.codes, after.codes)
        near = Registered(moved_before, moved_after)
        blobs = find_blobs(held.codes, near)
        if blobs is None:
            return luma, lines
        which = likely(blobs)
        if not len(which):
            return luma, lines
        seen = cuttings(held.codes, near, blobs, which)
        sure = judge(seen, facts(blobs, which), load_dust_net())
        least = threshold(self._strength)
        chosen = which[sure > (1.0 - _DOUBT * (1.0 - least) if pair.one_sided else least)]
        if not len(chosen):
            return luma, lines
        dust = mask_of(blobs, chosen)
        neighbours = ((way_before, before), (way_after, after))
        return self._filled(held.marked.frame, luma, dust, neighbours), lines | dust

    def _filled(
        self, frame: LumaFrame, luma: Plane, dust: Mask,
        neighbours: Sequence[tuple[Way, _Held]],
    ) -> Plane:  # fmt: skip
        scale = float(1 << (frame.depth - 8))
        first, second = (way.moved(held.marked.frame.luma, scale, dust) for way, held in neighbours)
        filled = luma.astype(np.float32)
        filled[dust] = (first + second) * np.float32(0.5)
        unsure = dust.copy()
        unsure[dust] = np.abs(first - second) > _DISAGREE * scale
        if unsure.any():
            filled = _by_network(filled, frame, unsure, load_repairer())
        return _within(dust, filled, luma)

    def _lines(self, at: int, around: Sequence[_Held]) -> list[Line]:
        own = self._held[at]
        stripes = [held.stripes for held in around]
        first, last = around[0].codes, around[-1].codes
        return find_lines(
            next(k for k, held in enumerate(around) if held is own), stripes,
            moves=lambda: _moves(first, last),
        )  # fmt: skip


def eight_bits(frame: LumaFrame) -> Codes:
    """A frame's luma at 8 bits, ``(H, W)`` uint8."""
    if frame.luma.dtype == np.uint8:
        return frame.luma.astype(np.uint8, copy=False)
    return (frame.luma >> (frame.depth - 8)).astype(np.uint8)


def _repeats(one: Codes, other: Codes) -> bool:
    few = np.abs(one[::3, ::3].astype(np.int16) - other[::3, ::3])
    # Dirt differs in few places: a repeated frame in none.
    return bool(few.mean() < _SAME and np.percentile(few, 99.9) < 8)


def _moves(first: Codes, last: Codes) -> bool:
    """Whether most of the scene moves along the rows between two frames."""
    small = [
        cv2.resize(each, (160, 120), interpolation=cv2.INTER_AREA).astype(np.float32)
        for each in (first, last)
    ]
    window = cv2.createHanningWindow((160, 120), cv2.CV_32F)
    (across, _), response = cv2.phaseCorrelate(small[0], small[1], window)
    return response > 0.1 and abs(across) * first.shape[1] / 160.0 > _MOVES_PX


def _by_network(
    filled: npt.NDArray[np.float32], frame: LumaFrame, holes: Mask, repairer: Repairer
) -> npt.NDArray[np.float32]:
    """Fill holes by the network, in their surroundings only."""
    white = np.float32((1 << frame.depth) - 1)
    wide = cv2.dilate(holes.view(np.uint8), np.ones((_AROUND_PX, _AROUND_PX), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(wide)
    for left, top, width, height, _ in stats[1:]:
        place = (slice(top, top + height), slice(left, left + width))
        part = repairer.fill(filled[place] / white, holes[place])
        filled[place] = np.where(holes[place], part * white, filled[place])
    return filled


def _within(mask: Mask, filled: npt.NDArray[np.float32], luma: Plane) -> Plane:
    made = luma.copy()
    top = np.iinfo(luma.dtype).max
    made[mask] = np.clip(np.rint(filled[mask]), 0, top).astype(luma.dtype)
    return made
