"""Memory that is freed is kept for the next frame instead of being given back to the system."""

from __future__ import annotations

import os
import sys

# mallopt's parameters, <malloc.h> of glibc
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4

_NEVER = 2**31 - 1
_STEP_BYTES = 64 << 20


def keep_freed_memory() -> bool:
    """Make glibc's allocator keep what is freed; other systems' allocators are left alone.

    By default glibc asks the kernel for every large block anew, which fills it with zeros, page by
    page, and takes it back when it is freed. A network frees and takes hundreds of such blocks per
    batch: with DeOldify on a CPU that is a fifth of all time. What the loading of a model took
    stays with the process, and is used again.

    For a whole process, so it is the program's business and not the library's.

    Returns:
        Whether it was done. Not on other systems, and not where the environment sets up malloc.
    """
    if sys.platform != "linux" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # musl has none
        return False
    pairs = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _NEVER), (_TOP_PAD, _STEP_BYTES))
    return all(bool(mallopt(parameter, value)) for parameter, value in pairs)
