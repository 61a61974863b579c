"""Who works: ``--jobs``, ``--cluster`` and several devices; and what ``--dry-run`` says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cli_helpers import RunHere, make_clip

from vidcolor.cli.work.jobs import Job
from vidcolor.cli.work.parallel import Where, chosen
from vidcolor.engine.options import ColorizeOptions
from vidcolor.errors import OptionError
from vidcolor.workers.cores import usable_cores
from vidcolor.workers.shares import setups_for


@pytest.mark.parametrize(
    ("jobs", "cluster", "device", "where"),
    [
        (None, None, "auto", None),
        ("1", None, "cpu", None),
        ("3", None, "cpu", Where(3)),
        ("auto", None, "cpu", Where()),
        (None, None, "cuda:0,cuda:1", Where(2)),
        ("4", None, "cuda:0,cuda:1", Where(4)),
        (None, "auto", "auto", Where(None, "auto")),
        ("2", "head:6379", "cpu", Where(2, "head:6379")),
    ],
)
def test_who_works(jobs: str | None, cluster: str | None, device: str, where: Where | None) -> None:
    assert chosen(jobs, cluster, device) == where


@pytest.mark.parametrize("cores", [2, 4])
def test_auto_starts_workers_where_they_pay(tmp_path: Path, cores: int) -> None:
    """Two cores are kept busy by one pipeline; a number that was asked for counts all the same."""
    short, long, cpu = tmp_path / "short.mp4", tmp_path / "long.mp4", ColorizeOptions(device="cpu")
    make_clip(short, frames=20)
    make_clip(long, frames=220)
    film, photo = Job(str(short), "out.mp4", "video"), Job("a.png", "b.png", "image")
    many = cores > 2
    assert not Where().shares_out([film], cpu, cores=cores)
    assert not Where().shares_out([photo], cpu, cores=cores)
    assert Where().shares_out([Job(str(long), "out.mp4", "video")], cpu, cores=cores) == many
    assert Where().shares_out([film, film], cpu, cores=cores) == many
    assert Where().shares_out([film, photo], cpu, cores=cores)
    assert Where().shares_out([photo, photo], cpu, cores=cores)
    assert Where(2).shares_out([film], cpu, cores=cores)
    assert Where(None, "auto").shares_out([film], cpu, cores=cores)


def test_the_workers_server_starts_before_torch_is_loaded() -> None:
    """It loads torch at the same time as the program does."""
    code = (
        "import sys\n"
        "from vidcolor.workers.early import begin_early\n"
        "begin_early()\n"
        "print(sorted({'torch', 'numpy', 'av'} & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_ship_is_for_a_cluster() -> None:
    assert chosen(None, "auto", "cpu", ship=True) == Where(None, "auto", ship=True)
    with pytest.raises(OptionError, match="--ship"):
        chosen("2", None, "cpu", ship=True)


@pytest.mark.parametrize("jobs", ["0", "-1", "two", "1.5", ""])
def test_odd_numbers_of_jobs_are_refused(jobs: str) -> None:
    with pytest.raises(OptionError, match="--jobs"):
        chosen(jobs, None, "cpu")


def test_each_device_gets_workers_and_cores_are_shared() -> None:
    options = ColorizeOptions(model="compact", device="cpu,mps")
    setups = setups_for(4, options)
    assert [setup.device for setup in setups] == ["cpu", "mps", "cpu", "mps"]
    assert {setup.threads for setup in setups} == {max(1, usable_cores() // 4)}
    assert len(setups_for(None, ColorizeOptions(model="compact", device="cpu"))) <= usable_cores()


def test_a_dry_run_counts_and_writes_nothing(tmp_path: Path, run_here: RunHere) -> None:
    make_clip(tmp_path / "a.mp4", frames=30)
    make_clip(tmp_path / "b.mp4", frames=12)
    outcome = run_here("--dry-run", "--jobs", "2", "-d", "cpu", "-o", "out", "a.mp4", "b.mp4")
    assert outcome.returncode == 0
    assert "2 films with 42 frames, 0 photos: about 2 tasks for 2 workers" in outcome.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]
    direction = tmp_path / "b.colors.toml"
    direction.write_text('model = "compact"\n[[part]]\nshot = 1\nmodel = "large"\n')
    outcome = run_here("--dry-run", "-d", "cpu", "-o", "out", "a.mp4", "b.mp4")
    assert "b.mp4: coloured by compact, large in parts" in outcome.stderr
    direction.write_text('[[part]]\nmodel = "largest"\n')
    outcome = run_here("--dry-run", "-d", "cpu", "-o", "out", "a.mp4", "b.mp4")
    assert outcome.returncode == 1
    assert f"{direction.name}: line 2: [[part]] model" in outcome.stderr
