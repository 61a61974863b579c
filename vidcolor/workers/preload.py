"""What every worker needs, imported once by the process that they are forked from.

No thread may be started here: it wouldn't be in the workers.
"""

from __future__ import annotations

import contextlib
import importlib

import vidcolor.workers.worker  # noqa: F401 - it is imported for the workers

with contextlib.suppress(ImportError):  # numba isn't there, or not with this NumPy
    importlib.import_module("vidcolor.color.kernels")
