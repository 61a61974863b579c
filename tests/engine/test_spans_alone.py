"""Any span, coloured alone in a process of its own, is the same as in the run over the film."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import av
import numpy as np
import pytest
from engine_models import BatchSensitive
from engine_reels import reel_frames, write_reel

from vidcolor.direction.model import Direction, Part, Scope
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.shots.plan import ShotPlan, SpanRules
from vidcolor.engine.span_job import colorize_span
from vidcolor.engine.video import colorize_video
from vidcolor.media.files.packets import read_calls

SHORT = SpanRules(min_frames=8, max_frames=24, warm_up=8, run_out=6, settle=4)
LONGER = SpanRules(min_frames=8, max_frames=68, warm_up=8, run_out=6, settle=4)
"""The second span holds a whole dissolve, the third begins within a fade to black."""
PARTS = Direction(
    parts=(
        Part(Scope(shot=2), model="compact"),
        *(Part(Scope(start_s=s / 24, end_s=(s + 5) / 24), smoothing=0.3) for s in (3, 120, 131)),
        Part(Scope(start_s=141 / 24, end_s=152 / 24), model="compact"),
        Part(Scope(start_s=160 / 24), smoothing=0.0),
    )
)
"""Spans begin at frames 117, 141 and 165: some of these begin or end near, one just there."""

CASES = {
    "short spans": (SHORT, {}, {}),
    "a dissolve within a span, a fade around a seam": (LONGER, {}, {}),
    "a fade in, around a seam": (SHORT, {"rises": True}, {"batch_size": 5}),
    "key frames, without overlap": (
        SpanRules(min_frames=5, max_frames=24, warm_up=0, run_out=0, settle=0), {},
        {"every": "auto"},
    ),
    "every third, deflickered": (SHORT, {"is_vfr": True}, {"every": 3, "deflicker": True}),
    "in place, a part of the film, side by side": (
        SHORT, {},
        {"stabilize": "ema", "batch_size": 7, "start_s": 1.0, "end_s": 6.5, "compare": True},
    ),
    "parts with another model and smoothing, some of them across spans": (
        SHORT, {}, {"direction": PARTS, "render_factor": 2},
    ),
}  # fmt: skip


def _packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as film:
        return [bytes(packet) for packet in film.demux(video=0) if packet.size]


def _options(values: dict[str, object]) -> ColorizeOptions:
    defaults = {"batch_size": 4, "video_codec": "ffv1", "resume": False}
    return ColorizeOptions(**{**defaults, **values})  # type: ignore[arg-type]


FRAMES = 170
"""Of the reel: its last shot is then still longer than two spans."""

APART = ("short spans",)
"""Cases in which spans get processes of their own; else all share one, the last span first."""


def _alone(
    film: Path, text: str, indices: list[int], folder: Path, options: dict[str, object]
) -> None:
    """In a process of its own."""
    plan = ShotPlan.from_json(text)
    for index in indices:
        output = folder / str(index) / "out.mkv"
        output.parent.mkdir()
        done = colorize_span(
            film, plan, index, output, options=_options(options), model=BatchSensitive()
        )
        assert (done.first, done.end) == (plan.spans[index].frame, plan.span_end(index))
        (done.folder / done.files[0].name).rename(done.folder / "packets")
        assert [path.name for path in done.folder.iterdir()] == ["packets"]


def _film(path: Path, *, is_vfr: bool = False, rises: bool = False) -> Path:
    frames = reel_frames(flicker=0.0 if rises else 0.04)[:FRAMES]
    for number in range(40 if rises else 0):
        frames[117 + number] = (frames[117 + number] * ((number + 1) / 41)).astype(np.uint8)
    return write_reel(path, frames=frames, is_vfr=is_vfr)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_span_alone_is_the_same_span(tmp_path: Path, case: str) -> None:
    rules, film_options, values = CASES[case]
    film = _film(tmp_path / "film.mp4", **film_options)
    output = tmp_path / "whole.mkv"
    result = colorize_video(
        film, output, options=_options(values), model=BatchSensitive(), spans=rules
    )
    plan, packets = result.plan, _packets(output)
    assert plan is not None
    assert len(packets) == plan.frames == result.frames
    in_shot = [span for span in plan.spans if not span.is_boundary]
    assert len(in_shot) >= (1 if rules is LONGER else 2)
    assert len(plan.spans) - len(in_shot) >= 2
    if "rises" in film_options:  # a span begins where the meter says that the picture is faded
        assert any(span.exposure["fades"][1][0] < 0.95 for span in in_shot)
    if rules is LONGER:
        (middle,) = [shot.first for shot in plan.shots if shot.begins == "dissolve"]
        assert [span.frame for span in plan.spans[:3]] == [0, 30, 98]
        assert 50 < middle < 78
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["vidcolor.engine.span_job", "vidcolor.models.loading"])
    # the last, one that begins in mid-shot, one that doesn't
    at_cut = [index for index, span in enumerate(plan.spans) if span.is_boundary]
    indices = sorted({len(plan.spans) - 1, plan.spans.index(in_shot[0]), at_cut[1]}, reverse=True)
    for group in [[index] for index in indices] if case in APART else [indices]:
        process = context.Process(
            target=_alone, args=(film, plan.to_json(), group, tmp_path, values)
        )
        process.start()
        process.join()
        assert process.exitcode == 0
    for index in indices:
        span = plan.spans[index]
        calls = read_calls(tmp_path / str(index) / "packets")
        found = [packet.data for call in calls for packet in call]
        assert found == packets[span.frame : plan.span_end(index)], f"span {index}: {span}"
