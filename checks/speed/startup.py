"""How long it takes from pressing return to the first coloured frame.

::

    python checks speed/startup                  # the sample newsreel's first frame, compact
    python checks speed/startup CLIP --repeat 5 -- -m deoldify-video

What follows ``--`` goes to vidcolor. The film is cut to one frame, so the time is that of starting,
importing, loading the model, decoding, colouring, encoding and closing the file. CPU time stands
beside wall clock; on a busy machine it is the one to trust. Then: where the imports' time goes.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from shared.running import parse_with_extra

_NEWSREEL = Path(__file__).resolve().parents[2] / "samples" / "newsreel.mp4"
_IMPORT = re.compile(r"import time:\s*(\d+) \|\s*(\d+) \|( *)(\S+)")
_SHOWN = 12


def timed(words: list[str]) -> tuple[float, float]:
    """Seconds of wall clock and of computing that a command takes."""
    begin = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(words)}: exit code {process.returncode}")
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime


def heaviest_imports(words: list[str]) -> list[tuple[float, str]]:
    """The packages that take longest to import, each with all that it imports, in seconds."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *words], capture_output=True, text=True, check=True
    )
    found = [match for line in done.stderr.splitlines() if (match := _IMPORT.match(line))]
    whole = {m[4]: int(m[2]) / 1e6 for m in found if "." not in m[4] or m[4].startswith("vidcolor")}
    return sorted(((seconds, name) for name, seconds in whole.items()), reverse=True)[:_SHOWN]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("clip", nargs="?", type=Path, default=_NEWSREEL)
    parser.add_argument("--repeat", type=int, default=3)
    args = parse_with_extra(parser)
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / "one.mkv")
        one = ["-m", "vidcolor", "-y", "--progress", "none", "--end", "0.001", *args.extra]
        print("| what | wall s | CPU s |\n|---|---|---|")
        for name, command in (
            ("--help", ["-m", "vidcolor", "--help"]),
            ("import torch", ["-c", "import torch"]),
            ("the first frame", [*one, str(args.clip), target]),
        ):
            runs = [timed(command) for _ in range(args.repeat)]
            wall, cpu = (min(run[clock] for run in runs) for clock in (0, 1))
            print(f"| {name} | {wall:.2f} | {cpu:.2f} |", flush=True)
        print("\n| import | s |\n|---|---|")
        for seconds, name in heaviest_imports([*one, str(args.clip), target]):
            print(f"| {name} | {seconds:.3f} |")
