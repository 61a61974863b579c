"""Fades to and from black or white: how far a frame is faded, and what it was before.

In a fade, code values are those of the picture times a factor, and from white that holds for their
distance from white. The factor from one frame to the next is the median over a small picture, so
what moves doesn't count. A network that sees faded frames gives them other colours: a dim sky turns
pink. So it sees what was faded, and its colours fall with the lightness.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vidcolor.color.lab import grey_to_lightness, lightness_to_grey

Codes = npt.NDArray[np.float64]

AHEAD_FRAMES: Final = 8
"""Later frames that tell where a fade begins."""

_BLOCKS: Final = 6
"""Blocks across and down whose means are compared: what moves within them doesn't count."""
_LEAST_STEP: Final = 0.006
"""Change of the factor's logarithm per frame below which nothing fades: 13 % in 24 frames."""
_RUN_FRAMES, _RUN_CHANGE = 5, 0.08
"""How many steps in one direction, and how much together, make a fade; flicker goes up and down."""
_EXPLAINED: Final = 0.35
"""Share of a frame's change that the factor alone must explain."""
_LEAST_SHARE: Final = 0.08
"""Share of pixels that tell below which a frame tells nothing."""
_LOW, _HIGH = 0.012, 0.97
"""Codes between which pixels tell."""
_BLANK: Final = 0.03
"""Level of the brightest part (or of the farthest from white) below which there is no picture."""
_FARTHEST: Final = 0.02
"""Share of the pixels that are brighter than that level (or farther from white)."""
_FIRST_LEVEL: Final = 0.25
"""A shot behind black whose brightest part is darker than this fades in."""
_USUAL_LEVEL: Final = 0.8
"""To where it is taken to rise, where its rise lasts longer than frames can wait."""
_ALIKE: Final = (0.5, 1.5)
"""Range of a step over the one before within which it goes on, though motion hides the fade."""
_REST_FRAMES: Final = 3
"""Steps in which nothing rises that end a fade in."""
_RETURN_S: Final = 0.7
"""Time constant by which a factor goes back to 1 where nothing fades any more."""
_LEAST_FACTOR: Final = 0.04
"""Fades are undone no further: below are a few codes of 8 bits."""


@dataclass(frozen=True, slots=True)
class Fade:
    """How far a frame is faded.

    Attributes:
        factor: of its code values, or of their distance from white; 1 isn't faded.
        is_white: it fades to or from white.
    """

    factor: float = 1.0
    is_white: bool = False


@dataclass(frozen=True, slots=True)
class _Sight:
    """What a frame shows of one kind of fade.

    Attributes:
        level: of the brightest part, or of the farthest from white.
        step: logarithm of the factor from the frame before; 0 where no pixel tells.
        is_sure: that factor explains the change of the picture.
    """

    level: float
    step: float = 0.0
    is_sure: bool = False

    def step_after(self, step: float) -> float:
        """The step, if it counts as a fade's behind another one; else 0."""
        if abs(self.step) < _LEAST_STEP:
            return 0.0
        low, high = sorted(step * share for share in _ALIKE)
        return self.step if self.is_sure or low < self.step < high else 0.0


class FadeMeter:
    """Measures frame by frame how far a film is faded.

    Frames are shown first (``look``), and answered for later (``step``): a fade is known by
    ``AHEAD_FRAMES`` later frames, and one from black or white by all of its frames, as only then
    it is known how bright the picture will be (``needs_more``). Fewer later frames will do: then a
    fade is known after some of its frames, and a rise is taken to lead to a usual brightness.
    The state goes on over boundaries of shots.
    """

    def __init__(self) -> None:
        self._tracks = (_Track(), _Track())
        self._known: Codes | None = None  # of the last frame that was shown
        self._last: Codes | None = None  # of the last one that was answered for
        self._shown: deque[tuple[Codes, tuple[_Sight, _Sight]]] = deque()

    def look(self, lightness: npt.NDArray[np.float32]) -> None:
        """See the next frame.

        Args:
            lightness: ``(h, w)``, L*/100, small; sides are multiples of 6.
        """
        height, width = lightness.shape
        grid, curve = _curve()
        fine = np.interp(lightness, grid, curve)
        blocks = fine.reshape(_BLOCKS, height // _BLOCKS, _BLOCKS, width // _BLOCKS)
        now: Codes = blocks.mean(axis=(1, 3))
        least, most = _ends(fine)
        known, self._known = self._known, now
        self._shown.append((now, _sights(known, now, (most, 1.0 - least))))

    @property
    def needs_more(self) -> bool:
        """Whether the next frame's factor depends on frames that weren't shown yet."""
        if not self._shown:
            return True
        (_, sights), *later = self._shown
        return any(
            track.may_rise(sight.level) and not _rise(each[1][kind] for each in later)[1]
            for kind, (track, sight) in enumerate(zip(self._tracks, sights, strict=True))
        )

    def step(self, elapsed_s: float, *, is_cut: bool) -> Fade:
        """The fade of the next frame; it has been shown.

        Args:
            elapsed_s: since the frame before.
            is_cut: the frame begins a shot.
        """
        is_first = self._last is None
        self._last, sights = self._shown.popleft()
        for kind, (track, sight) in enumerate(zip(self._tracks, sights, strict=True)):
            # a boundary within a fade, where its picture is too weak to be recognised, is none
            begins = is_first or (is_cut and not (sight.is_sure and track.factor < 1.0))
            later = (each[1][kind] for each in self._shown)
            if begins or (track.is_blank and sight.level >= _BLANK):
                track.begin(sight.level, later)
            elif not track.is_blank and sight.level >= _BLANK:
                track.follow(sight, later, elapsed_s)
            track.is_blank = sight.level < _BLANK
        black, white = (track.factor for track in self._tracks)
        return Fade(black, False) if black <= white else Fade(white, True)

    def state(self) -> list[Any]:
        """As JSON can hold it; of the last frame its codes, floats come back exactly."""
        last = None if self._last is None else self._last.tolist()
        return [last, *(track.state() for track in self._tracks)]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a state, before any frame is shown.

        Raises:
            TypeError, ValueError: it is none.
        """
        last, *tracks = state
        self._known = self._last = None if last is None else np.array(last, np.float64)
        for track, values in zip(self._tracks, tracks, strict=True):
            track.restore(values)


class _Track:
    """The factor of one kind of fade."""

    def __init__(self) -> None:
        self.factor = 1.0
        self.is_blank = False
        self._run = 0
        self._change = self._pending = self._last = 0.0

    def may_rise(self, level: float) -> bool:
        """Whether a fade in may begin with a frame whose farthest pixels are at ``level``."""
        return self.is_blank and _BLANK <= level < _FIRST_LEVEL

    def begin(self, level: float, later: Iterable[_Sight]) -> None:
        """A shot begins, or a picture out of black, whose farthest pixels are at ``level``."""
        rises = self.may_rise(level)
        self._forget_run()
        self.factor, self.is_blank = 1.0, False
        if rises:
            change, is_whole = _rise(later)
            self._multiply(-change if is_whole else min(-change, math.log(level / _USUAL_LEVEL)))

    def follow(self, sight: _Sight, later: Iterable[_Sight], elapsed_s: float) -> None:
        """Take the next frame of a shot."""
        step = sight.step_after(self._last)
        if not step:
            self._forget_run()
            if self.factor < 1.0:
                self.factor **= math.exp(-elapsed_s / _RETURN_S)
                self.factor = 1.0 if self.factor > 0.995 else self.factor
            return
        if step * self._change < 0.0:
            self._forget_run()
        self._run, self._change, self._last = self._run + 1, self._change + step, step
        self._pending += step
        if self.factor < 1.0 or self._is_fade(later):
            self._multiply(self._pending)
            self._pending = 0.0

    def _forget_run(self) -> None:
        self._run = 0
        self._change = self._pending = self._last = 0.0

    def _is_fade(self, later: Iterable[_Sight]) -> bool:
        """Whether the run, with what is known of its later steps, is one."""
        run, change, last = self._run, self._change, self._last
        for sight in islice(later, AHEAD_FRAMES):
            last = sight.step_after(last)
            if last * change <= 0.0:
                break
            run, change = run + 1, change + last
        return run >= _RUN_FRAMES and abs(change) >= _RUN_CHANGE

    def _multiply(self, change: float) -> None:
        self.factor = max(min(self.factor * math.exp(change), 1.0), _LEAST_FACTOR)

    def state(self) -> list[float]:
        return [
            self.factor, self._run, self._change, self._pending, self._last, self.is_blank,
        ]  # fmt: skip

    def restore(self, state: Sequence[float]) -> None:
        factor, run, change, pending, last, is_blank = state
        self.factor, self._run = float(factor), int(run)
        self._change, self._pending, self._last = float(change), float(pending), float(last)
        self.is_blank = bool(is_blank)


def _rise(later: Iterable[_Sight]) -> tuple[float, bool]:
    """By how much the factor's logarithm rises from here on, and whether the end is seen."""
    change, last, rest = 0.0, 0.0, 0
    for sight in later:
        if sight.level < _BLANK:
            return change, True
        step = sight.step_after(last)
        if step > 0.0:
            change, last, rest = change + step, step, 0
            continue
        rest += 1
        if rest == _REST_FRAMES:
            return change, True
    return change, False


@lru_cache(maxsize=1)
def _curve() -> tuple[Codes, Codes]:
    """Codes of grey over L*/100, as a table: a tenth of the time of the formula."""
    grid = torch.linspace(0.0, 1.0, 2049, dtype=torch.float64)
    return grid.numpy(), lightness_to_grey(grid).numpy()


def _ends(fine: Codes) -> tuple[float, float]:
    """The darkest and brightest codes but for a few pixels."""
    few = int(_FARTHEST * fine.size)
    ordered = np.partition(fine, (few, fine.size - 1 - few), axis=None)
    return float(ordered[few]), float(ordered[-1 - few])


def _sights(before: Codes | None, now: Codes, levels: tuple[float, float]) -> tuple[_Sight, _Sight]:
    """What a frame shows of fades to black and to white; at most one is sure, the better."""
    change = 0.0 if before is None else float(np.abs(now - before).mean())
    if before is None or change < 1e-5:
        return _Sight(levels[0]), _Sight(levels[1])
    (black, rest), (white, white_rest) = _step(before, now), _step(1.0 - before, 1.0 - now)
    most = (1.0 - _EXPLAINED) * change
    return (
        _Sight(levels[0], black, rest <= min(white_rest, most)),
        _Sight(levels[1], white, white_rest < rest and white_rest <= most),
    )


def _step(before: Codes, now: Codes) -> tuple[float, float]:
    """Logarithm of the factor between two frames, and how much remains of the change."""
    low, high = np.minimum(before, now), np.maximum(before, now)
    tells = (low > _LOW) & (high < _HIGH)
    if np.count_nonzero(tells) < _LEAST_SHARE * tells.size:
        return 0.0, math.inf
    factor = float(np.median(now[tells] / before[tells]))
    return math.log(factor), float(np.abs(now - factor * before).mean())


def unfade(lightness: Tensor, fade: Fade) -> Tensor:
    """What a frame was before it was faded.

    Args:
        lightness: ``(1, 1, h, w)`` float32, L*/100.
        fade: of the frame.

    Returns:
        Likewise, in 0..1; ``lightness`` itself where nothing is faded.
    """
    if fade.factor >= 1.0:
        return lightness
    codes = lightness_to_grey(lightness)
    codes = 1.0 - (1.0 - codes) / fade.factor if fade.is_white else codes / fade.factor
    return grey_to_lightness(codes.clamp(0.0, 1.0))


def faded_share(lightness: Tensor, unfaded: Tensor, fade: Fade) -> Tensor | None:
    """The factor on ab that goes with a fade: chroma falls as lightness, or distance from white.

    Args:
        lightness: ``(1, 1, h, w)``, L*/100, faded.
        unfaded: of ``unfade``.
        fade: of the frame.

    Returns:
        ``(1, 1, h, w)`` in 0..1; None where nothing is faded.
    """
    if fade.factor >= 1.0:
        return None
    least = 1e-3
    if fade.is_white:
        lightness, unfaded = 1.0 - lightness, 1.0 - unfaded
    return ((lightness + least) / (unfaded + least)).clamp(0.0, 1.0)
