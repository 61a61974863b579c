"""The shot plan: the same from a pass of its own and from a run, and kept in a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from engine_models import Plain
from engine_reels import BEGINS, FRAMES, write_reel

from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.plan_film import plan_beside, plan_film
from vidcolor.engine.shots.plan import ShotPlan, SpanRules
from vidcolor.engine.span_job import colorize_span
from vidcolor.engine.video import colorize_video
from vidcolor.errors import OptionError

RULES = SpanRules(min_frames=8, max_frames=40, warm_up=16, run_out=8, settle=4)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_reel(tmp_path_factory.mktemp("reel") / "film.mp4", is_vfr=True)


@pytest.fixture(scope="module")
def plan(film: Path) -> ShotPlan:
    return plan_film(film, rules=RULES)


def test_it_has_the_shots_of_the_film(plan: ShotPlan) -> None:
    assert plan.frames == FRAMES
    assert [shot.begins for shot in plan.shots] == ["start", *BEGINS.values()]
    for shot, first in zip(plan.shots[1:], BEGINS, strict=True):
        # the middle of a dissolve is where both pictures are equally strong, by contrast too
        assert abs(shot.first - first) <= (2 if shot.begins == "dissolve" else 0)
    lasts = [shot.last + 1 for shot in plan.shots]
    assert lasts == [*(shot.first for shot in plan.shots[1:]), FRAMES]
    assert all(shot.first <= shot.key_frame <= shot.last for shot in plan.shots)
    assert all(shot.start_s < shot.end_s for shot in plan.shots)
    assert plan.shots[2].flicker > 0.02  # of the two shots before it, as it was put on them


def test_a_run_makes_the_same_plan_on_its_way(film: Path, plan: ShotPlan, tmp_path: Path) -> None:
    options = ColorizeOptions(video_codec="ffv1")
    result = colorize_video(film, tmp_path / "o.mkv", options=options, model=Plain(), spans=RULES)
    assert result.plan == plan
    assert result.cuts == tuple(shot.start_s for shot in plan.shots[1:])


def test_shots_of_a_plan_are_taken_instead_of_searched(film: Path, tmp_path: Path) -> None:
    whole = plan_film(film, rules=RULES)
    fewer = [whole.shots[0], whole.shots[3]]
    given = ShotPlan(whole.key, RULES, whole.frames, tuple(fewer), whole.spans)
    options = ColorizeOptions(video_codec="ffv1")
    result = colorize_video(film, tmp_path / "o.mkv", options=options, model=Plain(), plan=given)
    assert result.plan is not None
    assert [(s.first, s.begins) for s in result.plan.shots] == [(0, "start"), (117, "fade")]


def test_a_plan_of_another_part_of_the_film_is_refused(
    film: Path, plan: ShotPlan, tmp_path: Path
) -> None:
    part = ColorizeOptions(start_s=1.0)
    with pytest.raises(OptionError, match="the plan is of another film"):
        colorize_video(film, tmp_path / "o.mkv", options=part, model=Plain(), plan=plan)
    with pytest.raises(OptionError, match="the plan is of another film"):
        colorize_span(film, plan, 1, tmp_path / "o.mkv", options=part, model=Plain())
    with pytest.raises(OptionError, match="there is none with index 99"):
        colorize_span(film, plan, 99, tmp_path / "o.mkv", model=Plain())
    assert list(tmp_path.iterdir()) == []


def test_json_keeps_all_of_it(plan: ShotPlan) -> None:
    assert ShotPlan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 0}', '{"version": 1, "key": {}, "rules": {"x": 1}}']
)
def test_what_is_no_plan_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        ShotPlan.from_json(text)


def test_it_is_taken_from_its_file_only_where_it_fits(film: Path, tmp_path: Path) -> None:
    cache = plan_beside(tmp_path / "out.mkv")
    options = ColorizeOptions(end_s=1.0)
    first = plan_film(film, options=options, rules=RULES, cache=cache)
    assert [path for path in tmp_path.iterdir()] == [cache]
    content = json.loads(cache.read_text())
    marked = json.dumps({**content, "frames": 1000})
    cache.write_text(marked)
    assert plan_film(film, options=options, rules=RULES, cache=cache).frames == 1000
    # other rules, another part of the film, a damaged file: it is made again, and kept
    assert plan_film(film, options=options, cache=cache).rules == SpanRules()
    cache.write_text(marked)
    other = plan_film(film, options=ColorizeOptions(end_s=0.5), rules=RULES, cache=cache)
    assert other.frames < first.frames
    cache.write_text(marked[:-9])
    assert plan_film(film, options=options, rules=RULES, cache=cache) == first
    assert ShotPlan.from_json(cache.read_text()) == first


@pytest.mark.parametrize(
    "values",
    [
        {"min_frames": 0},
        {"max_frames": 90},
        {"warm_up": -1},
        {"min_frames": 10, "max_frames": 40},
        {"max_frames": 300, "run_out": 300},
    ],
)
def test_rules_that_make_no_sense_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(OptionError, match="must"):
        SpanRules(**values)
