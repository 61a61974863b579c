"""Flicker of the source's exposure: measured within each shot, and evened out.

Exposure is taken as an offset of logit(L*/100), see ``tone``. The offset from one frame to the next
is the median over a small picture, so that what enters or moves does not count as long as it covers
less than half; being the same forward and backward, it does not drift. For the network, uneven
light and contrast are followed as well.

What is evened out is the difference from the shot's own course, a straight line fitted to the last
second or so: a slow change of light, a fade, is no flicker and stays.
"""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.temporal.fades import Fade, FadeMeter
from vidcolor.temporal.tone import TERMS, Mask, Values, apply_terms, fit_change

Picture = npt.NDArray[np.float32]

_SIDE = 24
"""Side of the small picture, pixels: motion of a frame stays within a pixel or two."""
_DARK, _BRIGHT = 0.05, 0.95
"""L*/100 between which a pixel tells the exposure: not borders, not what is burnt out."""
_LEAST_SHARE = 0.08
"""Share of such pixels below which a frame (black, white) tells nothing."""
_COURSE_S = 1.0
"""Time constant of the course, seconds."""
_OUTLIER = 0.3
"""How far, in logits, one frame may pull the course: a flash shall not."""
_FLASH_FRAMES = 3
"""What stays so far off for more frames is no flash but a lamp switched: the course starts anew."""
_FLICKER_NONE, _FLICKER_SURE = 0.010, 0.020
"""Flicker's standard deviation in logits below which nothing is done and above which all is.

0.01 is a quarter of an L* unit at middle grey; steady clips measure up to 0.008.
"""
_REST_STRONGEST = 0.3
"""Bound of the correction of slopes and contrast."""
_CENTRE = -0.4
"""Contrast turns about this logit, L* 40: about the mean of pictures."""


def shift_exposure(lightness: Tensor, offsets: Sequence[float]) -> Tensor:
    """Add to the logit of lightness: one smooth monotone curve per frame that keeps 0 and 1.

    Args:
        lightness: ``(B, 1, h, w)`` float32, L*/100 in [0, 1], of any size.
        offsets: one per frame, in logits; 0 leaves a frame exactly as it is. 0.1 is 2.5 L* at
            middle grey.

    Returns:
        As ``lightness``; itself if all offsets are 0.
    """
    if not any(offsets):
        return lightness
    factor = torch.tensor([math.exp(-o) for o in offsets], device=lightness.device)
    factor = factor.to(lightness.dtype).reshape(-1, 1, 1, 1)
    return lightness / (lightness + factor * (1.0 - lightness))


MAX_INPUT_OFFSET, MAX_OUTPUT_OFFSET = 1.0, 0.5
"""Bounds of the correction in logits: of the network's input (23 L* at middle grey) and of the
output (12 L*)."""


def even_out(lightness: Tensor, terms: Sequence[float]) -> Tensor:
    """Even out the exposure of a frame for the network.

    Args:
        lightness: ``(1, 1, h, w)`` float32, L*/100.
        terms: as ``Correction.terms``.

    Returns:
        ``(1, 1, h, w)`` float32 in [0, 1]; ``lightness`` itself where all terms are 0.
    """
    if not any(terms):
        return lightness
    offset = within(terms[0], MAX_INPUT_OFFSET)
    rest = (within(t, _REST_STRONGEST) for t in terms[1:])
    return apply_terms(lightness[0], (offset, *rest), _CENTRE)[None]


def within(value: float, bound: float) -> float:
    """The value, held between ``-bound`` and ``bound``."""
    return max(-bound, min(bound, value))


@dataclass(frozen=True, slots=True)
class Correction:
    """What evens out the exposure of one frame, in logits, not bounded; all 0 on steady film.

    Attributes:
        terms: for the network's input: offset, slopes and contrast, see ``tone.TERMS``.
        offset: for the output: the offset alone.
        fade: how far the frame is faded, for the network's input.
    """

    terms: tuple[float, ...] = (0.0,) * TERMS
    offset: float = 0.0
    fade: Fade = Fade()


MeterState = dict[str, Any]
"""What a ``FlickerMeter`` knows, as JSON can hold it; floats come back from JSON exactly."""


class FlickerMeter:
    """Measures the exposure of a film frame by frame, and how far each frame is off its course.

    At a cut all is forgotten but the level of flicker, so that it is corrected from the new shot's
    first frames on.
    """

    def __init__(self) -> None:
        self._known: Picture | None = None
        self._level = _Level(_COURSE_S)
        self._last_s = 0.0
        self._tracks = (_Track(TERMS), _Track(1))
        self._fades = FadeMeter()
        self._shown: deque[Picture] = deque()

    def look(self, lightness: Tensor) -> None:
        """See the next frames, of which the corrections will be asked.

        Args:
            lightness: ``(B, 1, h, w)`` float32, L*/100, of any size.
        """
        small = F.adaptive_avg_pool2d(lightness.float(), (_SIDE, _SIDE))[:, 0].cpu().numpy()
        for picture in small:
            self._fades.look(picture)
            self._shown.append(picture)

    @property
    def needs_more(self) -> bool:
        """Whether the next frame's correction depends on later frames than were seen."""
        return self._fades.needs_more

    def correct(self, now_s: float, *, is_cut: bool) -> Correction:
        """The correction of the next frame; it has been seen.

        Args:
            now_s: its presentation time.
            is_cut: it is the first of a shot.
        """
        elapsed_s, self._last_s = max(now_s - self._last_s, 0.0), now_s
        fade = self._fades.step(elapsed_s, is_cut=is_cut)
        correction = self._flicker(self._shown.popleft(), elapsed_s, is_cut)
        if fade.factor < 1.0:  # what the fade changes is undone already
            return Correction(offset=correction.offset, fade=fade)
        return correction

    def corrections(
        self, lightness: Tensor, seconds: Sequence[float], cuts: Sequence[bool]
    ) -> list[Correction]:
        """The corrections of the next frames, each without any later frame.

        Args:
            lightness: ``(B, 1, h, w)`` float32, L*/100, of any size.
            seconds: presentation time of each frame.
            cuts: whether each frame is the first of a shot.
        """
        found = []
        for frame, now_s, is_cut in zip(torch.split(lightness, 1), seconds, cuts, strict=True):
            self.look(frame)
            found.append(self.correct(now_s, is_cut=is_cut))
        return found

    @property
    def level(self) -> float:
        """How much flicker there is: standard deviation of a frame's exposure, in logits."""
        return self._level.deviation()

    def state(self) -> MeterState:
        """What is known after the frames so far, to go on from in mid-shot."""
        known = None if self._known is None else b64encode(self._known.tobytes()).decode()
        return {
            "known": known,
            "last_s": self._last_s,
            **self.state_at_cut(),
            "tracks": [track.state() for track in self._tracks],
        }

    def state_at_cut(self) -> MeterState:
        """What of it counts where the next frame begins a shot: the level of flicker."""
        return {"level": self._level.state(), "fades": self._fades.state()}

    def restore(self, state: MeterState) -> None:
        """Go on from a state of either kind, exactly as the meter that it is of.

        Raises:
            KeyError, TypeError, ValueError: it is no such state.
        """
        self._level.restore(state["level"])
        self._fades.restore(state["fades"])
        if "tracks" not in state:
            return
        self._last_s = float(state["last_s"])
        for track, values in zip(self._tracks, state["tracks"], strict=True):
            track.restore(values)
        if state["known"] is not None:
            known = np.frombuffer(b64decode(state["known"]), np.float32)
            self._known = known.reshape(_SIDE, _SIDE)

    def _flicker(self, small: Picture, elapsed_s: float, is_cut: bool) -> Correction:
        if is_cut:
            self._known = None
            self._level.forget_last()
        tells = _tells(small)
        if tells.mean() < _LEAST_SHARE:
            return Correction()
        known, self._known = self._known, small
        both = tells & _tells(known) if known is not None else tells
        if known is None or both.mean() < _LEAST_SHARE:
            # Nothing to compare with: the course starts anew.
            for track in self._tracks:
                track.start()
        else:
            self._follow(_logits(known), _logits(small), both, elapsed_s)
        share = self._level.share()
        terms, (offset,) = (
            [-share * off for off in track.off_course(elapsed_s)] for track in self._tracks
        )
        return Correction(tuple(terms), offset)

    def _follow(self, before: Values, now: Values, both: Mask, elapsed_s: float) -> None:
        offset = float(np.median((now - before)[both]))
        self._level.add(offset, elapsed_s)
        uneven, even = self._tracks
        uneven.exposure = uneven.exposure + fit_change(before, now, both, _CENTRE)
        even.exposure = even.exposure + offset


class _Track:
    """The exposure of a shot since its begin, and its course, for some number of terms."""

    def __init__(self, terms: int) -> None:
        self._terms = terms
        self.start()

    def start(self) -> None:
        """Begin a course."""
        self.exposure: Values = np.zeros(self._terms)
        self._courses = [_Course(_COURSE_S) for _ in range(self._terms)]
        self._off_frames = 0

    def off_course(self, elapsed_s: float) -> list[float]:
        """How far the exposure is off its course, per term."""
        off = self._follow(elapsed_s)
        self._off_frames = self._off_frames + 1 if abs(off[0]) > _OUTLIER else 0
        if self._off_frames > _FLASH_FRAMES:
            self.start()
            off = self._follow(0.0)
        return off

    def state(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "exposure": self.exposure.tolist(),
            "courses": [course.sums for course in self._courses],
            "off_frames": self._off_frames,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.exposure = np.array([float(v) for v in state["exposure"]])
        for course, sums in zip(self._courses, state["courses"], strict=True):
            course.sums = [float(v) for v in sums]
        self._off_frames = int(state["off_frames"])

    def _follow(self, elapsed_s: float) -> list[float]:
        pairs = zip(self.exposure.tolist(), self._courses, strict=True)
        return [value - course.add(value, elapsed_s) for value, course in pairs]


def _tells(small: Picture) -> Mask:
    """Which pixels tell the exposure."""
    exact = small.astype(np.float64)
    return np.asarray((exact > _DARK) & (exact < _BRIGHT))


def _logits(small: Picture) -> Values:
    kept = small.astype(np.float64).clip(0.01, 0.99)
    return np.asarray(np.log(kept / (1.0 - kept)))


class _Course:
    """Exponentially weighted straight line through what has been, read at its end.

    The slope counts only as far as it is beyond what chance gives, so that flicker's noise does not
    come back through it.
    """

    def __init__(self, time_constant_s: float) -> None:
        self._tau_s = time_constant_s
        self.sums = [0.0] * 6  # of w, wt, wtt, wy, wty, wyy; t is 0 now and negative before

    def add(self, value: float, elapsed_s: float) -> float:
        """Take the next value, held near the course; the course's value there."""
        if self.sums[0] > 0.0:
            expected = self._read()
            value = max(expected - _OUTLIER, min(expected + _OUTLIER, value))
        w, wt, wtt, wy, wty, wyy = self.sums
        d = elapsed_s
        wtt, wt, wty = wtt - 2 * d * wt + d * d * w, wt - d * w, wty - d * wy
        keep = math.exp(-elapsed_s / self._tau_s)
        old = (keep * s for s in (w, wt, wtt, wy, wty, wyy))
        new = (1.0, 0.0, 0.0, value, 0.0, value * value)
        self.sums = [a + b for a, b in zip(old, new, strict=True)]
        return self._read()

    def _read(self) -> float:
        w, wt, wtt, wy, wty, wyy = self.sums
        mean_t, mean = wt / w, wy / w
        spread_t = wtt / w - mean_t * mean_t
        if spread_t < 1e-9:
            return mean
        covariance = wty / w - mean_t * mean
        slope = covariance / spread_t
        rest = max(wyy / w - mean * mean - slope * covariance, 1e-12)
        chance = rest / (spread_t * w)
        trust = max(0.0, 1.0 - 6.0 * chance / max(slope * slope, 1e-12))
        return mean - trust * slope * mean_t


class _Level:
    """How much flicker there is: the jitter of steps, which slow changes and motion hardly have."""

    def __init__(self, time_constant_s: float) -> None:
        self._tau_s = time_constant_s
        self._last: float | None = None
        self._sum = self._weight = 0.0

    def forget_last(self) -> None:
        """A new shot: its first step has no predecessor."""
        self._last = None

    def add(self, step: float, elapsed_s: float) -> None:
        """Take the step in exposure from one frame to the next, in logits."""
        last, self._last = self._last, step
        if last is None:
            return
        jerk = max(-_OUTLIER, min(_OUTLIER, step - last))
        keep = math.exp(-elapsed_s / self._tau_s)
        # Second differences of independent values have six times their variance.
        self._sum = keep * self._sum + jerk * jerk / 6.0
        self._weight = keep * self._weight + 1.0

    def deviation(self) -> float:
        """Standard deviation of flicker, in logits."""
        return math.sqrt(self._sum / self._weight) if self._weight else 0.0

    def state(self) -> list[float | None]:
        """Sum, weight and last step."""
        return [self._sum, self._weight, self._last]

    def restore(self, state: Sequence[float | None]) -> None:
        """Go on from a state."""
        total, weight, last = state
        self._sum, self._weight = float(total or 0.0), float(weight or 0.0)
        self._last = None if last is None else float(last)

    def share(self) -> float:
        """0 where there is next to no flicker, to 1."""
        if self._weight < 3.0:
            return 0.0
        x = (self.deviation() - _FLICKER_NONE) / (_FLICKER_SURE - _FLICKER_NONE)
        x = max(0.0, min(1.0, x))
        return x * x * (3.0 - 2.0 * x)
