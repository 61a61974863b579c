"""A film with cuts and sound, ways to cut off a run of it, and a look at what is left."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from vidcolor.engine.options import ColorizeOptions, ColorizeResult
from vidcolor.engine.progress import NullProgress
from vidcolor.engine.shots.plan import SpanRules
from vidcolor.engine.video import colorize_video
from vidcolor.errors import Interrupted
from vidcolor.media.files.work_folder import work_folder_of
from vidcolor.models.colorizer import Colorizer

SIZE = (64, 48)
SPANS = SpanRules(min_frames=8, max_frames=24, warm_up=12, run_out=8, settle=4)
CUTS = (20, 120)
FRAMES = 132


def make_film(path: Path) -> Path:
    """132 frames in three shots, one longer than a span may be, with 5.5 s of sound."""
    rng = np.random.default_rng(5)
    shots = [rng.integers(20, 235, (6, 8)).astype(np.uint8) for _ in range(3)]
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=24, options={"crf": "10"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        sound = out.add_stream("aac", rate=8000, layout="mono")
        for number in range(FRAMES):
            grey = shots[sum(number >= cut for cut in CUTS)].repeat(8, 0).repeat(8, 1)
            grey = np.roll(grey, number // 2, axis=1)
            frame = av.VideoFrame.from_ndarray(np.stack([grey] * 3, -1), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            out.mux(video.encode(frame))
        for begin in range(0, 44000, 1000):
            wave = np.sin(np.arange(begin, begin + 1000) / 5.0, dtype=np.float32)[None]
            samples = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            samples.sample_rate, samples.pts, samples.time_base = 8000, begin, Fraction(1, 8000)
            out.mux(sound.encode(samples))
        out.mux(video.encode(None))
        out.mux(sound.encode(None))
    return path


def make_long_film(path: Path, *, frames: int, cut: int) -> Path:
    """Two still shots without loss, enough of them for spans of the usual length."""
    rng = np.random.default_rng(2)
    shots = [rng.integers(20, 235, (48, 64)).astype(np.uint8) for _ in range(2)]
    with av.open(str(path), "w") as out:
        video = out.add_stream("ffv1", rate=24)
        video.width, video.height, video.pix_fmt = 64, 48, "gray"
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(shots[number >= cut], format="gray")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    return path


class Watch(NullProgress):
    """Hears what is said, and stops the run when so many frames are written."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.stop_at, self.stop = stop_at, threading.Event()
        self.messages: list[str] = []
        self.done = self.skipped = 0

    def advance(self, n: int) -> None:
        self.done += n
        if self.stop_at is not None and self.done + self.skipped >= self.stop_at:
            self.stop.set()

    def skip(self, n: int) -> None:
        self.skipped += n

    def message(self, text: str) -> None:
        self.messages.append(text)


def colorize(
    source: Path | str,
    output: Path,
    model: Colorizer,
    watch: Watch | None = None,
    **options: object,
) -> ColorizeResult:
    """A run with short spans; without smoothing, which takes half of the time, unless asked for."""
    watch = watch or Watch()
    made = ColorizeOptions(**{"render_factor": 2, "stabilize": "off", **options})  # type: ignore[arg-type]
    return colorize_video(
        source, output, options=made, model=model, progress=watch, stop=watch.stop, spans=SPANS
    )


def cut_off(
    source: Path | str, output: Path, model: Colorizer, at: int, **options: object
) -> Watch:
    """A run that the user stops once ``at`` frames are written."""
    watch = Watch(at)
    try:
        colorize(source, output, model, watch, **options)
    except Interrupted:
        return watch
    raise AssertionError("it was faster than the signal")


def work_of(output: Path) -> Path:
    """The hidden folder."""
    return work_folder_of(output)
