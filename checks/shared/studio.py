"""Start ``vidcolor studio`` on the loopback address, and measure its processes (Linux)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx2 as httpx

_START_S = 60.0


class Server:
    """A running server.

    Attributes:
        address: such as http://127.0.0.1:40123
        start_s: seconds from the command to its address.
        process: it.
    """

    def __init__(self, folder: Path, store: Path, *words: str) -> None:
        """Start it; it may read ``folder``."""
        began = time.monotonic()
        command = [sys.executable, "-m", "vidcolor", "studio", str(folder), "--no-browser"]
        self.process = subprocess.Popen(
            [*command, "--port", "0", "--store", str(store), "-d", "cpu", *words],
            stderr=subprocess.PIPE, text=True, env={**os.environ, "VIDCOLOR_OFFLINE": "1"},
        )  # fmt: skip
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        self.start_s = time.monotonic() - began
        found = re.search(r"http://\S+", line)
        if found is None:
            sys.exit(f"the server doesn't start: {line}{self.process.stderr.read()}")
        self.address = found[0].rstrip("/")
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def user(self, timeout_s: float = 120.0) -> httpx.Client:
        """A visitor with a session of its own."""
        return httpx.Client(base_url=self.address, timeout=timeout_s)

    def memory_mb(self) -> float:
        """Resident set of the server process, in 10**6 bytes."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", text)
        return int(found[1]) * 1024 / 1e6 if found else 0.0

    def cpu_s(self) -> float:
        """Processor time that the server process has taken so far, in seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """As Ctrl-C does."""
        self.process.terminate()
        self.process.wait(_START_S)

    def kill(self) -> None:
        """As a crash does."""
        self.process.kill()
        self.process.wait(_START_S)


def put(user: httpx.Client, name: str, data: bytes) -> httpx.Response:
    """Upload."""
    return user.put("/api/uploads", params={"name": name}, content=data)


def job_of(user: httpx.Client, kind: str, source: str, **settings: Any) -> dict[str, Any]:  # noqa: ANN401
    """Queue a job."""
    answer = user.post("/api/jobs", json={"kind": kind, "sources": [source], "settings": settings})
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def ended(user: httpx.Client, key: str, limit_s: float = 300.0) -> dict[str, Any]:
    """A job when it has ended."""
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        found: dict[str, Any] = user.get(f"/api/jobs/{key}").json()
        if found["state"] not in ("queued", "running"):
            return found
        time.sleep(0.2)
    sys.exit(f"job {key} doesn't end")
