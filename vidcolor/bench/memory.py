"""Peak memory of a stretch of work, of the process and of a GPU."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def reset_peaks(device: torch.device) -> bool:
    """Start anew; whether the process's own peak could be started anew too (Linux only)."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    try:
        _CLEAR.write_text("5")  # man 5 proc: resets the peak resident set size
    except OSError:
        return False
    return True


def host_peak_mb() -> float | None:
    """Largest resident set of this process in 10**6 bytes, None where the system doesn't say."""
    try:
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return _rusage_peak_mb()
    peak = next((line for line in lines if line.startswith("VmHWM")), None)
    return int(peak.split()[1]) * 1024 / 1e6 if peak else _rusage_peak_mb()


def device_peak_mb(device: torch.device) -> float | None:
    """Most memory that tensors held on a GPU since the reset, in 10**6 bytes; None elsewhere."""
    return torch.cuda.max_memory_allocated(device) / 1e6 if device.type == "cuda" else None


def _rusage_peak_mb() -> float | None:
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
