"""Photographs and clips on a Ray cluster of which one node leaves and another one joins.

::

    python checks endure/many --photos 2000 --clips 40 --nodes 3

Small photographs and clips are made, no two alike, and colorized in one run. A node is killed when
a third is done, and one joins when half is. Every input must be done once, every result must be
that of one pipeline (all clips, and every tenth photograph), and nothing else may be left. Exit
code 1 otherwise. Linux only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import ray
from endure.workers import Counting as Progress
from endure.workers import cluster_of, join, until
from PIL import Image

from vidcolor.engine.image import colorize_image
from vidcolor.engine.model_choice import load_for
from vidcolor.engine.options import ColorizeOptions, ColorizeResult
from vidcolor.engine.progress import NullProgress
from vidcolor.engine.video import colorize_video
from vidcolor.workers.batch import Request, colorize_all
from vidcolor.workers.ray_pool import RayWorkers
from vidcolor.workers.tasks import Setup

OPTIONS = ColorizeOptions(model="compact", device="cpu", render_factor=2, encoder_threads=1)


class Told:
    """Counts what becomes of requests."""

    def __init__(self) -> None:
        self.done_times: Counter[str] = Counter()
        self.errors: list[str] = []

    def begun(self, request: Request) -> None:
        """Nothing."""

    def done(self, request: Request, result: ColorizeResult) -> None:
        """Count."""
        self.done_times[request.source] += 1

    def failed(self, request: Request, error: Exception) -> None:
        """Keep."""
        self.errors.append(f"{request.source}: {error}")


def make_photo(path: Path, chance: np.random.Generator) -> None:
    """Some grey shapes."""
    coarse = chance.integers(30, 220, (6, 8), np.uint8)
    Image.fromarray(coarse).resize((64, 48), Image.Resampling.BICUBIC).save(path)


def make_clip(path: Path, frames: int, chance: np.random.Generator) -> None:
    """A moving picture with a cut in the middle."""
    pictures = [chance.integers(30, 220, (6, 8)).repeat(8, 0).repeat(8, 1) for _ in range(2)]
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=24)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for count in range(frames):
            grey = np.roll(pictures[count * 2 // frames], count // 2, axis=1).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = count, Fraction(1, 24)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))


def main() -> int:
    """Run, and print what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--nodes", type=int, default=3)
    args = parser.parse_args()
    chance = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as name:
        source, out, alone = (Path(name) / part for part in ("in", "out", "alone"))
        for folder in (source, out, alone):
            folder.mkdir()
        requests = []
        for number in range(args.photos):
            make_photo(source / f"p{number:05}.png", chance)
        for number in range(args.clips):
            make_clip(source / f"c{number:05}.mp4", int(chance.integers(20, 120)), chance)
        for path in sorted(source.iterdir()):
            kind = "image" if path.suffix == ".png" else "film"
            requests.append(Request(str(path), str(out / path.name), kind))  # type: ignore[arg-type]
        cluster = cluster_of(args.nodes)
        told, progress, total = Told(), Progress(), args.photos + 70 * args.clips

        def disturb() -> None:
            until(progress, total // 3)
            cluster.remove_node(list(cluster.worker_nodes)[0], allow_graceful=False)
            print(f"a node was killed after {progress.done} frames and photographs", flush=True)
            until(progress, total // 2)
            print(f"a node joins after {progress.done}", flush=True)
            join(cluster)

        threading.Thread(target=disturb, daemon=True).start()
        began = time.monotonic()
        colorize_all(
            requests, RayWorkers(cluster.address, Setup(OPTIONS, "cpu")),
            options=OPTIONS, progress=progress, listener=told, threads=1,
        )  # fmt: skip
        seconds = time.monotonic() - began
        nodes = sum(node["Alive"] for node in ray.nodes()) - 1
        print(f"{nodes} nodes at the end", flush=True)
        faults = told.errors + [f"done {n} times: {p}" for p, n in told.done_times.items() if n > 1]
        faults += [f"not done: {r.source}" for r in requests if not told.done_times[r.source]]
        wanted = {Path(r.output).name for r in requests}
        faults += [f"left: {p.name}" for p in out.iterdir() if p.name not in wanted]
        model = load_for("video", OPTIONS, NullProgress(), None)
        for request in [r for at, r in enumerate(requests) if r.kind == "film" or at % 10 == 0]:
            target = alone / Path(request.output).name
            make = colorize_image if request.kind == "image" else colorize_video
            make(request.source, target, options=OPTIONS, model=model)
            if target.read_bytes() != Path(request.output).read_bytes():
                faults.append(f"other bytes: {request.source}")
        print(f"{len(requests)} inputs in {seconds:.0f} s, {len(faults)} faults")
        print(*faults[:20], sep="\n")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
