"""``vidcolor bench`` as users call it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from vidcolor.cli.main import main

STAGES = [
    "decode", "lightness, resize", "network", "shots, exposure", "smoothing", "colour join",
    "encode",
]  # fmt: skip


def bench(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    capsys.readouterr()
    exit_code = main(["bench", "-d", "cpu", "--render-factor", "4", *map(str, words)])
    said = capsys.readouterr()
    return exit_code, said.out, said.err


def figures(capsys: pytest.CaptureFixture[str], *words: str | Path) -> dict[str, Any]:
    exit_code, out, err = bench(capsys, "--json", *words)
    assert exit_code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_every_stage_and_the_whole_are_measured(
    capsys: pytest.CaptureFixture[str], weights: Path
) -> None:
    said = figures(capsys, "-m", weights, "--size", "96x64", "--frames", "6")
    (case,) = said["cases"]
    assert [stage["stage"] for stage in case["stages"]] == STAGES
    for timing in (*case["stages"], case["end_to_end"]):
        assert timing["ms_per_frame"] > 0
        # rounded to 3 digits behind the point on both sides
        assert timing["fps"] == pytest.approx(1000 / timing["ms_per_frame"], rel=0.02)
    assert sum(stage["share"] for stage in case["stages"]) == pytest.approx(1.0, abs=1e-3)
    assert case["end_to_end"]["frames"] == 6
    assert (case["width"], case["height"], case["working_width"]) == (96, 64, 96)
    assert case["random_weights"] is False
    # More than all would mean that operations, or times, are counted wrongly.
    assert 0 < case["network_share_of_matrix_rate_cpu_time"] < 1.2
    assert case["host_peak_mb"] > 50  # torch alone is more
    assert said["machine"]["torch"].startswith(torch.__version__.split("+")[0])
    assert said["machine"]["torch_threads"] == torch.get_num_threads()


def test_a_part_of_the_users_clip_is_used_as_it_is(
    capsys: pytest.CaptureFixture[str], weights: Path, film: Path
) -> None:
    (case,) = figures(capsys, film, "-m", weights, "--frames", "5")["cases"]
    assert case["end_to_end"]["frames"] == 5
    assert (case["width"], case["height"]) == (96, 64)
    assert case["material"] == "film.mp4"


def test_models_and_sizes_multiply(
    capsys: pytest.CaptureFixture[str], weights: Path, film: Path
) -> None:
    words = (film, "-m", weights, "-m", "compact", "--frames", "3", "--size", "64x48")
    cases = figures(capsys, *words, "--size", "128X96", "--precision", "fp32")["cases"]
    assert [(case["width"], case["height"]) for case in cases] == [(64, 48), (128, 96)] * 2
    assert [case["model"] for case in cases] == [str(weights)] * 2 + ["compact"] * 2
    assert {case["precision"] for case in cases} == {"fp32"}
    assert cases[0]["material"] == "film.mp4, scaled"


def test_the_table_says_what_people_ask(capsys: pytest.CaptureFixture[str], weights: Path) -> None:
    exit_code, out, err = bench(capsys, "-m", weights, "--size", "64x48", "--frames", "3")
    assert exit_code == 0, err
    assert "made-up film 64x48" in out and "end to end" in out
    assert "of the matrix rate" in out and "peak memory" in out
    assert all(stage in out for stage in STAGES)


@pytest.mark.parametrize("size", ["640", "641x480", "0x0", "99999x2", "640x480x3"])
def test_impossible_sizes_are_refused(capsys: pytest.CaptureFixture[str], size: str) -> None:
    exit_code, _, err = bench(capsys, "--size", size)
    assert exit_code == 2
    assert size in err


def test_a_missing_clip_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    exit_code, out, err = bench(capsys, tmp_path / "none.mp4")
    assert exit_code == 1
    assert "none.mp4" in err and "Traceback" not in err
