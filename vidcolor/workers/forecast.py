"""What a run would do: how many spans, how long, how much disk. Nothing is coloured or written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vidcolor.engine.shots.plan import SpanRules
from vidcolor.workers.batch import PHOTOS_PER_TASK, Request, Size, size_of

_FRAME_S: Final = 0.020
_PIXEL_S: Final = 0.13e-6
_PHOTO_S: Final = 0.5
"""CPU seconds of compact's network for a frame, of all else for a pixel, and of a photograph, on a
core that multiplies bfloat16 itself (docs/cluster.md). Other models take their own time beside."""

_MODEL_S: Final = {"compact": 0.0, "large": 0.09}
_OTHER_MODEL_S: Final = 0.55

_BITS_PER_PIXEL: Final = 0.35
"""Of H.264 with our default quality: grain costs most."""

_SHORTEST_SPAN: Final = 1.5
"""Length of a usual span of old film, in shortest ones: it ends at the next cut."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run would take.

    Attributes:
        films: how many.
        photos: how many.
        frames: of the films, by their headers.
        tasks: spans, about, and batches of photographs.
        cpu_s: CPU seconds, about; on a GPU less.
        workers: how many share them.
        disk_bytes: of results and work folders together, about, at most.
    """

    films: int
    photos: int
    frames: int
    tasks: int
    cpu_s: float
    workers: int
    disk_bytes: int

    @property
    def seconds(self) -> float:
        """How long it would take on CPUs, about."""
        return self.cpu_s / max(1, min(self.workers, self.tasks))


def forecast(
    requests: Sequence[Request], *, model: str, workers: int, rules: SpanRules | None = None
) -> Forecast:
    """What a run would take, by the headers of its inputs alone.

    Args:
        requests: the inputs.
        model: name of the model for films.
        workers: how many there would be.
        rules: how long spans are.
    """
    rules = rules or SpanRules()
    sizes = [size_of(each) for each in requests if each.kind == "film"]
    photos = len(requests) - len(sizes)
    frames, pixels = sum(s.frames for s in sizes), sum(s.pixels for s in sizes)
    each_s = _FRAME_S + _MODEL_S.get(model, _OTHER_MODEL_S)
    disk = 2 * pixels * _BITS_PER_PIXEL / 8  # a film and its spans, until it is whole
    return Forecast(
        len(sizes), photos, frames,
        sum(_spans(size, rules) for size in sizes) + math.ceil(photos / PHOTOS_PER_TASK),
        frames * each_s + pixels * _PIXEL_S + photos * _PHOTO_S, workers, round(disk),
    )  # fmt: skip


def _spans(size: Size, rules: SpanRules) -> int:
    usual = min(_SHORTEST_SPAN * rules.min_frames, rules.max_frames)
    return max(1, round(size.frames / usual))
