"""Shot boundaries: hard cuts, dissolves and fades, found on small pictures of the frames.

A frame begins a shot if neither it nor the frames after it resemble the frames before
(``sketch.similarity``, which exposure and camera motion hardly change), while those after resemble
each other. Looking a few frames ahead is what tells a cut from a flash, a torn frame or something
passing close to the camera: after these the picture returns. In a fast pan frames resemble each
other little, but all moves as one, frame after frame (``sketch.moved_as_one``).

A dissolve is seen at its middle: the picture is a blend of the one 8 frames before and the one 8
frames after, which have little in common, and it changes in the same way before and after.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from torch import Tensor

from vidcolor.temporal.dissolve import HALF_FRAMES, blend_of
from vidcolor.temporal.sketch import Sketch, moved_as_one, similarity, sketches

Boundary = Literal["cut", "dissolve", "fade"]
"""How a shot begins; "fade": the frame before it is black, white or fog."""

_SAME = 0.6
"""Similarity to the frame before from which on nothing else is compared."""
_OTHER = 0.55
"""No pair of frames across a cut is more similar than this."""
_DROP = 0.2
"""So much less similar than neighbours in the shot have lately been."""
_LONE = 0.15
"""A frame begins a shot only if it is so much more similar to later frames than to earlier ones;
else it is damaged, or noise in the dark of a fade."""
_RETURN_FRAMES = 4
"""After so many frames a flash or a fault is over."""
_COMPARED = (1, 2, 3, 4, 8, 12)
"""Which frames of the shot are compared, counted back: flashes and dark ends may lie between."""
_REST_FRAMES = 16
"""After a boundary no dissolve for so long: it takes as many frames to see one."""

LOOK_AHEAD_FRAMES = HALF_FRAMES
"""Frames that ``ShotDetector`` holds back."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """A sketch, and how similar the frame before it is."""

    sketch: Sketch
    link: float


class _Judge:
    """Decides frame by frame whether a shot begins, from the shot so far and the frames ahead."""

    def __init__(self) -> None:
        self._shot: deque[Sketch] = deque(maxlen=max(_COMPARED))
        self._former: Sequence[Sketch] = ()
        self._links: deque[float] = deque(maxlen=6)
        self._since = 0
        self._behind: deque[_Frame] = deque(maxlen=HALF_FRAMES)

    def begins_shot(self, frame: _Frame, ahead: Sequence[_Frame]) -> Boundary | None:
        """How a shot begins at the frame, None if none does; the frame joins the past."""
        self._since += 1
        soon = [f.sketch for f in ahead[:_RETURN_FRAMES] if not f.sketch.is_flat]
        boundary: Boundary | None = None
        if self._is_cut(frame.sketch, soon):
            is_fade = bool(self._behind) and self._behind[-1].sketch.is_flat
            boundary = "fade" if is_fade else "cut"
        elif self._is_dissolved(frame, ahead):
            boundary = "dissolve"
        if boundary is not None:
            self._former, self._since = tuple(self._shot), 0
            self._shot.clear()
            self._links.clear()
            self._shot.append(frame.sketch)
        self._behind.append(frame)
        return boundary

    def _is_cut(self, now: Sketch, soon: Sequence[Sketch]) -> bool:
        if now.is_flat:
            return False
        if not self._shot:
            self._shot.append(now)
            return False
        link = similarity(self._shot[-1], now)
        if link < _SAME and not self._moves_on(now, soon):
            back = self._most_similar([now])
            if _is_lone(now, soon, max(back + _LONE, _SAME)):
                return False
            usual = median(self._links) if self._links else 1.0
            least = min(_OTHER, usual - _DROP)
            most = max(back, self._most_similar(soon, enough=least))
            if most < least and not self._returns(now):
                return True
        self._shot.append(now)
        self._links.append(link)
        return False

    def _most_similar(self, frames: Iterable[Sketch], *, enough: float = 2.0) -> float:
        """The highest similarity of a frame to the shot, or the first that is ``enough``."""
        before = [self._shot[-n] for n in _COMPARED if n <= len(self._shot)]
        most = 0.0
        for frame in frames:
            for known in before:
                most = max(most, similarity(known, frame))
                if most >= enough:
                    return most
        return most

    def _moves_on(self, now: Sketch, soon: Sequence[Sketch]) -> bool:
        """A pan: the frame just before is of the shot, and all has moved as one since."""
        last = self._behind[-1].sketch
        if last is not self._shot[-1]:
            return False
        before = self._behind[-2].sketch if len(self._behind) > 1 else None
        return moved_as_one(before, last, now, soon[0] if soon else None)

    def _returns(self, now: Sketch) -> bool:
        """Whether, without looking ahead, a flash was taken for a shot: here it is over."""
        former = self._former
        if self._since > _RETURN_FRAMES or not former:
            return False
        if max(similarity(known, now) for known in former[-_RETURN_FRAMES:]) < _OTHER:
            return False
        self._shot.extend(former)
        return True

    def _is_dissolved(self, frame: _Frame, ahead: Sequence[_Frame]) -> bool:
        if (
            self._since < _REST_FRAMES
            or len(ahead) < HALF_FRAMES
            or len(self._behind) < HALF_FRAMES
        ):
            return False
        window = [*self._behind, frame, *ahead[:HALF_FRAMES]]
        if any(f.sketch.is_flat for f in window) or min(f.link for f in window[1:]) < _SAME:
            return False
        return blend_of([f.sketch for f in window])


class ShotDetector:
    """Finds the first frame of every shot but the first, ``LOOK_AHEAD_FRAMES`` later.

    Feed it all frames in order with ``push`` and end with ``flush``: together they give one answer
    per frame, in order, the same however the frames were batched. The first frame of a dissolve's
    new shot is the one from which on the new picture is the stronger. Black and white frames are
    compared with nothing: after a fade the first frame with a picture begins a shot, unless the
    old picture returns. It keeps 8 sketches of 48 x 48 ahead and about 20 behind.
    """

    def __init__(self) -> None:
        self._judge = _Judge()
        self._last: Sketch | None = None
        self._ahead: deque[_Frame] = deque()

    def push(self, lightness: Tensor) -> list[Boundary | None]:
        """Take the next frames; answer for those that are old enough, of which there may be none.

        Args:
            lightness: ``(B, 1, h, w)`` float32, L*/100, in presentation order.

        Returns:
            For the next frames without an answer, in order: how a shot begins there, or None.
        """
        answers: list[Boundary | None] = []
        for sketch in sketches(lightness):
            self._ahead.append(_Frame(sketch, _link(self._last, sketch)))
            self._last = sketch
            if len(self._ahead) > LOOK_AHEAD_FRAMES:
                answers.append(self._decide())
        return answers

    def flush(self) -> list[Boundary | None]:
        """The answers for all frames that are still held: the film is at its end."""
        return [self._decide() for _ in range(len(self._ahead))]

    def _decide(self) -> Boundary | None:
        frame = self._ahead.popleft()
        return self._judge.begins_shot(frame, tuple(self._ahead))


class CutDetector:
    """Finds the first frame of every shot but the first at once, without looking ahead.

    A flash or a torn frame that no comparison can bridge begins a shot here; the return from it
    doesn't. Dissolves are not found. ``ShotDetector`` is more reliable, but 8 frames late.
    """

    def __init__(self) -> None:
        self._judge = _Judge()

    def push(self, lightness: Tensor) -> list[Boundary | None]:
        """How a shot begins at each of these frames, None where none does.

        Args:
            lightness: ``(B, 1, h, w)`` float32, L*/100, in presentation order.
        """
        return [self._judge.begins_shot(_Frame(s, 1.0), ()) for s in sketches(lightness)]

    def flush(self) -> list[Boundary | None]:
        """No answer: none is ever held back."""
        return []


def _is_lone(now: Sketch, soon: Sequence[Sketch], least: float) -> bool:
    """Whether what follows doesn't go on with this frame; a pan may go on fast."""
    if not soon or max(similarity(now, s) for s in soon) >= least:
        return False
    return not moved_as_one(None, now, *soon[:2])


def _link(before: Sketch | None, now: Sketch) -> float:
    return 1.0 if before is None else similarity(before, now)
