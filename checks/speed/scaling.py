"""How far more workers help: a simulation from measured times and lengths of spans.

::

    python checks speed/scaling
    python checks speed/scaling --frame-ms 67 --read-ms 3.5 --span-ms 250

One program reads the films, each in a thread of its own and at most ``--readers`` at a time, and
asks for a span when all of it was read; workers colour spans; the scheduler's rules are those of
``vidcolor.workers``: the longest film first, as many spans in wait as there are workers, films that
are short beside the rest whole. Lengths of shots are drawn from a log-normal distribution (median
5 s, as in sound films), spans follow from them by ``SpanRules``. Efficiency is the time that all
workers together need for the frames alone, over the time until the last film is whole. One seed.
"""

from __future__ import annotations

import argparse
import heapq
import random
from collections import deque

from vidcolor.engine.shots.plan import SpanRules
from vidcolor.workers.batch import IDLE_SHARE, WHOLE_SHARE

_FPS = 24


def spans_of(frames: int, chance: random.Random, rules: SpanRules) -> list[int]:
    """Lengths of a film's spans."""
    spans, length = [], 0
    while frames > 0:
        shot = min(frames, max(12, round(_FPS * chance.lognormvariate(1.6, 0.8))))
        frames -= shot
        length += shot
        while length > rules.max_frames:
            spans.append(rules.max_frames)
            length -= rules.max_frames
        if length >= rules.min_frames:
            spans.append(length)
            length = 0
    return [*spans, length] if length else spans


def simulate(
    films: list[list[int]], workers: int, *, frame_s: float, read_s: float, span_s: float,
    readers: int,
) -> float:  # fmt: skip
    """Seconds until all films are whole.

    Args:
        films: lengths of spans.
        workers: how many.
        frame_s: a worker's seconds for a frame.
        read_s: the program's seconds to read a frame.
        span_s: what a span costs a worker by itself.
        readers: films that are read at the same time.
    """
    waiting = deque(sorted(films, key=sum, reverse=True))
    queue: deque[int] = deque()
    free, now, share = workers, 0.0, sum(map(sum, films)) / workers
    events: list[tuple[float, int, str, tuple[list[int], int] | None]] = []
    count, reading = 0, 0
    blocked: list[tuple[list[int], int]] = []

    def later(seconds: float, what: str, data: tuple[list[int], int] | None = None) -> None:
        nonlocal count
        count += 1
        heapq.heappush(events, (now + seconds, count, what, data))

    def read_on() -> None:
        """Reading goes on while fewer tasks wait than there are workers."""
        nonlocal reading
        while blocked and len(queue) < workers:
            film, at = blocked.pop(0)
            later(film[at] * read_s, "read", (film, at))
        while waiting and len(queue) < workers:
            film = waiting[0]
            if sum(film) <= WHOLE_SHARE * share:
                queue.append(sum(waiting.popleft()))
            elif reading < readers:
                reading += 1
                waiting.popleft()
                later(film[0] * read_s, "read", (film, 0))
            elif len(queue) < free:
                film = next((each for each in waiting if sum(each) <= IDLE_SHARE * share), [])
                if not film:
                    return
                waiting.remove(film)
                queue.append(sum(film))
            else:
                return

    def go_on() -> None:
        """Give out what waits, and read on, as long as either can be done."""
        nonlocal free
        while True:
            read_on()
            if not free or not queue:
                return
            while free and queue:
                free -= 1
                later(queue.popleft() * frame_s + span_s, "span")

    go_on()
    while events:
        now, _, what, data = heapq.heappop(events)
        if what == "read" and data is not None:
            film, at = data
            queue.append(film[at])
            if at + 1 < len(film):
                blocked.append((film, at + 1))
            else:
                reading -= 1
        else:
            free += 1
        go_on()
    return now


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--frame-ms", type=float, nargs="+", default=[67.0, 560.0])
    parser.add_argument("--read-ms", type=float, default=3.5)
    parser.add_argument("--span-ms", type=float, default=250.0)
    parser.add_argument("--readers", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--cores", type=int, default=16, help="of a node")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    chance, rules = random.Random(args.seed), SpanRules()
    reel = [spans_of(round(chance.uniform(4, 14) * 60 * _FPS), chance, rules) for _ in range(1000)]
    works = {"a film of 90 minutes": [spans_of(90 * 60 * _FPS, chance, rules)], "1,000 reels": reel}
    print("| work | ms per frame | workers | films read at a time | hours | efficiency |")
    print("|---" * 6 + "|")
    for name, films in works.items():
        for frame_ms in args.frame_ms:
            for nodes in (1, 10, 100):
                for readers in args.readers if len(films) > 1 else args.readers[:1]:
                    workers = nodes * args.cores
                    took = simulate(
                        films, workers, frame_s=frame_ms / 1000, read_s=args.read_ms / 1000,
                        span_s=args.span_ms / 1000, readers=readers,
                    )  # fmt: skip
                    ideal = sum(map(sum, films)) * frame_ms / 1000 / workers
                    print(
                        f"| {name} | {frame_ms:g} | {nodes} x {args.cores} | {readers} | "
                        f"{took / 3600:.2f} | {ideal / took:.2f} |"
                    )


if __name__ == "__main__":
    main()
