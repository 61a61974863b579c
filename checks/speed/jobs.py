"""The command with ``--jobs`` beside the plain one, from start to end: wall clock, CPU time, bytes.

::

    python checks speed/jobs FILM --jobs auto --turns 3
    python checks speed/jobs CLIP CLIP... --size 640x480 --frames 740 --shots 60 110 85 150 70

One source is taken as it is; of several a film is made of their first frames in turn. Both ways are
run in turns, by the command line, with the start of Python and workers, in the same environment.
CPU time is that of all processes. Encoders have one thread in both, so that the bytes must be the
same; ``--free-threads`` leaves them as they are. Wall clock says something only where nothing else
runs. Linux only: orphaned processes are waited for, as the workers' fork server is one.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from speed.workers import Taken, make_film

_SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER of <linux/prctl.h>: what children leave behind becomes ours."""


def taken(words: list[str]) -> Taken:
    """Run the program with these words, and wait for all that it has started."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "vidcolor", "-y", "-q", *words],
        stdin=subprocess.DEVNULL,
        check=False,
    )
    wall = time.monotonic() - began
    if done.returncode:
        sys.exit(f"vidcolor {' '.join(words)}: exit code {done.returncode}")
    try:
        while True:
            os.wait()
    except ChildProcessError:
        pass
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Taken(wall, cpu)


def ratio(some: list[float], others: list[float]) -> float:
    """Median of the ratios of turns."""
    return statistics.median(a / b for a, b in zip(some, others, strict=True))


def main() -> int:
    """Measure in turns; exit code 1 if bytes differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("sources", nargs="+", type=Path)
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--frames", type=int, default=740)
    parser.add_argument("--shots", nargs="+", type=int, default=[60, 110, 85, 150, 70])
    parser.add_argument("--jobs", default="2")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--free-threads", action="store_true")
    parser.add_argument("-m", "--model", default="compact")
    args = parser.parse_args()
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    width, height = map(int, args.size.split("x"))
    usual = ["-m", args.model, "-d", "cpu"]
    usual += [] if args.free_threads else ["--encoder-threads", "1"]
    differ = 0
    with tempfile.TemporaryDirectory() as name:
        folder, film = Path(name), args.sources[0]
        if len(args.sources) > 1:
            film = make_film(
                args.sources, folder / "film.mp4", (width, height), args.frames, *args.shots
            )
        one, many = folder / "plain.mp4", folder / "many.mp4"
        plain, jobs = [], []
        for turn in range(args.turns):
            plain.append(taken([*usual, str(film), str(one)]))
            jobs.append(taken([*usual, "--jobs", args.jobs, str(film), str(many)]))
            same = one.read_bytes() == many.read_bytes()
            differ += not same and not args.free_threads
            print(
                f"turn {turn + 1}: plain {plain[-1].wall:.1f} s (CPU {plain[-1].cpu:.1f}), --jobs "
                f"{args.jobs} {jobs[-1].wall:.1f} s (CPU {jobs[-1].cpu:.1f}); bytes "
                f"{'the same' if same else 'differ'}; load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
        print(
            f"{ratio([t.wall for t in plain], [t.wall for t in jobs]):.2f} times as fast, "
            f"{ratio([t.cpu for t in jobs], [t.cpu for t in plain]):.3f} of the CPU time; plain "
            f"keeps {statistics.median(t.cpu / t.wall for t in plain):.2f} cores busy, --jobs "
            f"{statistics.median(t.cpu / t.wall for t in jobs):.2f}"
        )
    return int(bool(differ))


if __name__ == "__main__":
    sys.exit(main())
