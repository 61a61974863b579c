"""``vidcolor compare`` and mixes on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

SMALL = ("-d", "cpu", "--render-factor", "2")


def test_models_are_compared_in_a_picture(
    run_here: Callable[..., Any], photo: Path, tmp_path: Path
) -> None:
    done = run_here("compare", photo, "-m", "compact", "-m", "compact+large:0.3", *SMALL)
    assert done.returncode == 0, done.stderr
    assert "compact+large:0.3" in done.stderr
    assert photo.with_name(f"{photo.stem}_compare.png").is_file()


def test_unknown_models_of_a_mix_are_named_in_one_line(
    run_here: Callable[..., Any], photo: Path, tmp_path: Path
) -> None:
    done = run_here(photo, tmp_path / "out.png", "-m", "compact+ddcolour")
    assert done.returncode == 2
    assert "'ddcolour' is no known model" in done.stderr
    assert not (tmp_path / "out.png").exists()
