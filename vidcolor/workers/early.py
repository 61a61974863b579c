"""Starts the process that workers are forked from, before this one has imported anything heavy.

It imports torch while the program does so too: on two cores that saves a run some two seconds.
Imports nothing heavy itself.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import BaseContext
from typing import Final

_MODULE: Final = "vidcolor.workers.preload"


def worker_context() -> BaseContext:
    """How workers are started: by a fork server, or, where there is none (Windows), anew."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_MODULE])
    return context


def begin_early() -> None:
    """Start the fork server, if this system has one. It ends with this process."""
    if worker_context().get_start_method() != "forkserver":
        return
    from multiprocessing import forkserver  # not there on Windows

    forkserver.ensure_running()
