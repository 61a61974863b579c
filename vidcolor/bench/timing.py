"""Timing of work, including what a GPU does asynchronously."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a number of frames took.

    Attributes:
        frames: how many.
        seconds: wall-clock time of all of them.
        cpu_seconds: time that all threads of the process spent computing meanwhile. On a machine
            shared with other programs, this one stays comparable.
    """

    frames: int
    seconds: float
    cpu_seconds: float

    @property
    def ms(self) -> float:
        """Milliseconds per frame."""
        return 1000.0 * self.seconds / self.frames

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of computing per frame, over all threads."""
        return 1000.0 * self.cpu_seconds / self.frames

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0


def synchronize(device: torch.device) -> None:
    """Wait until the device has done all that was asked of it; nothing to wait for on a CPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def measure(
    work: Callable[[], int], device: torch.device, *, repeat: int = 1, warm_up: bool = False
) -> Timing:
    """Time a piece of work, from an idle device to an idle device; the fastest run counts.

    Args:
        work: does it, and returns how many frames it did (1 or more).
        device: what to wait for.
        repeat: how often it is done.
        warm_up: do it once more before: what is built on first use isn't counted.
    """
    if warm_up:
        work()
    return min((_once(work, device) for _ in range(repeat)), key=lambda t: t.ms)


def _once(work: Callable[[], int], device: torch.device) -> Timing:
    synchronize(device)
    wall, cpu = time.perf_counter(), time.process_time()
    frames = work()
    synchronize(device)
    return Timing(frames, time.perf_counter() - wall, time.process_time() - cpu)
