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

import av
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


def short_reel(reel: Path, path: Path, *, start_s: float, end_s: float) -> Path:
    """A part of the samples' newsreel at a third of its size, with its sound: quick to colour."""
    with av.open(str(reel)) as source, av.open(str(path), "w") as out:
        pictures, sound = source.streams.video[0], source.streams.audio[0]
        video = out.add_stream("libx264", rate=pictures.average_rate)
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        audio, number = out.add_stream_from_template(sound), 0
        for packet in source.demux(pictures, sound):
            if packet.stream is sound and packet.dts is not None:
                packet.stream = audio
                if start_s <= packet.pts * packet.time_base < end_s:
                    packet.pts = packet.dts = packet.pts - round(start_s / packet.time_base)
                    out.mux(packet)
                continue
            for frame in packet.decode() if packet.stream is pictures else ():
                if start_s <= frame.time < end_s:
                    small = frame.reformat(width=160, height=120)
                    small.pts, small.time_base = number, 1 / pictures.average_rate
                    small.pict_type, number = 0, number + 1
                    out.mux(video.encode(small))
        out.mux(video.encode(None))
    return path
