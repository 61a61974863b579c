"""Filters on luma: what they change is what is coloured and written; frames stay in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from engine_models import BatchSensitive, Plain

from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.progress import NullProgress
from vidcolor.engine.shots.plan import SpanRules
from vidcolor.engine.span_job import colorize_span
from vidcolor.engine.video import colorize_video
from vidcolor.errors import Interrupted, OptionError
from vidcolor.media.files.packets import read_calls
from vidcolor.temporal import FilterChain, LumaFilter, MarkedFrame
from vidcolor.types import LumaFrame

NEWSREEL = Path(__file__).resolve().parents[2] / "samples" / "newsreel.mp4"
CORNER = (slice(0, 96), slice(0, 128))
RULES = SpanRules(min_frames=8, max_frames=16, warm_up=6, run_out=4, settle=4)
PART = {"start_s": 1.0, "end_s": 3.0, "video_codec": "ffv1", "batch_size": 3}


class InvertCorner:
    """Inverts a corner, with the mean of up to two frames before; holds three frames back."""

    name = "invert corner"
    memory_frames = 2
    look_ahead_frames = 3

    def __init__(self) -> None:
        self._held: deque[MarkedFrame] = deque()
        self._before: deque[np.ndarray] = deque(maxlen=2)

    def push(self, frames: Sequence[MarkedFrame]) -> list[MarkedFrame]:
        """Take frames."""
        ready = []
        for marked in frames:
            self._held.append(marked)
            if len(self._held) > self.look_ahead_frames:
                ready.append(self._invert(self._held.popleft()))
        return ready

    def flush(self) -> list[MarkedFrame]:
        """The rest."""
        return [self._invert(self._held.popleft()) for _ in range(len(self._held))]

    def _invert(self, marked: MarkedFrame) -> MarkedFrame:
        if marked.begins_shot:
            self._before.clear()
        own = marked.frame.luma[CORNER]
        mean = np.mean([own, *self._before], axis=0).round().astype(own.dtype)
        self._before.append(own)
        luma = marked.frame.luma.copy()
        luma[CORNER] = 251 - mean  # limited range: 16 to 235
        return replace(marked, frame=replace(marked.frame, luma=luma))


def _options(**values: object) -> ColorizeOptions:
    return ColorizeOptions(**{**PART, **values})  # type: ignore[arg-type]


def _luma(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as film:
        return [f.to_ndarray(format="gray").astype(int) for f in film.decode(video=0)]


def test_what_a_filter_makes_is_written_and_nothing_else_changes(tmp_path: Path) -> None:
    grey = _options(saturation=0.0)
    for name, filters in (("plain", []), ("filtered", [InvertCorner()])):
        colorize_video(
            NEWSREEL, tmp_path / f"{name}.mkv", options=grey, model=Plain(), filters=filters
        )
    plain, filtered = _luma(tmp_path / "plain.mkv"), _luma(tmp_path / "filtered.mkv")
    assert len(plain) == len(filtered) > 40
    for before, after in zip(plain, filtered, strict=True):
        changed = after.copy()
        changed[CORNER] = before[CORNER]
        assert np.array_equal(changed, before)
    # The first frame has none before it. Rounding to codes and back, in full range here, is 2.
    assert np.abs(filtered[0][CORNER] - (255 - plain[0][CORNER])).max() <= 2
    assert np.abs(filtered[9][CORNER] - (255 - plain[9][CORNER])).max() > 2


class _Stop(NullProgress):
    def __init__(self, at: int | None = None) -> None:
        self.event, self.left, self.skipped = threading.Event(), at, 0

    def advance(self, n: int) -> None:
        """Stop after so many frames."""
        if self.left is not None:
            self.left -= n
            if self.left <= 0:
                self.event.set()

    def skip(self, n: int) -> None:
        """Count."""
        self.skipped += n


def test_a_resumed_run_and_spans_alone_come_to_the_same(tmp_path: Path) -> None:
    whole, output = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    result = colorize_video(
        NEWSREEL, whole, options=_options(deflicker=True), model=BatchSensitive(), spans=RULES,
        filters=[InvertCorner()],
    )  # fmt: skip
    stop = _Stop(20)
    with pytest.raises(Interrupted):
        colorize_video(
            NEWSREEL, output, options=_options(deflicker=True), model=BatchSensitive(),
            spans=RULES, filters=[InvertCorner()], stop=stop.event, progress=stop,
        )  # fmt: skip
    again = _Stop()
    colorize_video(
        NEWSREEL, output, options=_options(deflicker=True), model=BatchSensitive(),
        spans=RULES, filters=[InvertCorner()], progress=again,
    )  # fmt: skip
    assert again.skipped > 0
    assert output.read_bytes() == whole.read_bytes()
    plan = result.plan
    assert plan is not None
    with av.open(str(whole)) as film:
        packets = [bytes(packet) for packet in film.demux(video=0) if packet.size]
    for index in (1, len(plan.spans) - 1):
        folder = tmp_path / str(index)
        folder.mkdir()
        span = colorize_span(
            NEWSREEL, plan, index, folder / "span.mkv", options=_options(deflicker=True),
            model=BatchSensitive(), filters=[InvertCorner()],
        )  # fmt: skip
        calls = read_calls(folder / span.files[0].name)
        assert [p.data for call in calls for p in call] == packets[span.first : span.end]


def test_another_filter_begins_anew(tmp_path: Path) -> None:
    output, stop = tmp_path / "out.mkv", _Stop(20)
    with pytest.raises(Interrupted):
        colorize_video(
            NEWSREEL, output, options=_options(), model=Plain(), spans=RULES,
            stop=stop.event, progress=stop,
        )  # fmt: skip
    again = _Stop()
    colorize_video(
        NEWSREEL, output, options=_options(), model=Plain(), spans=RULES,
        filters=[InvertCorner()], progress=again,
    )  # fmt: skip
    assert again.skipped == 0


def test_filters_that_need_more_of_the_past_than_spans_give_are_refused(tmp_path: Path) -> None:
    rules = replace(RULES, settle=1)
    with pytest.raises(OptionError, match="filters need 2 earlier frames"):
        colorize_video(
            NEWSREEL, tmp_path / "o.mkv", options=_options(), model=Plain(), spans=rules,
            filters=[InvertCorner()],
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def _marked(count: int) -> list[MarkedFrame]:
    frames = [
        LumaFrame(np.full((2, 2), n, np.uint8), 8, True, n, Fraction(1)) for n in range(count)
    ]
    return [MarkedFrame(frame, n, n == 0) for n, frame in enumerate(frames)]


class _Faulty(InvertCorner):
    name = "faulty"
    memory_frames = look_ahead_frames = 0

    def __init__(self, fault: str) -> None:
        self._fault = fault

    def push(self, frames: Sequence[MarkedFrame]) -> list[MarkedFrame]:
        """Do what must not be done."""
        if self._fault == "loses one":
            return list(frames[1:])
        if self._fault == "holds too many":
            return []
        if self._fault == "repeats one":
            return [*frames, frames[-1]]
        return [replace(m, frame=replace(m.frame, pts=m.frame.pts + 1)) for m in frames]

    def flush(self) -> list[MarkedFrame]:
        """Nothing."""
        return []


@pytest.mark.parametrize("fault", ["loses one", "holds too many", "repeats one", "moves one"])
def test_a_filter_that_breaks_its_contract_is_found_out(fault: str) -> None:
    chain = FilterChain([_Faulty(fault)])
    with pytest.raises(ValueError, match="faulty"):
        chain.push(_marked(3))
        chain.flush()


def test_filters_follow_each_other() -> None:
    class Add:
        memory_frames = 0
        look_ahead_frames = 0

        def __init__(self, value: int, factor: int) -> None:
            self.name, self._value, self._factor = f"{value} {factor}", value, factor

        def push(self, frames: Sequence[MarkedFrame]) -> list[MarkedFrame]:
            return [
                replace(m, frame=replace(m.frame, luma=m.frame.luma * self._factor + self._value))
                for m in frames
            ]

        def flush(self) -> list[MarkedFrame]:
            return []

    filters: list[LumaFilter] = [Add(1, 1), Add(0, 3)]
    out = FilterChain(filters).push(_marked(3))
    assert [int(m.frame.luma[0, 0]) for m in out] == [3, 6, 9]
