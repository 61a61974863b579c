"""The studio killed in mid-job, started again: the job goes on, and its film is the same file.

::

    python checks endure/studio_kill --kills 2

Renders samples/newsreel.mp4 by the program, then through servers that get SIGKILL while the job
runs. Exit code 1 if the films differ, or if a program outlives its server.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from shared.studio import Server, ended, job_of

NEWSREEL = Path(__file__).resolve().parents[2] / "samples" / "newsreel.mp4"
STOP_S = 20.0
"""The program ends its current batch; the next server's worker waits for that."""
SETTINGS = {"model": "compact", "render_factor": 4}


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def outlives(text: str) -> bool:
    """Whether such a process is still there when it should have kept its finished parts."""
    until = time.monotonic() + STOP_S
    while time.monotonic() < until:
        if not is_running(text):
            return False
        time.sleep(0.2)
    return True


def is_running(text: str) -> bool:
    """Whether a process with this in its command line lives."""
    for place in Path("/proc").iterdir():
        if place.name.isdecimal() and int(place.name) != os.getpid():
            try:
                if text.encode() in (place / "cmdline").read_bytes():
                    return True
            except OSError:
                continue
    return False


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=2, help="how often the server is killed")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        work = Path(place).resolve()
        (work / "reels").mkdir()
        film = Path(shutil.copy(NEWSREEL, work / "reels" / "reel.mp4"))
        plain = work / "plain.mp4"
        words = ["-m", "compact", "--render-factor", "4", "-d", "cpu"]
        subprocess.run(
            [sys.executable, "-m", "vidcolor", *words, str(film), str(plain)], check=True
        )
        faults, server = 0, Server(film.parent, work / "store")
        user = server.user()
        job = job_of(user, "film", "folder:0/reel.mp4", **SETTINGS)
        for turn in range(args.kills):
            wait_for_frames(user, job["id"], 30 * (turn + 1))
            cookies = dict(user.cookies)
            server.kill()
            if outlives(f"jobs/{job['id']}"):
                print("the program outlived its server")
                faults += 1
            server = Server(film.parent, work / "store")
            user = server.user()
            user.cookies.update(cookies)
        last = ended(user, job["id"])
        result = work / "reels" / "reel_color.mp4"
        same = result.is_file() and digest(result) == digest(plain)
        left = [p.name for p in film.parent.iterdir() if p.name not in ("reel.mp4", result.name)]
        server.stop()
        print(
            f"{args.kills} kills, begun {last['attempts']} times, {last['state']}: "
            f"{'the same file' if same else 'ANOTHER FILE'}; left over: {left or 'nothing'}"
        )
        return 0 if same and not faults and not left else 1


def wait_for_frames(user: object, key: str, frames: int) -> None:
    """Until so many frames are written."""
    until = time.monotonic() + 240.0
    while time.monotonic() < until:
        job = user.get(f"/api/jobs/{key}").json()  # type: ignore[attr-defined]
        if (job["progress"].get("done") or 0) >= frames:
            return
        if job["state"] not in ("queued", "running"):
            sys.exit(f"the job ended too early: {job}")
        time.sleep(0.1)
    sys.exit("no progress")


if __name__ == "__main__":
    sys.exit(main())
