"""``vidcolor train`` and ``vidcolor eval`` from end to end, on a handful of painted pictures."""

from __future__ import annotations

import json
import signal
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import RunHere, command
from PIL import Image

_CONFIG = """
crop = 32
batch_size = 2
steps = {steps}
validate_every = 2
save_every = 1
precision = "fp32"

[network]
decoder = [16, 16, 8, 8]
"""


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Six colourful pictures of random blocks."""
    folder = tmp_path / "album"
    folder.mkdir()
    random = np.random.default_rng(1)
    for number in range(6):
        blocks = random.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        picture = blocks.repeat(10, axis=0).repeat(10, axis=1)
        Image.fromarray(picture).save(folder / f"{number}.png")
    return folder


def words_for(tmp_path: Path, album: Path, steps: int) -> list[str]:
    (tmp_path / "small.toml").write_text(_CONFIG.format(steps=steps))
    return [
        "train", "small.toml", "--data", str(album), "--val", str(album), "--out", "run",
        "-d", "cpu",
    ]  # fmt: skip


def steps_logged(tmp_path: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (tmp_path / "run/log.jsonl").open()]


def test_training_writes_weights_that_colorize_and_goes_on(
    run_here: RunHere, tmp_path: Path, album: Path, photo: Path
) -> None:
    run = run_here(*words_for(tmp_path, album, 2))
    assert run.returncode == 0, run.stderr
    assert "wrote run/compact.safetensors" in run.stderr
    assert "validation, half to report: ab RMSE" in run.stderr
    assert steps_logged(tmp_path) == [1, 2]
    assert run_here(*words_for(tmp_path, album, 3)).returncode == 0
    assert steps_logged(tmp_path) == [1, 2, 3]
    made = run_here(photo, "out.png", "-m", "run/compact.safetensors", "-d", "cpu")
    assert made.returncode == 0, made.stderr


def test_ctrl_c_stops_between_steps_and_training_goes_on(
    run_here: RunHere, tmp_path: Path, album: Path
) -> None:
    words = words_for(tmp_path, album, 100_000)
    process = subprocess.Popen(
        command(*words, "--progress", "json"), cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            if json.loads(line)["event"] == "progress":
                break
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(timeout=60) == 130, said
    done = steps_logged(tmp_path)[-1]
    assert run_here(*words_for(tmp_path, album, done + 1)).returncode == 0
    assert steps_logged(tmp_path)[-1] == done + 1


def test_train_needs_photographs(run_here: RunHere, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(_CONFIG.format(steps=1))
    assert run_here("train", "small.toml").returncode == 2
    assert run_here("train", "missing.toml", "--data", "x").returncode == 1
    (tmp_path / "small.toml").write_text("no_such_setting = 1")
    assert run_here("train", "small.toml", "--data", "x").returncode == 2


def test_eval_says_figures(
    run_here: RunHere, tmp_path: Path, album: Path, model_words: list[str]
) -> None:
    with tarfile.open(tmp_path / "album.tar", "w") as tar:
        tar.add(album, "album")
    runs = [run_here("eval", where, "--json", *model_words) for where in (album, "album.tar")]
    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    folder, tar_file = (json.loads(run.stdout) for run in runs)
    assert folder == tar_file
    assert folder["pictures"] == 6
    assert folder["rmse_ratio"] > 0
    grey = run_here("eval", album, "--json", "--saturation", "0", *model_words)
    # Grey against the truth is the unit of the figure; 8-bit greys have ab of exactly 0.
    assert json.loads(grey.stdout)["rmse_ratio"] == pytest.approx(1.0, abs=1e-3)
    text = run_here("eval", album, "--limit", "2", *model_words)
    assert "photographs                  2" in text.stdout


def test_eval_of_one_half_and_of_worn_pictures(
    run_here: RunHere, album: Path, clip: Path, model_words: list[str]
) -> None:
    def rows(*words: str) -> list[dict[str, object]]:
        run = run_here("eval", album, "--json", *words, *model_words)
        assert run.returncode == 0, run.stderr
        found: list[dict[str, object]] = json.loads(run.stdout)["rows"]
        return found

    both, choose, report = rows(), rows("--half", "choose"), rows("--half", "report")
    assert [r[0]["pictures"] for r in (both, choose, report)] == [6, 3, 3]
    assert choose[0]["colourfulness_truth"] != report[0]["colourfulness_truth"]
    worn, again, other = (rows("--wear", "0.7", "--seed", seed) for seed in ("1", "1", "2"))
    assert worn == again
    assert worn[0] == both[0] == other[0]  # grey is what it was
    assert len({r[-1]["correlation"] for r in (both, worn, other)}) == 3
    text = run_here("eval", album, "--wear", "0.7", "--half", "report", *model_words).stdout
    assert "worn, strength and seed      0.7, 0" in text
    assert "of the half to               report" in text
    for words in (("--wear", "0.7"), ("--half", "report")):
        refused = run_here("eval", clip, *words, *model_words)
        assert refused.returncode == 2
        assert f"{words[0]} is for photographs" in refused.stderr
    for strength in ("0", "2", "nan"):
        assert run_here("eval", album, "--wear", strength, *model_words).returncode == 2


def test_eval_without_photographs(run_here: RunHere, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for where in ("empty", "missing"):
        run = run_here("eval", where)
        assert run.returncode == 1
        assert "vidcolor: error: " in run.stderr
