"""Fades to and from black or white: how far a frame is faded, and what it was before.

In a fade, code values are those of the picture times a factor, and from white that holds for their
distance from white. The factor from one frame to the next is the median over a small picture, so
what moves doesn't count. A network that sees faded frames gives them other colours: a dim sky turns
pink. So it sees what was faded, and its colours fall with the lightness.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.color.lab import grey_to_lightness, lightness_to_grey

Codes = npt.NDArray[np.float64]

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
_FIRST_LEVEL: Final = 0.25
"""A shot behind black whose brightest part is darker than this fades in."""
_USUAL_LEVEL: Final = 0.8
"""To where it is taken to rise, until it has."""
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


class FadeMeter:
    """Measures frame by frame how far a film is faded.

    The state goes on over boundaries of shots. No later frame counts: a fade is known after some
    frames of it, and one from black by its first frame, of which it isn't known yet how bright the
    picture will be.
    """

    def __init__(self) -> None:
        self._tracks = (_Track(), _Track())
        self._known: Codes | None = None

    def step(self, lightness: npt.NDArray[np.float32], elapsed_s: float, *, is_cut: bool) -> Fade:
        """The next frame's fade.

        Args:
            lightness: ``(h, w)``, L*/100, small.
            elapsed_s: since the frame before.
            is_cut: the frame begins a shot.
        """
        fine = lightness_to_grey(torch.from_numpy(lightness))
        levels = (float(fine.quantile(0.98)), 1.0 - float(fine.quantile(0.02)))
        now = F.adaptive_avg_pool2d(fine[None], (_BLOCKS, _BLOCKS))[0].double().numpy()
        known, self._known = self._known, now
        both = (now, 1.0 - now)
        before = both if known is None else (known, 1.0 - known)
        steps = [_step(*pair) for pair in zip(before, both, strict=True)]
        better = 0 if steps[0][1] <= steps[1][1] else 1
        for number, (track, level) in enumerate(zip(self._tracks, levels, strict=True)):
            step, rest = steps[number]
            explains = number == better and rest <= 1.0 - _EXPLAINED
            # a boundary within a fade, where its picture is too weak to be recognised, is none
            begins = known is None or (is_cut and not (explains and track.factor < 1.0))
            if begins or (track.is_blank and level >= _BLANK):
                track.begin(level)
            elif not track.is_blank and level >= _BLANK:
                track.follow(step if explains else None, elapsed_s)
            track.is_blank = level < _BLANK
        black, white = (track.factor for track in self._tracks)
        return Fade(black, False) if black <= white else Fade(white, True)

    def state(self) -> list[Any]:
        """As JSON can hold it; of the last frame its codes, floats come back exactly."""
        known = None if self._known is None else self._known.tolist()
        return [known, *(track.state() for track in self._tracks)]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a state.

        Raises:
            TypeError, ValueError: it is none.
        """
        known, *tracks = state
        self._known = None if known is None else np.array(known, np.float64)
        for track, values in zip(self._tracks, tracks, strict=True):
            track.restore(values)


class _Track:
    """The factor of one kind of fade."""

    def __init__(self) -> None:
        self.factor = 1.0
        self.is_blank = False
        self._run, self._change = 0, 0.0

    def begin(self, level: float) -> None:
        """A shot begins, or a picture out of black, whose farthest pixels are at ``level``."""
        rises = self.is_blank and level < _FIRST_LEVEL
        self._run, self._change = 0, 0.0
        self.factor, self.is_blank = 1.0, False
        if rises:
            self.factor = max(level / _USUAL_LEVEL, _LEAST_FACTOR)

    def follow(self, step: float | None, elapsed_s: float) -> None:
        """Take the logarithm of the change; None where it isn't a fade's."""
        if step is None or abs(step) < _LEAST_STEP:
            self._run, self._change = 0, 0.0
            if self.factor < 1.0:
                self.factor **= math.exp(-elapsed_s / _RETURN_S)
                self.factor = 1.0 if self.factor > 0.995 else self.factor
            return
        if step * self._change < 0.0:
            self._run, self._change = 0, 0.0
        was_fade = self._is_fade
        self._run, self._change = self._run + 1, self._change + step
        if self.factor < 1.0 or was_fade:
            self._multiply(step)
        elif self._is_fade:
            self._multiply(self._change)

    @property
    def _is_fade(self) -> bool:
        return self._run >= _RUN_FRAMES and abs(self._change) >= _RUN_CHANGE

    def _multiply(self, change: float) -> None:
        self.factor = max(min(self.factor * math.exp(change), 1.0), _LEAST_FACTOR)

    def state(self) -> list[float]:
        return [self.factor, self._run, self._change, self.is_blank]

    def restore(self, state: Sequence[float]) -> None:
        factor, run, change, is_blank = state
        self.factor, self._run, self._change = float(factor), int(run), float(change)
        self.is_blank = bool(is_blank)


def _step(before: Codes, now: Codes) -> tuple[float, float]:
    """Logarithm of the factor between two frames, and the share of the change that is not its."""
    tells = (before > _LOW) & (before < _HIGH) & (now > _LOW) & (now < _HIGH)
    change = float(np.abs(now - before).mean())
    if tells.mean() < _LEAST_SHARE or change < 1e-5:
        return 0.0, 1.0
    step = float(np.median(np.log(now[tells] / before[tells])))
    rest = float(np.abs(now - math.exp(step) * before).mean())
    return step, rest / change


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
