"""Run one command with a time-out, and measure the memory and the time that it takes (Linux)."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_USUAL = re.compile(r"^\d+ of \d+ inputs? done|^wrote |^using (the built-in model|deoldify)")
"""Lines that every good run says."""

_POLL_S = 0.05
_GRACE_S = 15.0
"""How long a command may tidy up after SIGTERM before it is killed."""
_LAST_WORDS_BYTES = 4096

Watch = Callable[[int, str], None]
"""Called again and again while a command runs: with its process id, and the end of its stderr."""


def parse_with_extra(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The command line's arguments; as ``extra``, a list, the words that follow ``--``."""
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    args = parser.parse_args(words[:cut])
    args.extra = words[cut + 1 :]
    return args


@dataclass(frozen=True)
class Run:
    """What became of a command.

    Attributes:
        exit_code: as a shell says it: negative when a signal ended the process.
        seconds: wall-clock time.
        peak_mb: largest resident set in 10**6 bytes.
        stderr: all that it said.
        timed_out: it was ended because it took too long.
    """

    exit_code: int
    seconds: float
    peak_mb: float
    stderr: str
    timed_out: bool

    @property
    def said(self) -> str:
        """What a person should know of stderr: the first error, or else all warnings."""
        lines = [line.strip() for line in self.stderr.replace("\r", "\n").splitlines()]
        errors = [line for line in lines if "error:" in line.lower()]
        warnings = [line for line in lines if line and not _USUAL.search(line)]
        return errors[0] if errors else "; ".join(warnings)


def run(
    command: list[str], *, timeout_s: float, folder: Path | None = None, watch: Watch | None = None
) -> Run:
    """Run a command in ``folder`` and wait for it, at most ``timeout_s`` seconds."""
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        begin = time.monotonic()
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said
        )
        timed_out = False
        peak_mb = 0.0
        while process.poll() is None:
            # not getrusage: its figure starts with what this process held when it forked
            peak_mb = max(peak_mb, _resident_peak_mb(process.pid))
            if watch is not None:
                watch(process.pid, _last_words(said.fileno()))
            passed_s = time.monotonic() - begin
            if passed_s > timeout_s + _GRACE_S:
                process.kill()
            elif passed_s > timeout_s and not timed_out:
                timed_out = True
                process.terminate()
            time.sleep(_POLL_S)
        seconds = time.monotonic() - begin
        said.seek(0)
        stderr = said.read()
    return Run(process.returncode, seconds, peak_mb, stderr, timed_out)


def _last_words(descriptor: int) -> str:
    """The end of a file that a child is writing, whose place in it must not be moved."""
    begin = max(0, os.fstat(descriptor).st_size - _LAST_WORDS_BYTES)
    return os.pread(descriptor, _LAST_WORDS_BYTES, begin).decode("utf-8", "replace")


def _resident_peak_mb(pid: int) -> float:
    """The kernel's high-water mark of a process, 0 where it can't be read."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    peak = next((line for line in status.splitlines() if line.startswith("VmHWM")), "VmHWM: 0 kB")
    return int(peak.split()[1]) * 1024 / 1e6
