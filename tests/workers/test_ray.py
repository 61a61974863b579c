"""A Ray cluster on this machine, of which a node is killed: the plain run's bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from engine_reels import reel_frames, write_reel

pytest.importorskip("ray", reason="Ray is not installed")
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_a_cluster_that_loses_a_node_makes_the_same_film(tmp_path: Path) -> None:
    """In a process of its own: Ray starts many, and warns of much."""
    film = write_reel(tmp_path / "film.mp4", frames=reel_frames()[60:180])
    words = [
        "endure/workers",
        str(film),
        "--ways",
        "ray:2",
        "ship:2",
        "--faults",
        "node",
        "--end",
        "5",
    ]
    run = subprocess.run(
        [sys.executable, str(ROOT / "checks"), *words, "--render-factor", "2"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "| ray:2 | node | same bytes |" in run.stdout
    # workers that can open neither the film nor the folder of the result
    assert "| ship:2 | node | same bytes |" in run.stdout
