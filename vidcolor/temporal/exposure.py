"""Flicker of the source's exposure: measured within a shot, and evened out.

Exposure is taken as an offset of logit(L*/100), see ``tone``. The offset from one frame to the next
is the median over a small picture, so that what enters or moves does not count as long as it covers
less than half; being the same forward and backward, it does not drift. For the network, uneven
light and contrast are followed as well.

What is evened out is the difference from the shot's own course, a straight line fitted to the last
second or so: a slow change of light, a fade, is no flicker and stays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.temporal.tone import TERMS, Mask, Values, apply_terms, fit_change

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


class ExposureNormalizer:
    """Lightness for the network with the exposure of each shot made even over time.

    Causal: nothing is held back. On film without flicker frames pass untouched. A shot starts with
    its own exposure; how much flicker there is, is remembered over a cut.
    """

    strongest = 1.0
    """Bound of the correction in logits: 23 L* at middle grey."""

    def __init__(self) -> None:
        self._meter = FlickerMeter(uneven=True)

    def even(self, lightness: Tensor, seconds: Sequence[float], cuts: Sequence[bool]) -> Tensor:
        """Even out the next frames; the result never depends on how they were batched.

        Args:
            lightness: ``(B, 1, h, w)`` float32, L*/100, as the network would see it.
            seconds: presentation time of each frame.
            cuts: whether each frame is the first of a shot.

        Returns:
            ``(B, 1, h, w)`` float32, L*/100 in [0, 1].
        """
        terms = self._meter.corrections(lightness, seconds, cuts)
        if not any(any(t) for t in terms):
            return lightness
        return torch.stack([self._apply(*frame) for frame in zip(lightness, terms, strict=True)])

    def _apply(self, frame: Tensor, terms: Sequence[float]) -> Tensor:
        if not any(terms):
            return frame
        offset = _within(terms[0], self.strongest)
        rest = (_within(t, _REST_STRONGEST) for t in terms[1:])
        return apply_terms(frame, (offset, *rest), _CENTRE)


class Deflicker:
    """Takes flicker out of the output's lightness, for those who ask for it.

    Per frame one smooth curve on L* that keeps black black and white white, bounded in strength.
    The curve is found on the small lightness and put on the full-size one by ``shift_exposure``.
    """

    strongest = 0.5
    """Bound of the correction in logits: 12 L* at middle grey."""

    def __init__(self) -> None:
        self._meter = FlickerMeter(uneven=False)

    def offsets(
        self, lightness: Tensor, seconds: Sequence[float], cuts: Sequence[bool]
    ) -> list[float]:
        """What ``shift_exposure`` shall add to each of the next frames; 0.0 on steady film.

        Args:
            lightness: ``(B, 1, h, w)`` float32, L*/100, of any size, the source's own.
            seconds: presentation time of each frame.
            cuts: whether each frame is the first of a shot.
        """
        terms = self._meter.corrections(lightness, seconds, cuts)
        return [_within(offset, self.strongest) for (offset,) in terms]


class FlickerMeter:
    """Follows the exposure of a film frame by frame, and says how far each is off its course."""

    def __init__(self, *, uneven: bool) -> None:
        """Start with no past.

        Args:
            uneven: follow slopes and contrast too, ``tone.TERMS`` in all, and not only the offset.
        """
        self._terms = TERMS if uneven else 1
        self._known: tuple[Values, Mask] | None = None
        self._level = _Level(_COURSE_S)
        self._last_s = 0.0
        self._start_course()

    def corrections(
        self, lightness: Tensor, seconds: Sequence[float], cuts: Sequence[bool]
    ) -> list[tuple[float, ...]]:
        """What is to be added to each of the next frames, per term, in logits; not bounded."""
        small = F.adaptive_avg_pool2d(lightness.float(), (_SIDE, _SIDE))[:, 0].double().cpu()
        frames = zip(small.numpy(), seconds, cuts, strict=True)
        return [self._step(*frame) for frame in frames]

    def _start_course(self) -> None:
        self._exposure = np.zeros(self._terms)
        self._courses = [_Course(_COURSE_S) for _ in range(self._terms)]
        self._off_frames = 0

    def _step(self, small: Values, now_s: float, is_cut: bool) -> tuple[float, ...]:
        elapsed_s, self._last_s = max(now_s - self._last_s, 0.0), now_s
        if is_cut:
            self._known = None
            self._level.forget_last()
        tells = (small > _DARK) & (small < _BRIGHT)
        if tells.mean() < _LEAST_SHARE:
            return (0.0,) * self._terms
        kept = small.clip(0.01, 0.99)
        logits = np.log(kept / (1.0 - kept))
        known, self._known = self._known, (logits, tells)
        both = tells & known[1] if known is not None else None
        if known is None or both is None or both.mean() < _LEAST_SHARE:
            # Nothing to compare with: the course starts anew.
            self._start_course()
        else:
            offset = float(np.median((logits - known[0])[both]))
            self._level.add(offset, elapsed_s)
            if self._terms == 1:
                self._exposure = self._exposure + offset
            else:
                self._exposure = self._exposure + fit_change(known[0], logits, both, _CENTRE)
        share = self._level.share()
        return tuple(-share * off for off in self._off_course(elapsed_s))

    def _off_course(self, elapsed_s: float) -> list[float]:
        off = self._follow(elapsed_s)
        self._off_frames = self._off_frames + 1 if abs(off[0]) > _OUTLIER else 0
        if self._off_frames > _FLASH_FRAMES:
            self._start_course()
            off = self._follow(0.0)
        return off

    def _follow(self, elapsed_s: float) -> list[float]:
        pairs = zip(self._exposure.tolist(), self._courses, strict=True)
        return [value - course.add(value, elapsed_s) for value, course in pairs]


class _Course:
    """Exponentially weighted straight line through what has been, read at its end.

    The slope counts only as far as it is beyond what chance gives, so that flicker's noise does not
    come back through it.
    """

    def __init__(self, time_constant_s: float) -> None:
        self._tau_s = time_constant_s
        self._sums = [0.0] * 6  # of w, wt, wtt, wy, wty, wyy; t is 0 now and negative before

    def add(self, value: float, elapsed_s: float) -> float:
        """Take the next value, held near the course; the course's value there."""
        if self._sums[0] > 0.0:
            expected = self._read()
            value = max(expected - _OUTLIER, min(expected + _OUTLIER, value))
        w, wt, wtt, wy, wty, wyy = self._sums
        d = elapsed_s
        wtt, wt, wty = wtt - 2 * d * wt + d * d * w, wt - d * w, wty - d * wy
        keep = math.exp(-elapsed_s / self._tau_s)
        old = (keep * s for s in (w, wt, wtt, wy, wty, wyy))
        new = (1.0, 0.0, 0.0, value, 0.0, value * value)
        self._sums = [a + b for a, b in zip(old, new, strict=True)]
        return self._read()

    def _read(self) -> float:
        w, wt, wtt, wy, wty, wyy = self._sums
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

    def share(self) -> float:
        """0 where there is no flicker to speak of, to 1."""
        if self._weight < 3.0:
            return 0.0
        level = math.sqrt(self._sum / self._weight)
        x = (level - _FLICKER_NONE) / (_FLICKER_SURE - _FLICKER_NONE)
        x = max(0.0, min(1.0, x))
        return x * x * (3.0 - 2.0 * x)


def _within(value: float, bound: float) -> float:
    return max(-bound, min(bound, value))
