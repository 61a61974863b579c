"""Closed standard streams: their descriptors must not be given to other files.

A program that is started with a closed descriptor (``2>&-``, some daemons and schedulers) gets that
number for the first file that it opens, and libraries that log to descriptor 2 would write into the
film.
"""

from __future__ import annotations

import io
import os
import sys


def hold_standard_streams() -> None:
    """Put the null device where a standard descriptor is closed; without one closed, do nothing.

    Standard output gets it for reading only: writing data there fails, instead of being lost
    silently.
    """
    modes = (os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)
    for descriptor, mode in enumerate(modes):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, mode)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
            os.set_inheritable(descriptor, True)  # ffmpeg, started by us, is no better off
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for good
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - for good
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - for good


def escape_unwritable() -> None:
    r"""Let standard output write ``\u043f`` for what its encoding (Windows' code pages) hasn't.

    Where bytes of names go through as they are, as in the C locale, that stays.
    """
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
