"""Keep freed memory for the next frame instead of returning it to the system."""

from __future__ import annotations

import os
import sys

# mallopt's parameters, <malloc.h> of glibc
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4

_NEVER = 2**31 - 1
_STEP_BYTES = 64 << 20


def keep_freed_memory() -> bool:
    """Make glibc's allocator keep what is freed; other systems' allocators are left alone.

    By default glibc maps every large block anew; the kernel fills it with zeros, page by page, and
    takes it back when it is freed. A network allocates and frees hundreds of such blocks per batch:
    with DeOldify on a CPU that is a fifth of all time. Memory used to load a model stays with the
    process and is used again.

    It holds for the whole process, so the program does it and not the library.

    Returns:
        Whether it was done: not on other systems, and not if the environment configures malloc.
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
