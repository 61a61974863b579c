"""The studio under load: 20 uploads at once, then many requests of status each second.

::

    python checks endure/studio_load --seconds 60 --rate 200

While jobs run. Exit code 1 after an answer of 5xx, a lost job, or memory that grows by more than
a tenth between the first and the last third.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import httpx2 as httpx
from shared.studio import Server, ended, job_of, put

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
UPLOADS = 20
LINES = 32
"""Connections at a time."""
GROWTH = 1.10
"""Python's allocator keeps some memory of the busiest second; a leak of 1 kB per request would be
12 MB of some 100."""


async def upload_at_once(server: Server, count: int) -> tuple[httpx.Cookies, list[str], float]:
    """Send the same photograph ``count`` times at once, as one user; sources and seconds."""
    data = (SAMPLES / "portrait.jpg").read_bytes()
    async with httpx.AsyncClient(base_url=server.address, timeout=120.0) as user:
        await user.get("/")
        began = time.monotonic()
        answers = await asyncio.gather(
            *(user.put(f"/api/uploads?name=p{n}.jpg", content=data) for n in range(count))
        )
        took = time.monotonic() - began
        bad = [answer.text for answer in answers if answer.status_code != 201]
        if bad:
            sys.exit(f"uploads failed: {bad[:3]}")
        return user.cookies, [answer.json()["source"] for answer in answers], took


class Line:
    """A connection that is kept; a client of few lines, so that its own work doesn't count."""

    def __init__(self, address: str, cookies: httpx.Cookies) -> None:
        self._where = urlsplit(address)
        words = "; ".join(f"{name}={value}" for name, value in cookies.items())
        self._tail = f" HTTP/1.1\r\nHost: {self._where.netloc}\r\nCookie: {words}\r\n\r\n"
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str) -> int:
        """Ask, read the answer; its status."""
        if self._ends is None:
            host, port = self._where.hostname, self._where.port
            self._ends = await asyncio.open_connection(host, port)
        reader, writer = self._ends
        writer.write(f"GET {path}{self._tail}".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = re.search(rb"content-length: (\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        return int(head.split(b" ", 2)[1])


async def ask_on(
    server: Server, cookies: httpx.Cookies, key: str, *, rate: int, seconds: float
) -> tuple[Counter[int], list[float], list[float]]:
    """Ask for a job's status at a rate; status codes, seconds per answer, memory in MB."""
    codes: Counter[int] = Counter()
    delays: list[float] = []
    memory: list[float] = []
    free: asyncio.Queue[Line] = asyncio.Queue()
    for _ in range(LINES):
        free.put_nowait(Line(server.address, cookies))

    async def one(number: int) -> None:
        began = time.monotonic()
        line = await free.get()
        codes[await line.get(f"/api/jobs/{key}" if number % 4 else "/api/jobs")] += 1
        delays.append(time.monotonic() - began)
        free.put_nowait(line)

    began, tasks = time.monotonic(), set()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        task = asyncio.create_task(one(number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        if number % rate == 0:
            memory.append(server.memory_mb())
    await asyncio.gather(*tasks)
    print(f"{sum(codes.values()) / (time.monotonic() - began):.0f} answers per second")
    return codes, delays, memory


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=int, default=200, help="requests per second")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        work = Path(place).resolve()
        (work / "reels").mkdir()
        server = Server(work / "reels", work / "store")
        print(f"address after {server.start_s:.2f} s")
        with server.user() as first:  # libraries load at the first picture
            put(first, "a.jpg", (SAMPLES / "portrait.jpg").read_bytes()).raise_for_status()
        cookies, sources, took = asyncio.run(upload_at_once(server, UPLOADS))
        print(f"{UPLOADS} uploads at once in {took:.1f} s")
        user = server.user()
        user.cookies = cookies
        jobs = [
            job_of(user, "photos", each, model="compact", render_factor=2)["id"] for each in sources
        ]
        codes, delays, memory = asyncio.run(
            ask_on(server, cookies, jobs[0], rate=args.rate, seconds=args.seconds)
        )
        third = max(1, len(memory) // 3)
        before, after = statistics.mean(memory[:third]), statistics.mean(memory[-third:])
        delays.sort()
        print(
            f"status codes {dict(codes)}; median {1e3 * statistics.median(delays):.0f} ms, "
            f"99 % {1e3 * delays[int(0.99 * len(delays))]:.0f} ms, most {1e3 * delays[-1]:.0f} ms"
        )
        cpu = server.cpu_s()
        print(f"the server took {1e3 * cpu / sum(codes.values()):.2f} ms of CPU per answer")
        print(f"memory of the server {before:.0f} MB, then {after:.0f} MB")
        last = [ended(user, key) for key in jobs]
        states = Counter(job["state"] for job in last)
        for job in last:
            if job["state"] != "done":
                print(job["title"], job.get("errors"), job["attempts"])
        print(f"jobs: {dict(states)}")
        server.stop()
        fine = set(codes) == {200} and states == {"done": UPLOADS} and after <= GROWTH * before
        return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
