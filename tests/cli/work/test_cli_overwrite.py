"""Existing results: a question on a real terminal, a refusal without one."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_helpers import RunHere, make_clip, on_terminal


@pytest.fixture
def taken(clip: Path) -> Path:
    """The clip's result exists."""
    result = clip.with_name("film_color.mp4")
    result.write_text("precious")
    return result


def test_refused_without_a_terminal(run_here: RunHere, clip: Path, taken: Path) -> None:
    run = run_here(str(clip))
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert "-y" in run.stderr
    assert "-n" in run.stderr
    assert taken.read_text() == "precious"


def test_n_skips_with_exit_0(run_here: RunHere, clip: Path, taken: Path) -> None:
    run = run_here(str(clip), "-n")
    assert (run.returncode, run.stderr) == (0, f"{taken}: exists, skipped\n")
    assert taken.read_text() == "precious"


def test_both_switches_contradict(run_here: RunHere, clip: Path, taken: Path) -> None:
    assert run_here(str(clip), "-n", "-y").returncode == 2
    assert taken.read_text() == "precious"


@pytest.mark.parametrize("answer", ["n", "", "x"])
def test_no_on_a_terminal_keeps_the_file(clip: Path, taken: Path, answer: str) -> None:
    with on_terminal(str(clip)) as screen:
        screen.wait_for("Overwrite? [y/N] ")
        screen.type(f"{answer}\n")
        assert screen.end() == 2
    assert taken.read_text() == "precious"
    assert "kept" in screen.text


def test_end_of_input_at_the_question_is_no(clip: Path, taken: Path) -> None:
    with on_terminal(str(clip)) as screen:
        screen.wait_for("[y/N] ")
        screen.type("\x04")  # Ctrl-D
        assert screen.end() == 2
    assert taken.read_text() == "precious"


def test_ctrl_c_at_the_question(clip: Path, taken: Path) -> None:
    with on_terminal(str(clip)) as screen:
        screen.wait_for("[y/N] ")
        screen.type("\x03")
        assert screen.end() == 130
    assert taken.read_text() == "precious"


def test_yes_on_a_terminal_replaces(clip: Path, taken: Path, model_words: list[str]) -> None:
    with on_terminal(str(clip), *model_words) as screen:
        screen.wait_for("[y/N] ")
        screen.type("y\n")
        assert screen.end() == 0, screen.text
    assert taken.stat().st_size > len("precious")


def test_many_are_asked_about_once_before_work_begins(
    run_here: RunHere, clip: Path, taken: Path
) -> None:
    second = make_clip(clip.with_name("second.mp4"))
    out = str(clip.parent)
    with on_terminal(str(clip), str(second), "-o", out) as screen:
        screen.wait_for("1 of 2 results exist")
        screen.type("q\n")
        assert screen.end() == 2
    assert not second.with_name("second_color.mp4").exists()
    refused = run_here(str(clip), str(second), "-o", out)
    assert refused.returncode == 2
    assert "nothing was done" in refused.stderr
    assert not second.with_name("second_color.mp4").exists()


def test_n_in_a_batch_does_the_others(
    run_here: RunHere, clip: Path, taken: Path, model_words: list[str]
) -> None:
    second = make_clip(clip.with_name("second.mp4"))
    run = run_here(str(clip), str(second), "-o", str(clip.parent), "-n", *model_words)
    assert run.returncode == 0, run.stderr
    assert taken.read_text() == "precious"
    assert second.with_name("second_color.mp4").exists()


def test_a_folder_is_never_replaced(run_here: RunHere, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "film_color.mp4").mkdir()
    run = run_here(str(clip), "-y")
    assert run.returncode == 2
    assert "folder" in run.stderr


def test_same_file_is_refused_even_with_y(run_here: RunHere, clip: Path) -> None:
    before = clip.read_bytes()
    run = run_here(str(clip), str(clip), "-y")
    assert run.returncode == 2
    assert "same file" in run.stderr
    assert clip.read_bytes() == before


def test_log_is_not_appended_to_a_film(run_here: RunHere, clip: Path) -> None:
    before = clip.read_bytes()
    assert run_here(str(clip), "--log-file", str(clip)).returncode == 2
    assert clip.read_bytes() == before
