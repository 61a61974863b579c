"""``python -m vidcolor`` is ``vidcolor``; also where that command begins."""

from __future__ import annotations

import signal
import sys


def run() -> int:
    """Load the program and run it; its exit code."""
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:  # Ctrl-C while Python is still loading would print a traceback
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from vidcolor.cli.main import main

    if ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return main()


if __name__ == "__main__":
    sys.exit(run())
