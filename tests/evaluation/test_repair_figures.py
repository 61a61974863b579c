"""Figures of repair: what is perfect gets the best ones, and nothing else does."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from vidcolor.cli.main import main
from vidcolor.evaluation.damage.films import evaluate_film_repair, film_table
from vidcolor.evaluation.damage.photos import (
    GIVEN,
    NONE,
    ROWS,
    TELEA,
    evaluate_repair,
    repair_table,
)
from vidcolor.repair.network import load_repairer

sys.path.append(str(Path(__file__).resolve().parents[1] / "repair"))
from repair_films import scene


def _photos() -> list[tuple[str, np.ndarray]]:
    return [(f"{n}.png", np.stack([scene(1, step_px=n)[0]] * 3, axis=2)) for n in range(3)]


def test_filling_by_the_true_mask_beats_leaving_the_damage() -> None:
    scores = evaluate_repair(_photos, load_repairer(), seed=1)
    figures = scores.figures()
    rows = figures["rows"]
    assert isinstance(rows, dict)
    assert list(rows) == list(ROWS)
    for name in (TELEA, GIVEN):
        # Soft pictures are filled well: at least 6 dB above the damage itself.
        assert rows[name]["psnr_inside"] > rows[NONE]["psnr_inside"] + 6.0
        assert rows[name]["ssim"] > rows[NONE]["ssim"]
    same = evaluate_repair(_photos, load_repairer(), seed=1).figures()
    assert same == figures
    assert "3 photographs" in repair_table(scores)


def test_film_figures_count_dust_once_and_touch_no_clean_frame() -> None:
    scores = evaluate_film_repair(scene(8), seed=2, dust=3.0, scratches=0.0)
    figures = scores.figures()
    assert figures["frames"] == 6
    assert figures["f1"] > 0.6
    assert figures["psnr_repaired"] > figures["psnr_none"] + 3.0
    assert figures["clean_changed"] == 0.0
    assert "all" in film_table({"scene": scores})


def test_command_prints_both_kinds(
    photos_tar: Path, samples_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = ["--damage", "-d", "cpu", "--progress", "none"]
    assert main(["eval", str(photos_tar), "--limit", "2", "--json", *plain]) == 0
    assert json.loads(capsys.readouterr().out)["photos"] == 2
    film = str(samples_dir / "newsreel.mp4")
    assert main(["eval", film, "--limit", "4", *plain]) == 0
    assert "newsreel.mp4" in capsys.readouterr().out
