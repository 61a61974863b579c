"""A long shot keeps its checkpoints, whatever the batch size is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from engine_clips import write_clip

import vidcolor
from vidcolor import ColorizeOptions, colorize_video
from vidcolor.engine.progress import NullProgress
from vidcolor.engine.plan import SpanRules
from vidcolor.media.files.work_folder import work_folder_of
from vidcolor.models.colorizer import Colorizer

FRAMES = 240


@pytest.fixture(scope="module")
def model() -> Colorizer:
    """The shipped network."""
    return vidcolor.load_model("compact", "cpu")


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One shot without a cut: a picture that moves slowly."""
    coarse = np.random.default_rng(3).integers(20, 235, (6, 8)).astype(np.uint8)
    picture = coarse.repeat(8, 0).repeat(8, 1)
    frames = [np.roll(picture, n // 4, axis=1) for n in range(FRAMES)]
    return write_clip(tmp_path_factory.mktemp("shot") / "shot.mkv", frames)


class _Spans(NullProgress):
    """Reads from the work folder where spans end, each time a frame is written."""

    def __init__(self, output: Path) -> None:
        self._plan = work_folder_of(output) / "plan.json"
        self.ends: list[int] = []

    def advance(self, n: int) -> None:
        """Look."""
        self.ends = [span["frames"] for span in json.loads(self._plan.read_text())["spans"]]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 5, 8])
def test_long_shots_keep_their_checkpoints(
    shot: Path, model: Colorizer, tmp_path: Path, batch_size: int
) -> None:
    output = tmp_path / "out.mkv"
    spans = _Spans(output)
    colorize_video(
        shot, output, model=model, progress=spans, spans=SpanRules(min_frames=24, max_frames=60, warm_up=16, run_out=8),
        options=ColorizeOptions(render_factor=2, batch_size=batch_size, video_codec="ffv1"),
    )  # fmt: skip
    # Spans of 60 frames, and a look-ahead of 48: at least two end before the film does.
    assert len(spans.ends) >= 2, spans.ends
