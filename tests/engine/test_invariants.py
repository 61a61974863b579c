"""What must not depend on batches, on how frames come in, on look-ahead, or on span rules."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch
from engine_films import Middle
from engine_models import Plain
from engine_reels import FRAMES, reel_frames, write_reel
from torch import Tensor

from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.progress import NullProgress
from vidcolor.engine.shots.plan import ShotPlan, SpanRules
from vidcolor.engine.video import colorize_video
from vidcolor.media.files.work_folder import work_folder_of
from vidcolor.models.colorizer import Colorizer, as_colorizer
from vidcolor.temporal.dissolving import REACH_FRAMES
from vidcolor.types import LumaFrame

BATCHES = (1, 16)
CHUNKS = (1, FRAMES)
LOOK_AHEADS = (8, 64)
RULES = {
    "usual": SpanRules(),
    "short": SpanRules(min_frames=8, max_frames=40, warm_up=16, run_out=8, settle=4),
    "tiny": SpanRules(min_frames=1, max_frames=9, warm_up=4, run_out=4, settle=2),
    "no overlap": SpanRules(min_frames=20, max_frames=50, warm_up=0, run_out=0, settle=0),
}
CASES = [
    (("motion", 1), "short"), (("motion", 1), "no overlap"), (("motion", "auto"), "short"),
    (("ema", 3), "tiny"), (("off", 1), "usual"),
]  # fmt: skip
"""Smoothing and key frames, with span rules: all pairs would take minutes."""


@pytest.fixture(scope="module")
def model() -> Colorizer:
    """Each picture for itself, so that batches can't change what it makes of one."""
    return as_colorizer(Plain())


@pytest.fixture(scope="module")
def reel() -> list[LumaFrame]:
    """As a reader would give it."""
    return [LumaFrame(f, 8, True, n, Fraction(1, 24)) for n, f in enumerate(reel_frames())]


def _run(
    model: Colorizer, reel: list[LumaFrame], way: tuple[object, object], rules: str,
    *, batch: int = 4, chunk: int = 4, look_ahead: int = 24,
) -> tuple[Tensor, str]:  # fmt: skip
    options = ColorizeOptions(stabilize=way[0], every=way[1])  # type: ignore[arg-type]
    middle = Middle(
        model, options, look_ahead=look_ahead, batch_size=batch, render_factor=2,
        rules=RULES[rules],
    )  # fmt: skip
    ab = middle.all(reel, chunk)
    planner = middle.planner
    plan = ShotPlan({}, RULES[rules], planner.frames, tuple(planner.shots), tuple(planner.spans))
    return ab, plan.to_json()


@pytest.mark.parametrize(("way", "rules"), CASES, ids=str)
def test_colours_and_plan_depend_neither_on_batches_nor_on_chunks(
    model: Colorizer, reel: list[LumaFrame], way: tuple[object, object], rules: str
) -> None:
    """Byte for byte: the model rounds alike in all batches, and nothing else may differ."""
    frames = reel[55:125]  # a dissolve, a fade
    expected, plan = _run(model, frames, way, rules)
    assert len(expected) == len(frames)
    pairs = [(batch, 4) for batch in BATCHES] + [(4, chunk) for chunk in CHUNKS]
    for batch, chunk in pairs:
        ab, found = _run(model, frames, way, rules, batch=batch, chunk=chunk)
        assert found == plan, (batch, chunk)
        assert torch.equal(ab, expected), (batch, chunk)


@pytest.mark.parametrize(("way", "rules"), CASES, ids=str)
def test_all_frames_come_and_spans_are_the_same_whatever_the_look_ahead(
    model: Colorizer, reel: list[LumaFrame], way: tuple[object, object], rules: str
) -> None:
    plans = set()
    for look_ahead in LOOK_AHEADS:
        ab, plan = _run(model, reel[55:125], way, rules, look_ahead=look_ahead)
        assert len(ab) == 70
        plans.add(plan)
    assert len(plans) == 1


@pytest.mark.parametrize("rules", RULES)
def test_spans_follow_their_rules(model: Colorizer, reel: list[LumaFrame], rules: str) -> None:
    plan = ShotPlan.from_json(_run(model, reel, ("off", 1), rules)[1])
    limits, shots = RULES[rules], {shot.first: shot for shot in plan.shots}
    assert plan.spans[0].frame == 0
    for index, span in enumerate(plan.spans):
        length = plan.span_end(index) - span.frame
        assert 0 < length <= limits.max_frames
        assert span.is_boundary == (span.frame in shots)
        if index and span.is_boundary:
            assert span.frame - plan.spans[index - 1].frame >= limits.min_frames
        elif index:
            assert span.frame - plan.spans[index - 1].frame == limits.max_frames
            assert span.read_from == max(span.shot.first, span.frame - limits.overlap)
    # every boundary that may end a span does; in a dissolve only where the span ends soon anyway
    for first, shot in shots.items():
        before = max(span.frame for span in plan.spans if span.frame <= first)
        last = max((span.frame for span in plan.spans if span.frame < first), default=0)
        is_inside = last + limits.max_frames - first > REACH_FRAMES
        if shot.begins == "dissolve" and is_inside:
            assert before == last
        else:
            assert before == first or first - before < limits.min_frames


class _Kept(NullProgress):
    """Which spans are in the work folder, looked up at each frame that is written."""

    def __init__(self, output: Path) -> None:
        self._plan, self.frames = work_folder_of(output) / "plan.json", list[int]()

    def advance(self, n: int) -> None:
        """Look."""
        self.frames = [span["frames"] for span in json.loads(self._plan.read_text())["spans"]]


def _packets(path: Path) -> list[tuple[int, int | None, bytes]]:
    with av.open(str(path)) as film:
        return [(p.stream_index, p.pts, bytes(p)) for p in film.demux() if p.size]


def test_output_and_kept_spans_depend_on_rules_alone(tmp_path: Path) -> None:
    """The whole way, with sound: packets in the same order and with the same bytes."""
    film = write_reel(tmp_path / "film.mp4")
    cases = [("short", (1, 8), True), ("short", (4,), False)]
    for rules, batches, resume in cases:
        found = []
        for batch in batches:
            output = tmp_path / f"{rules}-{batch}-{resume}.mkv"
            kept = _Kept(output) if resume else NullProgress()
            options = ColorizeOptions(batch_size=batch, video_codec="ffv1", resume=resume)
            result = colorize_video(
                film, output, options=options, model=Plain(), spans=RULES[rules], progress=kept
            )
            assert result.plan is not None
            ends = [span.frame for span in result.plan.spans[1:]]
            assert not isinstance(kept, _Kept) or kept.frames == ends
            found.append((result.plan.to_json(), _packets(output)))
        assert all(each == found[0] for each in found[1:])
        assert {stream for stream, *_ in found[0][1]} == {0, 1}
