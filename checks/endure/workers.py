"""Films by many workers, undisturbed and disturbed: always the plain run's result.

::

    python checks endure/workers FILMS_OR_FOLDERS --ways jobs:2 jobs:4 ray:3
    python checks endure/workers FILM --usual --ways jobs:2 --faults worker=10 driver=5 damaged=3
    python checks endure/workers FILM --usual --ways ray:2 --faults worker=5 node=5 slow=3 full=3

Each film is colorized by one pipeline and then in each way: by N processes, or by a Ray cluster of
N nodes with one worker each, all on this machine; with ``ship:N`` these workers see neither film
nor output folder (``--ship``). Compared are the bytes, with one encoder thread,
and the decoded frames of a lossless film. Faults happen at random moments: a worker is killed, a
node is killed (Ray only), the program is killed and started again, a worker runs at a tenth of its
speed, a span's file is changed, the object stores of all nodes are full (Ray only). Spans are
short, so that a film of seconds has some; with ``--usual`` they are as long as always.

What a fault cost is told in seconds and in mean times of a span (``endure/attempts.py``). Exit code
1 if something differs, is left behind, or took more than two spans. Linux only.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import functools
import hashlib
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from endure.attempts import Attempts
from shared.files import films

from vidcolor.engine.options import ColorizeOptions, ColorizeResult
from vidcolor.engine.progress import NullProgress
from vidcolor.engine.shots.plan import SpanRules
from vidcolor.engine.video import colorize_video
from vidcolor.workers.batch import Request, colorize_all
from vidcolor.workers.executor import Done, Executor
from vidcolor.workers.local import LocalWorkers
from vidcolor.workers.shares import setups_for
from vidcolor.workers.tasks import Setup

SHORT = SpanRules(min_frames=10, max_frames=30, warm_up=12, run_out=6, settle=2)

FAULTS = ("worker", "node", "driver", "slow", "damaged", "full")


class Told:
    """Raises what fails."""

    def begun(self, request: Request) -> None:
        """Nothing."""

    def done(self, request: Request, result: ColorizeResult) -> None:
        """Nothing."""

    def failed(self, request: Request, error: Exception) -> None:
        """Stop."""
        raise error


class Counting(NullProgress):
    """Counts frames."""

    done = 0

    def advance(self, n: int) -> None:
        """Count."""
        self.done += n

    skip = advance


def workers(
    way: str, options: ColorizeOptions, hidden: tuple[str, ...] = ()
) -> tuple[Executor, Any]:
    """The executor of a way, and the Ray cluster beneath if there is one.

    With "ship:N" workers can't open what has a ``hidden`` name.
    """
    kind, _, number = way.partition(":")
    if kind == "jobs":
        setups = setups_for(int(number), options)
        return LocalWorkers([Setup(s.options, s.device) for s in setups]), None
    from vidcolor.workers.ray_pool import RayWorkers

    cluster = cluster_of(int(number))
    prepare = blind(hidden) if kind == "ship" else None
    setup = Setup(options, options.device, prepare=prepare)
    return RayWorkers(cluster.address, setup, ship=kind == "ship"), cluster


def blind(hidden: tuple[str, ...]) -> Callable[[], object]:
    """What makes a worker's process fail as soon as it opens anything with such a name.

    So the worker is as one on a machine that has none of it. Ray sends a function within a function
    as it is: workers don't have this module.
    """

    def prepare() -> None:
        import sys

        def watch(event: str, words: tuple[Any, ...]) -> None:
            if event.startswith(("open", "os.")) and words and str(words[0]).startswith(hidden):
                raise FileNotFoundError(f"{words[0]} isn't here")

        sys.addaudithook(watch)

    return prepare


STORE_BYTES = 100_000_000
"""Of each node's object store: enough for spans of seconds."""


@functools.cache
def cluster_of(nodes: int) -> Any:  # noqa: ANN401
    """A Ray cluster of so many nodes with one CPU each, and a head without any."""
    import ray
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "object_store_memory": STORE_BYTES}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    atexit.register(cluster.shutdown)
    atexit.register(ray.shutdown)
    for _ in range(nodes):
        cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
    # later nodes join from a thread, where Python allows no signal handlers
    ray._private.utils.set_sigterm_handler = lambda handler: None
    return cluster


def join(cluster: Any) -> None:  # noqa: ANN401
    """Another node joins. Doesn't return: a node ends with the thread that has started it."""
    cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
    threading.Event().wait()


def many(
    film: Path, output: Path, options: ColorizeOptions, way: str,
    rules: SpanRules, log: Path, disturb: Callable[[Executor, Any, Counting], None] | None = None,
) -> float:  # fmt: skip
    """Colorize with workers; seconds. What they attempt is noted in ``log``."""
    progress = Counting()
    executor, cluster = workers(way, options, (str(film), str(output.parent)))
    Attempts.note(executor, log)
    began = time.monotonic()
    if disturb is not None:
        threading.Thread(target=disturb, args=(executor, cluster, progress), daemon=True).start()
    request = Request(str(film), str(output), "film", overwrite=True)
    colorize_all(
        [request], executor, options=options, progress=progress, listener=Told(), threads=1,
        rules=rules,
    )  # fmt: skip
    return time.monotonic() - began


def fill_stores() -> list[Any]:
    """Put more into each node's object store than it holds; what it can't hold goes to disk.

    Returns:
        References that keep it there.
    """
    import numpy as np
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def put() -> list[Any]:
        return [ray.put(np.ones(STORE_BYTES // 10, np.uint8)) for _ in range(14)]

    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    there = [NodeAffinitySchedulingStrategy(node, soft=False) for node in nodes]
    task = ray.remote(put)
    held = [task.options(num_cpus=0, scheduling_strategy=each).remote() for each in there]
    ray.wait(held, num_returns=len(held))
    return held


def until(progress: Counting, frames: int) -> None:
    """Wait until so many frames are done."""
    while progress.done < frames:
        time.sleep(0.01)


def pids(executor: Any) -> list[int]:  # noqa: ANN401
    """Processes of workers."""
    if isinstance(executor, LocalWorkers):
        return executor.pids
    import ray

    return [ray.get(actor.pid.remote()) for _, actor in executor.members]


class Faults:
    """What can happen, at a random moment of a film of so many frames."""

    def __init__(self, chance: random.Random, frames: int) -> None:
        self._chance, self._frames = chance, frames

    def _moment(self, progress: Counting) -> None:
        until(progress, self._chance.randrange(self._frames * 3 // 4))

    def worker(self, executor: Executor, cluster: Any, progress: Counting) -> None:  # noqa: ANN401, ARG002
        """A worker is killed."""
        self._moment(progress)
        with contextlib.suppress(OSError, IndexError):
            os.kill(self._chance.choice(pids(executor)), signal.SIGKILL)

    def node(self, executor: Executor, cluster: Any, progress: Counting) -> None:  # noqa: ANN401, ARG002
        """A node is killed with all that is on it, and another one joins."""
        self._moment(progress)
        nodes = list(cluster.worker_nodes)
        cluster.remove_node(self._chance.choice(nodes), allow_graceful=False)
        join(cluster)

    def full(self, executor: Executor, cluster: Any, progress: Counting) -> None:  # noqa: ANN401, ARG002
        """The object stores of all nodes are filled with what somebody else keeps."""
        self.held = fill_stores()

    def slow(self, executor: Executor, cluster: Any, progress: Counting) -> None:  # noqa: ANN401, ARG002
        """A worker stands still nine tenths of the time."""
        until(progress, 1)
        pid = pids(executor)[0]
        with contextlib.suppress(OSError):
            while True:
                os.kill(pid, signal.SIGSTOP)
                time.sleep(0.9)
                os.kill(pid, signal.SIGCONT)
                time.sleep(0.1)

    def damaged(self, executor: Any, cluster: Any, progress: Counting) -> None:  # noqa: ANN401, ARG002
        """One byte of a span's file is changed before it is taken."""
        whole = executor.events
        left = [1]

        def events(timeout_s: float) -> Any:  # noqa: ANN401
            found = whole(timeout_s)
            for event in found:
                if isinstance(event, Done) and left[0]:
                    left[0] -= 1
                    path = Path(event.result.folder) / event.result.files[0].name
                    data = bytearray(path.read_bytes())
                    data[self._chance.randrange(len(data))] ^= 255
                    path.write_bytes(data)
            return found

        executor.events = events


def killed(
    film: Path, output: Path, options: ColorizeOptions, way: str, rules: SpanRules, log: Path,
    chance: random.Random, spans: int,
) -> None:  # fmt: skip
    """The program is killed at a random moment, and started again."""
    context = multiprocessing.get_context("spawn")
    while True:
        process = context.Process(target=many, args=(film, output, options, way, rules, log))
        process.start()
        begun, more_s = chance.randint(1, spans), chance.uniform(0, _MOMENT_S)
        while process.is_alive() and Attempts.begun(log) < begun:
            time.sleep(0.02)
        process.join(more_s)
        is_killed = process.is_alive()
        process.kill()
        process.join()
        if is_killed:
            break
        output.unlink()  # it was done before
        log.unlink()
    Attempts.note_killed(log)
    many(film, output, options, way, rules, log)


_MOMENT_S = 4.0
"""Of a span, about."""


def content(path: Path, *, lossless: bool) -> str:
    """A hash of a film's bytes, or of its decoded frames."""
    if not lossless:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    import av

    digest = hashlib.sha256()
    with av.open(str(path)) as film:
        for frame in film.decode(film.streams.best("video")):
            digest.update(f"{frame.pts}".encode() + frame.to_ndarray().tobytes())
    return digest.hexdigest()


class Trial:
    """One film in all ways."""

    def __init__(self, film: Path, args: argparse.Namespace, folder: Path) -> None:
        self._film, self._args, self._folder = film, args, folder / "work"
        self._log = folder / "attempts"
        self._folder.mkdir()
        self._rules = SpanRules() if args.usual else SHORT
        self._chance = random.Random(args.seed)
        self.faults = 0

    def run(self) -> None:
        """Print a row for each way and fault."""
        args = self._args
        for lossless in (False, True) if not args.faults else (False,):
            options = ColorizeOptions(
                model="compact", device="cpu", render_factor=args.render_factor, end_s=args.end,
                video_codec="ffv1" if lossless else None,
                encoder_threads=None if lossless else 1,
            )  # fmt: skip
            suffix = ".mkv" if lossless else args.suffix
            plain = self._folder / f"plain{suffix}"
            result = colorize_video(self._film, plain, options=options, spans=self._rules)
            wanted = content(plain, lossless=lossless)
            plain.unlink()
            spans = len(result.plan.spans) if result.plan else 0
            for way in args.ways:
                for what, times in self._what():
                    for _ in range(times):
                        output = self._folder / f"many{suffix}"
                        seconds = self._once(what, output, options, way, result.frames, spans)
                        same = content(output, lossless=lossless) == wanted
                        output.unlink()
                        left = [path.name for path in self._folder.iterdir()]
                        noted = Attempts(self._log)
                        lost_s, lost = noted.lost_s(what), noted.lost_s(what) / noted.span_s
                        is_late = bool(args.faults) and args.usual and lost > _MOST_LOST
                        self.faults += not same or bool(left) or is_late
                        verdict = "same" if same else "DIFFERENT"
                        kind = "frames" if lossless else "bytes"
                        print(
                            f"| {self._film.name} | {result.frames} | {spans} | {way} | {what} | "
                            f"{verdict} {kind} | {seconds:.1f} | {lost_s:.1f} | {lost:.2f} | "
                            f"{', '.join(left)} |",
                            flush=True,
                        )

    def _what(self) -> list[tuple[str, int]]:
        pairs = (word.partition("=") for word in self._args.faults)
        return [(name, int(times or 1)) for name, _, times in pairs] or [("none", 1)]

    def _once(
        self, what: str, output: Path, options: ColorizeOptions, way: str, frames: int, spans: int
    ) -> float:
        self._log.unlink(missing_ok=True)
        began = time.monotonic()
        where = (self._film, output, options, way, self._rules, self._log)
        if what == "driver":
            killed(*where, self._chance, spans)
            return time.monotonic() - began
        faults = Faults(self._chance, frames)
        return many(*where, None if what == "none" else getattr(faults, what))


_MOST_LOST = 2.0


def main() -> int:
    """Try all films and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("sources", nargs="+", type=Path, help="films, folders of films")
    parser.add_argument("--ways", nargs="+", default=["jobs:2"], help="jobs:N, ray:N, ship:N")
    parser.add_argument(
        "--faults", nargs="*", default=[], help=f"NAME or NAME=TIMES, of {', '.join(FAULTS)}"
    )
    parser.add_argument("--usual", action="store_true", help="spans as long as always")
    parser.add_argument("--end", type=float, default=3, metavar="S")
    parser.add_argument("--render-factor", type=int, default=4)
    parser.add_argument("--suffix", default=".mp4")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    unknown = {word.partition("=")[0] for word in args.faults}.difference(FAULTS)
    if unknown:
        parser.error(f"no such faults: {', '.join(sorted(unknown))}")
    head = "| film | frames | spans | way | fault | result | s | lost s | in spans | left |"
    print(head + "\n" + "|---" * 10 + "|")
    faults = 0
    for film in films(args.sources):
        with tempfile.TemporaryDirectory() as folder:
            trial = Trial(film, args, Path(folder))
            try:
                trial.run()
            except Exception as error:  # noqa: BLE001 - the next film is tried all the same
                print(f"| {film.name} | {type(error).__name__}: {error} |", flush=True)
                trial.faults += 1
            faults += trial.faults
    print(f"\n{faults} faults")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
