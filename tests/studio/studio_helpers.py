"""A studio that runs as users run it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx

START_S = 60.0
"""A busy machine; alone it takes 2 s."""


@dataclass(frozen=True)
class Running:
    """A server.

    Attributes:
        address: without a slash at the end.
        folder: the one that it was given.
        store: its own.
        process: it.
    """

    address: str
    folder: Path
    store: Path
    process: subprocess.Popen[str]

    def user(self) -> httpx.Client:
        """A visitor with a session of its own."""
        return httpx.Client(base_url=self.address, timeout=90.0)


def start(folder: Path, store: Path, *words: str) -> Running:
    """``vidcolor studio FOLDER``, when it answers."""
    command = [sys.executable, "-m", "vidcolor", "studio", str(folder), "--no-browser"]
    process = subprocess.Popen(
        [*command, "--port", "0", "--store", str(store), "-d", "cpu", *words],
        stderr=subprocess.PIPE, text=True, env={**os.environ, "VIDCOLOR_OFFLINE": "1"},
    )  # fmt: skip
    assert process.stderr is not None
    line = process.stderr.readline()
    found = re.search(r"http://\S+", line)
    assert found, line + process.stderr.read()
    # nobody reads further lines: a full pipe must not stop the server
    threading.Thread(target=process.stderr.read, daemon=True).start()
    return Running(found[0].rstrip("/"), folder, store, process)


def stop(running: Running) -> None:
    """As Ctrl-C does."""
    running.process.terminate()
    running.process.wait(START_S)


def wait_for(user: httpx.Client, job: str) -> dict[str, Any]:
    """A job when it has ended."""
    until = time.monotonic() + 120.0
    while time.monotonic() < until:
        found: dict[str, Any] = user.get(f"/api/jobs/{job}").json()
        if found["state"] not in ("queued", "running"):
            return found
        time.sleep(0.2)
    raise AssertionError(f"job {job} doesn't end: {found}")
