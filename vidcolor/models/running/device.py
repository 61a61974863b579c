"""Devices and number formats: what names and "auto" stand for on this machine."""

from __future__ import annotations

import functools
import logging
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from vidcolor.errors import DeviceError, Option

logger = logging.getLogger(__name__)

DTYPES: Mapping[str, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
"""Number formats by the names that users give."""

_AUTO_ORDER: Mapping[str, tuple[str, ...]] = {"cpu": ("bf16",), "cuda": ("bf16", "fp16")}
"""What "auto" takes first, by device type, where it is native and safe; else fp32."""

_BF16_CAPABILITY = (8, 0)
"""Ampere: the first NVIDIA GPUs with bfloat16 arithmetic."""

_FP16_CAPABILITY = (7, 0)
"""Volta: the first with fast float16; many before it compute it slower than float32."""

_CPU_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""In /proc/cpuinfo: two of x86, and aarch64's."""


def resolve_device(name: str = "auto") -> torch.device:
    """The device of a name.

    Args:
        name: "auto" (CUDA, else Apple's MPS, else the CPU), "cpu", "cuda", "cuda:N" or "mps".

    Raises:
        DeviceError: no such device here; the message says what there is.
    """
    if name == "auto":
        return torch.device(_best_device())
    if not re.fullmatch(r"cpu|mps|cuda(:\d{1,3})?", name, re.ASCII):
        raise DeviceError(f"unknown device {name!r}: use auto, cpu, cuda, cuda:N or mps")
    if name.startswith("cuda"):
        return _cuda_device(name)
    if name == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("mps is not available: it needs a Mac with Apple silicon; use cpu")
    return torch.device(name)


def device_type(name: str) -> str:
    """The kind of device that a name stands for, whether it is here or not: "cpu", "cuda", "mps".

    Args:
        name: as ``resolve_devices`` takes it.
    """
    return _best_device() if name == "auto" else name.partition(",")[0].partition(":")[0]


def resolve_devices(names: str) -> list[torch.device]:
    """The devices of a list of names.

    Args:
        names: one name as ``resolve_device`` takes it, or several of one kind with commas between:
            "cuda:0,cuda:1".

    Raises:
        DeviceError: one isn't there, or they are of different kinds.
    """
    devices = [resolve_device(name) for name in names.split(",")]
    if len({device.type for device in devices}) > 1:
        raise DeviceError(f"{names}: devices that work together must be of one kind")
    return devices


def resolve_precision(
    name: str, device: torch.device, safe: Mapping[str, tuple[str, ...]]
) -> torch.dtype:
    """The dtype that a network runs in.

    Args:
        name: "auto", "fp32", "bf16" or "fp16". "auto" takes bf16 where the device computes it
            natively, fp16 on somewhat older NVIDIA GPUs, as far as the network is safe in it;
            else fp32.
        device: where the network runs.
        safe: formats that the network was measured to be safe in, by device type. fp32 always is.

    Raises:
        DeviceError: the format is unknown, not safe for this network, or not to be had here.
    """
    allowed = {*safe.get(device.type, ()), "fp32"}
    if name == "auto":
        choices = _AUTO_ORDER.get(device.type, ())
        best = next((p for p in choices if p in allowed and _is_native(p, device)), "fp32")
        return DTYPES[best]
    usable = [p for p in DTYPES if p in allowed and _is_possible(p, device)]
    if name not in DTYPES:
        raise DeviceError(f"unknown precision {name!r}: use auto, {', '.join(usable)}")
    if name not in usable:
        why = (
            "this device can't compute it" if name in allowed else "this network is not safe in it"
        )
        raise DeviceError(f"{name} on {device}: {why}; use auto, {', '.join(usable)}")
    if not _is_native(name, device):
        logger.warning("%s is emulated on this %s and slower than fp32", name, device.type)
    return DTYPES[name]


def common_precision(
    name: str, devices: Sequence[torch.device], safe: Mapping[str, tuple[str, ...]]
) -> torch.dtype:
    """``resolve_precision`` for devices that work together: the widest format that any one takes.

    Raises:
        DeviceError: as there.
    """
    found = {resolve_precision(name, device, safe) for device in devices}
    return next(d for d in (torch.float32, torch.float16, torch.bfloat16) if d in found)


@functools.cache
def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bfloat16 itself (AVX512-BF16, AMX, or ARM's).

    Linux says so, else torch; where neither knows (macOS, Windows with an old torch), it is no:
    emulated bf16 gains nothing over fp32.
    """
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        return bool(_CPU_BF16_FLAGS & _cpu_flags(cpuinfo.read_text(encoding="utf-8")))
    # get_capabilities came with torch 2.10 or so
    ask = getattr(torch.cpu, "get_capabilities", None)
    known = ask() if ask is not None and platform.machine().lower() in ("amd64", "x86_64") else {}
    return any(known.get(flag, False) for flag in _CPU_BF16_FLAGS)


def _cpu_flags(cpuinfo: str) -> set[str]:
    """The first processor's flags ("flags" on x86, "Features" on ARM)."""
    match = re.search(r"^(?:flags|Features)\s*:(.*)$", cpuinfo, re.MULTILINE)
    return set(match[1].split()) if match else set()


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _cuda_device(name: str) -> torch.device:
    if not torch.cuda.is_available():
        reason = (
            "this torch was built without CUDA, install a CUDA build"
            if torch.version.cuda is None and torch.version.hip is None
            else "no usable NVIDIA GPU or driver (see nvidia-smi)"
        )
        advice = Option("device", "cpu")
        raise DeviceError(f"{name} is not available: {reason}; or use ", advice)
    count, index = torch.cuda.device_count(), int(name.partition(":")[2] or 0)
    if index >= count:
        there = "cuda:0" if count == 1 else f"cuda:0 to cuda:{count - 1}"
        raise DeviceError(f"{name} is not there: this machine has {there}")
    return torch.device(name)


def _is_native(precision: str, device: torch.device) -> bool:
    """Whether the device computes in this format itself, and fast."""
    if precision == "fp32":
        return True
    if device.type == "cpu":
        return precision == "bf16" and cpu_has_bf16()
    if device.type == "cuda":
        needed = _BF16_CAPABILITY if precision == "bf16" else _FP16_CAPABILITY
        return torch.cuda.get_device_capability(device) >= needed
    return True


def _is_possible(precision: str, device: torch.device) -> bool:
    """Whether asking for it by name makes sense: a CPU may emulate, a GPU should not."""
    return device.type == "cpu" or _is_native(precision, device)
