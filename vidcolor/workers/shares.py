"""How many workers a machine takes, and which share of it each gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from vidcolor.engine.model_choice import chosen_model
from vidcolor.engine.options import ColorizeOptions
from vidcolor.errors import OptionError
from vidcolor.models.loading import spec_of
from vidcolor.models.running.device import device_type
from vidcolor.models.spec import Kind
from vidcolor.workers.cores import usable_cores
from vidcolor.workers.tasks import Setup

MAX_JOBS: Final = 1024

WORKER_MB: Final = 1200
"""What a worker on a CPU takes beside its model, with films of 1920 x 1080; a quarter of it at
640 x 480 (docs/cluster.md)."""

_MB_PER_MILLION: Final = 8
"""Of a model, per million parameters: its weights as loaded, and in oneDNN's order."""

_SPARE_MB: Final = 1500
"""Left for the program itself and the system."""


def free_mb() -> int | None:
    """Memory that can be had without swapping, in 10**6 bytes; None where the system can't say."""
    found = []
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found += [int(x.split()[1]) * 1024 for x in lines if x.startswith("MemAvailable")]
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")
        used = Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii")
        found.append(int(limit) - int(used))
    except (OSError, ValueError):
        pass
    return min(found) // 1_000_000 if found else None


def devices_of(device: str) -> list[str]:
    """The devices that workers are spread over.

    Args:
        device: as ``ColorizeOptions.device``; "auto" and "cuda" are all GPUs that there are.
    """
    if "," in device:
        return device.split(",")
    if device in ("auto", "cuda") and device_type(device) == "cuda":
        import torch

        return [f"cuda:{number}" for number in range(max(torch.cuda.device_count(), 1))]
    return [device]


def setups_for(
    jobs: int | None, options: ColorizeOptions, *, kind: Kind = "video",
    prepare: Callable[[], object] | None = None,
) -> list[Setup]:  # fmt: skip
    """One setup for each worker of this machine.

    Args:
        jobs: how many; None chooses: one for each GPU, or one for each core as far as memory goes.
        options: of all tasks.
        kind: what the workers' first model is for.
        prepare: see ``Setup``.

    Raises:
        OptionError: ``jobs`` is out of range, or no model of that name is there.
        WeightsError: no model is there.
    """
    devices = devices_of(options.device)
    if jobs is None:
        jobs = _auto_jobs(devices, options, kind)
    if not 1 <= jobs <= MAX_JOBS:
        raise OptionError(f"is {jobs}: it must be 1 to {MAX_JOBS}", option="jobs")
    threads = max(1, usable_cores() // jobs)
    return [
        Setup(
            options=replace(options, device=devices[number % len(devices)]),
            device=devices[number % len(devices)], threads=threads, kind=kind, prepare=prepare,
        )
        for number in range(jobs)
    ]  # fmt: skip


def _auto_jobs(devices: list[str], options: ColorizeOptions, kind: Kind) -> int:
    if device_type(devices[0]) != "cpu":
        return len(devices)
    name = chosen_model(kind, options)
    each_mb = WORKER_MB + _MB_PER_MILLION * spec_of(name).parameters_millions
    there_mb = free_mb()
    fits = usable_cores() if there_mb is None else int((there_mb - _SPARE_MB) // each_mb)
    return max(1, len(devices), min(usable_cores(), fits))
