"""What torch raises when a device's memory runs out or the device fails, as errors of ours.

Everything that computes runs within ``device_errors``: not only networks fill a GPU, and a GPU may
be lost at any call, also at one that only waits for an earlier one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

import torch

from vidcolor.errors import DeviceError, Option, OutOfMemoryError

_NO_MEMORY: Final = (
    "out of memory", "can't allocate memory", "not enough memory", "failed to allocate",
    "alloc_failed",
)  # fmt: skip
_BROKEN: Final = (
    "cuda error", "cuda driver", "cuda runtime", "cudnn", "cublas", "cufft", "cusolver", "nvml",
    "nccl", "hip error", "miopen", "hipblas", "mps backend", "device-side assert",
    "no kernel image", "acceleratorerror",
)  # fmt: skip
"""Told by their words: torch raises RuntimeError for most of these, whatever the device."""

_ACCELERATOR_ERROR: Final = getattr(torch, "AcceleratorError", ())  # torch 2.8 and later
_MAX_REASON: Final = 200


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception of torch's says that memory ran out."""
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(t in str(error).lower() for t in _NO_MEMORY)


def as_device_error(error: BaseException, device: str) -> DeviceError | None:
    """What to tell the user of an exception of torch's; None where it says nothing of a device.

    Args:
        error: anything that was raised.
        device: what it ran on, for people.
    """
    if not isinstance(error, RuntimeError):
        return None
    if is_out_of_memory(error):
        way_out = "a machine with more" if device == "cpu" else Option("device", "cpu")
        return OutOfMemoryError(
            f"the memory of {device} ran out: use ", Option("batch_size", 1), ", a smaller ",
            Option("render_factor"), ", or ", way_out,
        )  # fmt: skip
    text = str(error)
    if not isinstance(error, _ACCELERATOR_ERROR) and not any(t in text.lower() for t in _BROKEN):
        return None
    reason = text.strip().partition("\n")[0].strip()[:_MAX_REASON] or type(error).__name__
    if "no kernel image" in text:
        reason += " (this torch was not built for this GPU)"
    return DeviceError(f"{device} failed: {reason}; ", Option("device", "cpu"), " does without it")


@contextlib.contextmanager
def device_errors(device: str) -> Iterator[None]:
    """Within, what torch says of a device is raised as an error of ours.

    Args:
        device: what it runs on, for people.

    Raises:
        OutOfMemoryError: its memory ran out.
        DeviceError: it failed.
    """
    try:
        yield
    except RuntimeError as error:
        told = as_device_error(error, device)
        if told is None:
            raise
        raise told from error
