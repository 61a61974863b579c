"""Existing results: a question on a real terminal, a refusal without one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli_helpers import RunHere, make_clip, make_photo, on_terminal
from PIL import Image

from vidcolor.media.files.atomic import AtomicPath


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


def test_a_second_source_is_not_taken_for_out(
    run_here: RunHere, tmp_path: Path, model_words: list[str]
) -> None:
    """What a shell makes of ``-y *.png`` where there are exactly two."""
    make_photo(tmp_path / "a.png")
    second = make_photo(tmp_path / "b.png").read_bytes()
    for switch in ("-y", "-n"):
        run = run_here(switch, "a.png", "b.png")
        assert run.returncode == 2
        assert "vidcolor -o DIR a.png b.png" in run.stderr
        assert "vidcolor -y -o b.png a.png" in run.stderr
        assert run.stderr.count("\n") == 1
    assert (tmp_path / "b.png").read_bytes() == second
    assert run_here(*model_words, "-y", "-o", "b.png", "a.png").returncode == 0
    # now it is a result, and may be replaced
    assert run_here(*model_words, "-y", "a.png", "b.png").returncode == 0


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_a_second_film_is_not_taken_for_out(
    run_here: RunHere, clip: Path, tmp_path: Path, model_words: list[str], suffix: str
) -> None:
    other = make_clip(tmp_path / f"other{suffix}")
    before = other.read_bytes()
    assert run_here("-y", clip, other).returncode == 2
    assert other.read_bytes() == before
    assert run_here(*model_words, "-y", "-o", other, clip).returncode == 0
    if suffix != ".ts":  # it has no tags: a network with random weights may give grey
        assert run_here(*model_words, "-y", clip, other).returncode == 0


def test_n_skips_what_another_run_is_making(
    run_here: RunHere, clip: Path, photo: Path, tmp_path: Path, model_words: list[str]
) -> None:
    (tmp_path / "out").mkdir()
    with (
        AtomicPath(tmp_path / "out" / "film_color.mp4"),
        AtomicPath(tmp_path / "out" / "photo_color.png"),
    ):
        run = run_here(*model_words, "-n", "-o", "out", clip, photo)
        assert run.returncode == 0
        assert run.stderr.count("another run is making it, skipped") == 2
        assert run_here(*model_words, "-o", "out", clip).returncode == 1


def test_n_skips_the_same_picture_only(
    run_here: RunHere, tmp_path: Path, model_words: list[str]
) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    make_photo(tmp_path / "a" / "1.png")
    grey = np.linspace(230, 20, 64 * 48).reshape(48, 64).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / "b" / "1.png")
    for source in ("a/1.png", "b/1.png"):
        assert run_here(*model_words, "-n", "-o", "out", source).returncode == 0
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"1_color.png", "1_color_2.png"}
    for source in ("a/1.png", "b/1.png"):
        assert "exists, skipped" in run_here(*model_words, "-n", "-o", "out", source).stderr
    assert len(list((tmp_path / "out").iterdir())) == 2
