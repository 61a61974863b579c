"""Temporal stability of film: CDC, warp error and chroma warp error, with their masks.

All are means over a film's frames, then over films. None is good by being small alone: a grey film
has none of them. They are read beside the truth's own value and beside colourfulness.

Sources: CDC from Liu et al., "Temporally Consistent Video Colorization with Deep Feature
Propagation and Self-Regularization Learning" (TCVC, 2021); warp error and its masks from Lai et
al., "Learning Blind Video Temporal Consistency" (ECCV 2018), the masks after Ruder et al. (2016).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

CDC_LAGS: tuple[int, ...] = (1, 2, 4)
"""Distances, in frames, over which CDC compares histograms."""

FlowFunction = Callable[[Tensor, Tensor], Tensor]
"""Lightness ``(1, H, W)`` of a first and a second frame to flow ``(2, H, W)``, pixels (x, y):
``second[p + flow(p)]`` shows what ``first[p]`` does."""


@dataclass(frozen=True, slots=True)
class FlowPair:
    """How two frames of a film hang together; the same for every version of that film.

    Attributes:
        flow: ``(2, H, W)`` from the first frame to the second, pixels (x, y).
        valid: ``(H, W)`` bool on the first frame: neither occluded nor at a motion boundary.
    """

    flow: Tensor
    valid: Tensor

    @classmethod
    def between(cls, first: Tensor, second: Tensor, flow_of: FlowFunction) -> FlowPair:
        """Flow and mask of two frames' lightness, ``(1, H, W)`` L*/100."""
        forward = flow_of(first, second)
        return cls(forward, valid_mask(forward, flow_of(second, first)))


def valid_mask(forward: Tensor, backward: Tensor) -> Tensor:
    """Where the first frame's pixels can be followed into the second.

    Left out are pixels where ``|B' + F|^2 > 0.01 (|B'|^2 + |F|^2) + 0.5`` (occluded; ``B'`` is the
    backward flow fetched along the forward flow ``F``) and where
    ``|grad F|^2 > 0.01 |F|^2 + 0.002`` (motion boundaries; differences to the next pixel).

    Args:
        forward: ``(2, H, W)`` from the first to the second frame, pixels.
        backward: ``(2, H, W)`` from the second to the first.

    Returns:
        ``(H, W)`` bool on the first frame's grid.
    """
    returned = fetch(backward, forward)
    length, length_back = _squared(forward), _squared(returned)
    occluded = _squared(returned + forward) > 0.01 * (length_back + length) + 0.5
    boundary = _squared_gradient(forward) > 0.01 * length + 0.002
    return ~(occluded | boundary)


def fetch(image: Tensor, flow: Tensor) -> Tensor:
    """``image`` ``(C, H, W)`` sampled at ``p + flow(p)``: bilinear, beyond the border the border.

    Computed in the dtype of ``image``.
    """
    height, width = flow.shape[-2:]
    flow = flow.to(image)
    y = torch.arange(height, device=flow.device, dtype=flow.dtype).view(-1, 1)
    x = torch.arange(width, device=flow.device, dtype=flow.dtype).view(1, -1)
    grid = torch.stack(
        ((x + flow[0]) * (2.0 / max(width - 1, 1)) - 1.0,
         (y + flow[1]) * (2.0 / max(height - 1, 1)) - 1.0), dim=-1,
    )  # fmt: skip
    return F.grid_sample(
        image[None], grid[None], mode="bilinear", padding_mode="border", align_corners=True
    )[0]


def warp_error(first: Tensor, second: Tensor, pair: FlowPair) -> float:
    """``sum M |first - W(second)|^2 / sum M``: squared distance over channels, mean over pixels.

    On RGB in [0, 1] it is the warp error of Lai et al. (their script also divides by the three
    channels, so its figures are a third of the paper's formula). On Lab ab it is chroma warp
    error, in Lab units squared.

    Args:
        first: ``(C, H, W)`` float32 or float64.
        second: ``(C, H, W)`` the later frame.
        pair: flow and mask from the first to the second.

    Returns:
        NaN where no pixel is valid (beyond a cut): such a pair says nothing.
    """
    count = int(pair.valid.sum())
    if not count:
        return math.nan
    distance = _squared(fetch(second, pair.flow) - first)
    return float(distance[pair.valid].sum(dtype=torch.float64)) / count


def clip_warp_error(frames: Sequence[Tensor], pairs: Sequence[FlowPair], *, lag: int = 1) -> float:
    """Mean warp error of a film: RGB in [0, 1], or ab for chroma warp error.

    Args:
        frames: ``(C, H, W)`` each.
        pairs: ``pairs[i]`` from frame ``i`` to frame ``i + lag``.
        lag: 1 for flicker, 20 for drift (the slow pulsing that lag 1 can't see).

    Returns:
        NaN where no pair says anything.
    """
    mean = Mean()
    for at, pair in enumerate(pairs):
        mean.add(warp_error(frames[at], frames[at + lag], pair))
    return mean.value


def clip_flows(lightness: Sequence[Tensor], flow_of: FlowFunction, *, lag: int) -> list[FlowPair]:
    """Pairs for ``clip_warp_error``, of a film held in memory.

    Args:
        lightness: ``(1, H, W)`` L*/100 each, of the source.
        flow_of: such as ``vidcolor.temporal.flow.FlowEstimator()``.
        lag: frames between the two.
    """
    return [
        FlowPair.between(first, second, flow_of)
        for first, second in zip(lightness, lightness[lag:], strict=False)
    ]


class FlowHistory:
    """Flow between each frame and those before it, computed once for all versions of a film.

    Holds the lightness of as many frames as the longest lag.
    """

    def __init__(self, flow_of: FlowFunction, lags: Sequence[int] = (1, 20)) -> None:
        self.lags = tuple(lags)
        self._flow_of = flow_of
        self._past: deque[Tensor] = deque(maxlen=max(self.lags))

    def push(self, lightness: Tensor) -> dict[int, FlowPair]:
        """Take the next frame, ``(1, H, W)`` L*/100; pairs with earlier frames, by lag."""
        pairs = {
            lag: FlowPair.between(self._past[-lag], lightness, self._flow_of)
            for lag in self.lags
            if lag <= len(self._past)
        }
        self._past.append(lightness)
        return pairs


class CdcMeter:
    """Colour distribution consistency, a film's frames handed in one by one.

    Per channel of RGB a histogram of 256 bins; Jensen-Shannon divergence (natural logarithm) of
    histograms 1, 2 and 4 frames apart, each a mean over the film; the mean of the nine.
    """

    def __init__(self) -> None:
        self._past: deque[Tensor] = deque(maxlen=max(CDC_LAGS))
        self._means = {lag: Mean() for lag in CDC_LAGS}

    def add(self, rgb: Tensor) -> None:
        """Take the next frame: ``(3, H, W)`` code values in [0, 255], any dtype."""
        now = _histograms(rgb)
        for lag, mean in self._means.items():
            if lag <= len(self._past):
                mean.add(float(jensen_shannon(self._past[-lag], now).mean()))
        self._past.append(now)

    @property
    def value(self) -> float:
        """CDC so far; NaN before the fifth frame."""
        return sum(mean.value for mean in self._means.values()) / len(self._means)


def cdc(frames: Iterable[Tensor]) -> float:
    """Colour distribution consistency of a film; see ``CdcMeter``."""
    meter = CdcMeter()
    for frame in frames:
        meter.add(frame)
    return meter.value


def jensen_shannon(p: Tensor, q: Tensor) -> Tensor:
    """Jensen-Shannon divergence of distributions along the last dimension, in nats."""
    mean = (p + q) / 2.0
    # xlogy is 0 where a bin is empty, also where both are: there mean is 0 too.
    tiny = torch.finfo(mean.dtype).tiny
    log_mean = mean.clamp_min(tiny).log()
    first, second = ((torch.xlogy(d, d) - d * log_mean).sum(dim=-1) for d in (p, q))
    return (first + second) / 2.0


class Mean:
    """A running mean that leaves out NaN."""

    def __init__(self) -> None:
        self.count, self._sum = 0, 0.0

    def add(self, value: float) -> None:
        """Count a value in, unless it is NaN."""
        if not math.isnan(value):
            self.count += 1
            self._sum += value

    @property
    def value(self) -> float:
        """NaN while there is none."""
        return self._sum / self.count if self.count else math.nan


def _histograms(rgb: Tensor) -> Tensor:
    """``(3, 256)`` float64 that sum to 1 each."""
    codes = (rgb.round() if rgb.is_floating_point() else rgb).clamp(0, 255).long()
    counts = torch.stack([torch.bincount(c.flatten(), minlength=256) for c in codes])
    return counts.double() / counts.sum(dim=1, keepdim=True)


def _squared(vectors: Tensor) -> Tensor:
    """``(C, H, W)`` to squared lengths ``(H, W)``."""
    return vectors.square().sum(dim=0)


def _squared_gradient(flow: Tensor) -> Tensor:
    """Squared differences to the next pixel, over both axes and components; 0 past the end."""
    across = F.pad(flow[:, :, 1:] - flow[:, :, :-1], (0, 1))
    down = F.pad(flow[:, 1:, :] - flow[:, :-1, :], (0, 0, 0, 1))
    return _squared(across) + _squared(down)
