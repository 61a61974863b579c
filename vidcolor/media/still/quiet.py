"""Keep image libraries off the terminal while they decode or encode, from any number of threads.

Pillow warns, tifffile logs, and libtiff writes to file descriptor 2. None of them can be told per
call, so each setting is changed while at least one thread needs it: the first user changes it, the
last one restores it. What else the process logs, warns of or limits isn't touched, except that
whatever is written to file descriptor 2 while libtiff decodes is lost.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from PIL import Image

from vidcolor.media.pixels.limits import MAX_PHOTO_PIXELS

_LIBRARIES: Final = re.compile(r"(PIL|tifffile|pillow_heif|imagecodecs)(\.|$)")
_PILLOW_LIMIT: Final = MAX_PHOTO_PIXELS // 2
"""Pillow raises at twice its limit."""

Restore = Callable[[], None]


class SharedChange:
    """A process-wide change that lasts while at least one thread is inside the context.

    Nested and parallel use is safe: the change is made once and undone once.

    Args:
        make: makes the change and returns what undoes it.
    """

    def __init__(self, make: Callable[[], Restore]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._users = 0
        self._restore: Restore | None = None

    def __enter__(self) -> None:
        """Make the change, unless it is already made."""
        with self._lock:
            if self._users == 0:
                self._restore = self._make()
            self._users += 1

    def __exit__(self, *exc: object) -> None:
        """Undo the change if nobody else needs it."""
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._restore is not None:
                self._restore()
                self._restore = None


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Within, Pillow, tifffile and NumPy neither warn nor log; Pillow's size limit is ours."""
    with _PILLOW, _LOG, _WARNINGS, np.errstate(all="ignore"):
        yield


def _set_pillow_limit() -> Restore:
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, _PILLOW_LIMIT

    def restore() -> None:
        if Image.MAX_IMAGE_PIXELS == _PILLOW_LIMIT:  # else the application has set its own
            Image.MAX_IMAGE_PIXELS = before

    return restore


def _reject(record: logging.LogRecord) -> bool:
    return False


def _silence_log() -> Restore:
    log = logging.getLogger("tifffile")
    log.addFilter(_reject)
    return lambda: log.removeFilter(_reject)


def _ignore_warnings() -> Restore:
    entry: Any = ("ignore", None, Warning, _LIBRARIES, 0)
    filters: list[Any] = warnings.filters  # type: ignore[assignment]
    filters.insert(0, entry)

    def restore() -> None:
        # catch_warnings in another thread may have put a copy in the list's place, or may put
        # the list back later: the entry leaves both
        for each in {id(found): found for found in (filters, warnings.filters)}.values():
            while entry in each:
                each.remove(entry)  # type: ignore[union-attr]

    return restore


def _mute_stderr() -> Restore:
    try:
        sys.stderr.flush()
        saved = os.dup(2)
    except (OSError, AttributeError):  # there is no standard error
        return lambda: None
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)

    def restore() -> None:
        os.dup2(saved, 2)
        os.close(saved)

    return restore


_PILLOW: Final = SharedChange(_set_pillow_limit)
_LOG: Final = SharedChange(_silence_log)
_WARNINGS: Final = SharedChange(_ignore_warnings)
MUTED_STDERR: Final = SharedChange(_mute_stderr)
"""Within, what C libraries write to file descriptor 2 is lost: libtiff can't be told otherwise."""
