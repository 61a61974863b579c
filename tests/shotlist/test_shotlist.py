"""Lists of shots: each format holds the shots; JSON and CSV are read back."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest

from vidcolor.engine.shots.lists import read_shots
from vidcolor.engine.shots.plan import Shot
from vidcolor.errors import InputError
from vidcolor.shotlist.formats import FORMATS, ShotList, rows_of
from vidcolor.shotlist.sheet import sheet

SHOTS = (
    Shot(0, 0, 47, 0.0, 1.9583, "start", 0.0),
    Shot(1, 48, 99, 2.0, 4.125, "cut", 0.0),
    Shot(2, 100, 1799, 4.1667, 74.958, "dissolve", 0.0),
)
LIST = ShotList("reel.mp4", Fraction(24), rows_of(SHOTS))


@pytest.mark.parametrize("form", ["json", "csv"])
def test_lists_are_read_back(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"shots.{form}"
    path.write_text(FORMATS[form](LIST), encoding="utf-8")
    found = [(s.first, s.begins) for s in read_shots(path)]
    assert found == [(0, "start"), (48, "cut"), (100, "dissolve")]


def test_an_edited_list_needs_first_frames_only(tmp_path: Path) -> None:
    path = tmp_path / "shots.csv"
    path.write_text("first_frame;begins\n30;\n60;fade\n", encoding="utf-8")
    assert [(s.first, s.begins) for s in read_shots(path)] == [
        (0, "start"), (30, "cut"), (60, "fade"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"shots": 3}', "no list of shots"),
        ("{", "no JSON"),
        ("first_frame\n5\n4\n", "shot 2: begins before"),
        ("first_frame\nx\n", "shot 1: first_frame is 'x'"),
        ("first_frame,begins\n5,wipe\n", "shot 1: begins is 'wipe'"),
    ],
)
def test_lists_that_make_no_sense_are_refused(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "shots.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=says):
        read_shots(path)


def test_edl_has_an_event_for_each_shot() -> None:
    lines = FORMATS["edl"](LIST).splitlines()
    assert "002  AX       V     C        00:00:02:00 00:00:04:04 00:00:02:00 00:00:04:04" in lines
    assert sum(line[:3].isdigit() for line in lines) == 3
    assert "* BEGINS BY DISSOLVE" in lines


def test_otio_is_read_by_its_own_library() -> None:
    timeline = otio.adapters.read_from_string(FORMATS["otio"](LIST), "otio_json")
    clips = list(timeline.find_clips())
    assert [clip.source_range.start_time.value for clip in clips] == [0, 48, 100]
    assert [clip.source_range.duration.value for clip in clips] == [48, 52, 1700]


def test_table_and_json_have_all_shots() -> None:
    assert len(FORMATS["table"](LIST).splitlines()) == 4
    assert json.loads(FORMATS["json"](LIST))["shots"][2]["key_frame"] == 949


def test_the_sheet_shows_both_pictures() -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    page = sheet(LIST, [(row, picture, picture) for row in LIST.rows])
    assert page.count("data:image/jpeg") == 6
