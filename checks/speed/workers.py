"""Throughput of one pipeline and of several workers on the same film, in turns.

::

    python checks speed/workers CLIP CLIP... --size 640x480 --frames 480 --jobs 2
    python checks speed/workers CLIP CLIP... --size 1920x1080 --frames 240 --span 60 --jobs 2

The film is made of the first frames of the clips in turn, so that spans end at cuts. Given are
wall-clock seconds and CPU milliseconds per frame, the first without the start of workers and the
loading of models; with workers CPU time is that of all workers and the program. Beside them what a
span costs by itself: seconds until the first frame is asked for, and the memory of a worker.
Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from vidcolor.engine.model_choice import load_for
from vidcolor.engine.options import ColorizeOptions, ColorizeResult
from vidcolor.engine.progress import NullProgress
from vidcolor.engine.shots.plan import SpanRules
from vidcolor.engine.video import colorize_video
from vidcolor.workers.batch import Request, colorize_all
from vidcolor.workers.executor import Done, Event, Ready
from vidcolor.workers.local import LocalWorkers
from vidcolor.workers.shares import setups_for
from vidcolor.workers.tasks import SpanDone


@dataclass(frozen=True)
class Taken:
    """Seconds by wall clock, and CPU seconds of all that took part."""

    wall: float
    cpu: float


class Watched(LocalWorkers):
    """Notes when workers are ready, and what spans cost."""

    ready_at = 0.0

    def events(self, timeout_s: float) -> list[Event]:
        """Watch."""
        found = super().events(timeout_s)
        for event in found:
            if isinstance(event, Ready):
                self.ready_at = time.monotonic()
                self.cpu_at_ready = time.process_time()
            if isinstance(event, Done) and isinstance(event.result, SpanDone):
                self.spans.append(event.result)
                self.memory_mb.append(max(map(resident_mb, self.pids)))
        return found

    def begin(self) -> None:
        """Nothing was seen yet."""
        self.spans: list[SpanDone] = []
        self.memory_mb: list[float] = []
        self.cpu_at_ready = 0.0


class Told:
    """Raises what fails."""

    def begun(self, request: Request) -> None:
        """Nothing."""

    def done(self, request: Request, result: ColorizeResult) -> None:
        """Nothing."""

    def failed(self, request: Request, error: Exception) -> None:
        """Stop."""
        raise error


def resident_mb(pid: int) -> float:
    """Memory of a process's own, without what it shares with others, in 10**6 bytes."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return sum(int(x.split()[1]) for x in lines if x.startswith("Private_Dirty")) * 1024 / 1e6


def make_film(
    clips: list[Path], target: Path, size: tuple[int, int], frames: int, *each: int
) -> Path:
    """The clips' first frames in turn, again and again, scaled; ``each`` are numbers of them."""
    with av.open(str(target), "w") as out:
        video = out.add_stream("libx264", rate=24, options={"crf": "16", "preset": "veryfast"})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        count = 0
        for clip, most in zip(itertools.cycle(clips), itertools.cycle(each), strict=False):
            if count >= frames:
                break
            with av.open(str(clip)) as film:
                for frame in itertools.islice(film.decode(film.streams.best("video")), most):
                    scaled = frame.reformat(*size, format="yuv420p")
                    scaled.pts, scaled.time_base = count, Fraction(1, 24)
                    out.mux(video.encode(scaled))
                    count += 1
                    if count == frames:
                        break
        out.mux(video.encode(None))
    return target


def main() -> None:
    """Measure in turns."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--frames", type=int, default=480)
    parser.add_argument("--span", type=int, default=120, help="frames of each")
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("-m", "--model", default="compact")
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    rules = SpanRules(min_frames=max(1, args.span - 8))
    options = ColorizeOptions(model=args.model, device="cpu", overwrite=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = make_film(args.clips, folder / "film.mp4", (width, height), args.frames, args.span)
        model = load_for("video", options, NullProgress(), None)
        plain, many = [], []
        for turn in range(args.turns):
            began, cpu = time.monotonic(), time.process_time()
            result = colorize_video(
                film, folder / "plain.mp4", options=options, model=model, spans=rules
            )
            plain.append(Taken(time.monotonic() - began, time.process_time() - cpu))
            setups = setups_for(args.jobs, options)
            workers = Watched(setups)
            workers.begin()
            colorize_all(
                [Request(str(film), str(folder / "many.mp4"), "film", overwrite=True)], workers,
                options=options, progress=NullProgress(), listener=Told(),
                threads=setups[0].threads, rules=rules,
            )  # fmt: skip
            used = sum(span.cpu_seconds for span in workers.spans)
            used += time.process_time() - workers.cpu_at_ready
            many.append(Taken(time.monotonic() - workers.ready_at, used))
            _say(turn, plain[-1], many[-1], args.frames)
        wall = statistics.median(p.wall / m.wall for p, m in zip(plain, many, strict=True))
        cpu = statistics.median(m.cpu / p.cpu for p, m in zip(plain, many, strict=True))
        spans = len(result.plan.spans) if result.plan else 0
        opening = statistics.median(span.opening_s for span in workers.spans)
        print(
            f"{args.size}, {args.frames} frames in {spans} spans, {len(setups)} workers: "
            f"{wall:.2f} times as fast, {cpu:.3f} of the CPU time; opening a span "
            f"{1000 * opening:.0f} ms; {max(workers.memory_mb):.0f} MB in a worker"
        )


def _say(turn: int, plain: Taken, many: Taken, frames: int) -> None:
    texts = [
        f"{what} {taken.wall:.1f} s ({1000 * taken.cpu / frames:.1f} ms CPU per frame)"
        for what, taken in (("one pipeline", plain), ("workers", many))
    ]
    print(f"turn {turn + 1}: {', '.join(texts)}", flush=True)


if __name__ == "__main__":
    main()
