"""``vidcolor info``: text and JSON of the same facts."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch
from cli_helpers import RunHere


@pytest.fixture
def interlaced(tmp_path: Path) -> Path:
    """Four grey frames whose header says that they are fields, top field first."""
    path = tmp_path / "fields.mkv"
    with av.open(str(path), "w") as container:
        options = {"flags": "+ildct+ilme", "x264-params": "tff=1"}
        stream = container.add_stream("libx264", rate=Fraction(25), options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(4):
            container.mux(stream.encode(av.VideoFrame(64, 64, "gray").reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    return path


def test_notes_name_flags(run_here: RunHere, interlaced: Path) -> None:
    """The library says ``deinterlace=True``."""
    run = run_here("info", interlaced.name)
    assert run.returncode == 0, run.stderr
    assert "fields are kept; --deinterlace on makes it progressive" in run.stdout


def test_models_of_parts_are_named(run_here: RunHere, clip: Path) -> None:
    direction = clip.with_name(f"{clip.stem}.colors.toml")
    direction.write_text('model = "compact"\n[[part]]\nshot = 1\nmodel = "large"\n')
    found = json.loads(run_here("info", clip.name, "-d", "cpu", "--json").stdout)
    assert (found["plan"]["model"], found["plan"]["part_models"]) == ("compact", ["large"])
    assert "models of parts: large" in run_here("info", clip.name, "-d", "cpu").stdout
    alone = run_here("info", clip.name, "-d", "cpu", "--direction", "none", "--json")
    assert json.loads(alone.stdout)["plan"]["part_models"] == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_a_missing_device_is_said_with_the_flag_that_helps(run_here: RunHere, clip: Path) -> None:
    run = run_here("info", clip.name, "-d", "cuda", "--json")
    found = json.loads(run.stdout)
    assert (found["file"], found["kind"]) == (clip.name, "video")
    assert [line for line in found["lines"] if line.endswith("or use --device cpu")]
