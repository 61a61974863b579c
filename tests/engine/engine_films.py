"""Frames of a film through the middle part of the engine, without reader and writer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vidcolor.engine.coloring.colorist import Colors, FilmColorist, FrameLightness
from vidcolor.engine.coloring.over_time import plan_over_time
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.shots.luma_line import LumaLine
from vidcolor.engine.shots.plan import SpanRules
from vidcolor.engine.shots.planner import Planner
from vidcolor.models.colorizer import Colorizer
from vidcolor.temporal import FilterChain
from vidcolor.temporal.cuts import LOOK_AHEAD_FRAMES
from vidcolor.types import LumaFrame


class Middle:
    """From luma frames to colours, as ``FilmJob`` puts it together."""

    def __init__(
        self, model: Colorizer, options: ColorizeOptions, *, look_ahead: int, batch_size: int,
        render_factor: int = 6, rules: SpanRules | None = None,
    ) -> None:  # fmt: skip
        """``look_ahead`` counts all frames that may wait, but for those of a batch."""
        self.planner = Planner(rules or SpanRules())
        self._line = LumaLine(self.planner, FilterChain(), rotation=0)
        self._colorist = FilmColorist(
            model, FrameLightness(model, render_factor=render_factor), batch_size=batch_size,
            over_time=plan_over_time(options, look_ahead - LOOK_AHEAD_FRAMES), rules=rules,
        )  # fmt: skip

    def push(self, frames: Sequence[LumaFrame]) -> Colors:
        """Take frames; return the colours that are ready."""
        ready = self._line.push(frames)
        while self._line.spans:
            self._colorist.announce(self._line.spans.popleft())
        return self._colorist.push(ready)

    def flush(self) -> list[Colors]:
        """The rest."""
        ready = self._line.flush()
        while self._line.spans:
            self._colorist.announce(self._line.spans.popleft())
        return [self._colorist.push(ready), self._colorist.flush()]

    def all(self, frames: Sequence[LumaFrame], chunk: int) -> Tensor:
        """Colours of a whole film, pushed in chunks of so many frames."""
        parts = [self.push(frames[at : at + chunk]) for at in range(0, len(frames), chunk)]
        return torch.cat([ab for part in (*parts, *self.flush()) for ab in part.ab])
