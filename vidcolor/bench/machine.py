"""What was measured on: processor, threads, device, versions."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import torch

import vidcolor

_LIBRARIES = ("torch", "av", "numpy", "opencv-python")
_CPU_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "bf16")
"""Instruction sets that decide how fast networks run."""


def describe_machine(device: torch.device) -> dict[str, str | int]:
    """Names and numbers, plain enough for JSON.

    Args:
        device: where the networks run.
    """
    facts: dict[str, str | int] = {
        "vidcolor": vidcolor.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu_name(),
        "cpu_instructions": " ".join(_cpu_flags()),
        "cores": usable_cores(),
        "torch_threads": torch.get_num_threads(),
        "device": str(device),
    }
    if device.type == "cuda":
        facts["gpu"] = torch.cuda.get_device_name(device)
        facts["gpu_memory_mb"] = torch.cuda.get_device_properties(device).total_memory // 10**6
        facts["cuda"] = str(torch.version.cuda or torch.version.hip)
        facts["cudnn"] = int(torch.backends.cudnn.version() or 0)  # type: ignore[no-untyped-call]
    for library in _LIBRARIES:
        try:
            facts[library] = metadata(library)["Version"]
        except PackageNotFoundError:
            continue
    return facts


def usable_cores() -> int:
    """Cores that this process may use: a container or ``taskset`` may give fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _cpu_name() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", _cpuinfo(), re.MULTILINE)
    return found[1] if found else platform.processor() or platform.machine()


def _cpu_flags() -> list[str]:
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", _cpuinfo(), re.MULTILINE)
    there = set(found[1].split()) if found else set()
    return [flag for flag in _CPU_FLAGS if flag in there]
