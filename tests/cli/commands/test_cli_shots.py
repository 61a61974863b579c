"""``vidcolor shots``, ``--shots`` and direction files, as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

from cli_helpers import RunHere

from vidcolor.direction.file import beside, load_direction
from vidcolor.direction.model import Direction


def test_shots_as_table_json_sheet_and_direction(run_here: RunHere, clip: Path) -> None:
    table = run_here("shots", clip.name, "--write-direction")
    assert table.returncode == 0, table.stderr
    assert table.stdout.splitlines()[1].split()[:4] == ["1", "0", "5", "6"]
    assert load_direction(beside(clip)) == Direction()
    listed = run_here("shots", clip.name, "-o", "shots.json", "--sheet", "s.html", "-m", "compact")
    assert listed.returncode == 0, listed.stderr
    assert len(json.loads((clip.parent / "shots.json").read_text())["shots"]) == 1
    assert (clip.parent / "s.html").read_text().count("<img") == 2
    again = run_here("shots", clip.name, "-o", "shots.json")
    assert again.returncode == 2
    assert "shots.json exists" in again.stderr


def test_an_edited_list_takes_the_place_of_detection(run_here: RunHere, clip: Path) -> None:
    (clip.parent / "shots.csv").write_text("first_frame\n3\n")
    run = run_here("shots", clip.name, "--shots", "shots.csv", "--format", "json")
    assert [shot["first_frame"] for shot in json.loads(run.stdout)["shots"]] == [0, 3]


def test_the_direction_beside_a_film_is_read(run_here: RunHere, clip: Path) -> None:
    beside(clip).write_text("saturation = 99\n")
    run = run_here(clip.name, "out.mp4", "-m", "compact")
    assert run.returncode == 1
    assert f"{beside(clip).name}: line 1: saturation is 99" in run.stderr
    ignored = run_here(clip.name, "out.mp4", "-m", "compact", "--direction", "none")
    assert ignored.returncode == 0, ignored.stderr


def test_a_hint_that_makes_no_sense_names_the_flag(run_here: RunHere, clip: Path) -> None:
    run = run_here(clip.name, "out.mp4", "-m", "compact", "--hint", "1,2=red")
    assert run.returncode == 2
    assert "--hint in a film colours need a time" in run.stderr
    assert not (clip.parent / "out.mp4").exists()
