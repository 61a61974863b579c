"""Whole jobs whose colours come late: counts, sound, pipes, progress, and how they stop."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import av
import numpy as np
import pytest
from engine_clips import read_rgb, read_times, write_clip
from skimage.color import rgb2lab

import vidcolor
from vidcolor import ColorizeOptions, colorize_video
from vidcolor.engine.progress import NullProgress
from vidcolor.errors import Interrupted
from vidcolor.models.colorizer import Colorizer

NEWSREEL = Path(__file__).resolve().parents[2] / "samples" / "newsreel.mp4"
PART = {"start_s": 1.0, "end_s": 1.75, "render_factor": 4, "preset": "ultrafast"}
WAYS = [{"every": 4}, {"every": "auto"}, {"every": 3, "stabilize": "motion"}]


def _options(**values: object) -> ColorizeOptions:
    return ColorizeOptions(model="compact", device="cpu", **{**PART, **values})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def model() -> Colorizer:
    """The shipped network."""
    return vidcolor.load_model("compact", "cpu")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, model: Colorizer) -> Path:
    """Three quarters of a second of newsreel, every frame coloured for itself."""
    out = tmp_path_factory.mktemp("plain") / "out.mkv"
    colorize_video(NEWSREEL, out, options=_options(stabilize="off"), model=model)
    return out


def _packets(path: Path) -> list[tuple[int, int | None, bytes | None]]:
    """Stream, time and (but for the picture's) content of all packets, in file order."""
    with av.open(str(path)) as film:
        video = film.streams.video[0].index
        return [
            (p.stream_index, p.pts, None if p.stream_index == video else bytes(p))
            for p in film.demux()
            if p.size
        ]


@pytest.mark.parametrize("way", WAYS)
def test_frames_times_and_sound_are_those_of_a_plain_run(
    way: dict[str, object], plain: Path, tmp_path: Path, model: Colorizer
) -> None:
    out = tmp_path / "late.mkv"
    result = colorize_video(NEWSREEL, out, options=_options(**way), model=model)
    assert result.frames == len(read_rgb(plain))
    assert read_times(out) == read_times(plain)
    # Packet by packet in the same order: nothing waited in the muxer, nothing overtook.
    assert _packets(out) == _packets(plain)
    for rgb in read_rgb(out):
        chroma = np.ptp(rgb.astype(int), axis=2).mean()
        assert chroma > 3, "a frame is grey"


def _lightness(rgb: np.ndarray) -> np.ndarray:
    """L*, which colouring keeps however strong the colours are; grey codes it doesn't."""
    lightness: np.ndarray = rgb2lab(rgb / 255.0)[..., 0]
    return lightness


def test_compare_keeps_grey_beside_colour(tmp_path: Path, model: Colorizer) -> None:
    options = _options(every=5, compare=True, video_codec="ffv1", preset=None)
    colorize_video(NEWSREEL, tmp_path / "pair.mkv", options=options, model=model)
    greys = []
    for rgb in read_rgb(tmp_path / "pair.mkv"):
        half = rgb.shape[1] // 2
        left, right = rgb[:, :half].astype(int), rgb[:, half:].astype(int)
        assert np.ptp(left, axis=2).mean() < 2 < np.ptp(right, axis=2).mean()
        # The same frame on both sides: film moves, so a frame off by one would differ more.
        greys.append((_lightness(left), _lightness(right)))
    for (left_grey, right_grey), (next_grey, _) in zip(greys, greys[1:], strict=False):
        own = np.abs(left_grey - right_grey).mean()
        assert own < np.abs(next_grey - right_grey).mean()


class _StopAtFirstFrame(NullProgress):
    """Stops the job when its first frame is written, and counts."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        self.stop, self.total, self.count = stop, None, 0

    def start(self, total: int | None, unit: str, description: str) -> None:
        """Remember the total."""
        self.total = total

    def advance(self, n: int) -> None:
        """Count, stop."""
        self.count += n
        if self.stop:
            self.stop.set()


def test_progress_counts_written_frames(tmp_path: Path, model: Colorizer) -> None:
    progress = _StopAtFirstFrame()
    result = colorize_video(
        NEWSREEL, tmp_path / "o.mkv", options=_options(every=4), model=model, progress=progress
    )
    assert progress.count == result.frames
    assert progress.total == pytest.approx(result.frames, abs=1)


@pytest.mark.parametrize("way", WAYS)
def test_stopping_while_frames_wait_leaves_nothing(
    way: dict[str, object], tmp_path: Path, model: Colorizer
) -> None:
    stop = threading.Event()
    options = _options(**way, batch_size=1)
    with pytest.raises(Interrupted):
        colorize_video(
            NEWSREEL, tmp_path / "o.mkv", options=options, model=model, stop=stop,
            progress=_StopAtFirstFrame(stop),
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_from_pipe_to_pipe(tmp_path: Path) -> None:
    words = ["-m", "compact", "-q", "--every", "4", "--render-factor", "4", "--end", "0.5"]
    out = tmp_path / "piped.mkv"
    with NEWSREEL.open("rb") as source, out.open("wb") as target:
        run = subprocess.run(
            [sys.executable, "-m", "vidcolor", *words, "-", "-"],
            stdin=source, stdout=target, stderr=subprocess.PIPE, check=False, timeout=300,
        )  # fmt: skip
    assert run.returncode == 0, run.stderr.decode()
    with av.open(str(NEWSREEL)) as film:
        times = [float(f.pts * f.time_base) for f in film.decode(video=0) if f.time < 0.5]
    assert len(read_times(out)) == len(times)


def test_numbered_images_in_numbered_images_out(tmp_path: Path, model: Colorizer) -> None:
    import cv2

    grey = read_rgb(NEWSREEL)[0][..., 0]
    for number in range(7):
        cv2.imwrite(str(tmp_path / f"scan_{number:03d}.png"), np.roll(grey, 2 * number, axis=1))
    options = ColorizeOptions(model="compact", every=3, render_factor=4)
    result = colorize_video(
        tmp_path / "scan_%03d.png", tmp_path / "color_%03d.png", options=options, model=model
    )
    assert result.frames == 7
    for number in range(7):
        found = cv2.imread(str(tmp_path / f"color_{number:03d}.png"))
        assert np.ptp(found.astype(int), axis=2).mean() > 3


def test_deflicker_evens_lightness_only_when_asked(tmp_path: Path, model: Colorizer) -> None:
    """A still picture whose exposure jumps from frame to frame, as old film's does."""
    grey = read_rgb(NEWSREEL)[0][::2, ::2, 0].astype(float)
    rng = np.random.default_rng(5)
    source = [np.clip(grey * rng.normal(1.0, 0.06), 0, 255).astype(np.uint8) for _ in range(36)]
    film = write_clip(tmp_path / "flicker.mkv", source)
    levels = {}
    for deflicker in (False, True):
        options = ColorizeOptions(
            model="compact", render_factor=4, every=6, deflicker=deflicker, video_codec="ffv1"
        )
        out = tmp_path / f"{deflicker}.mkv"
        colorize_video(film, out, options=options, model=model)
        found = [rgb2lab(rgb)[..., 0].mean() for rgb in read_rgb(out)]
        # From frame 12 on: before that it isn't known yet that this film flickers.
        levels[deflicker] = np.std(found[12:])
    kept = np.std([rgb2lab(np.stack([g] * 3, axis=-1))[..., 0].mean() for g in source[12:]])
    assert levels[False] == pytest.approx(kept, rel=0.02)
    assert levels[True] < 0.5 * kept
