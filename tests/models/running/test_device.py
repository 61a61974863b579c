"""Devices and number formats: what auto takes, what is refused, and with which advice."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from vidcolor.errors import DeviceError
from vidcolor.models.running.device import (
    _cpu_flags,
    cpu_has_bf16,
    resolve_device,
    resolve_precision,
)

CPU = torch.device("cpu")
ALL_SAFE = {"cpu": ("bf16", "fp16", "fp32"), "cuda": ("bf16", "fp16", "fp32")}
NO_CUDA = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")


def test_auto_takes_the_best_there_is() -> None:
    if torch.cuda.is_available():
        wanted = "cuda"
    else:
        wanted = "mps" if torch.backends.mps.is_available() else "cpu"
    assert resolve_device("auto").type == wanted
    assert resolve_device().type == wanted
    torch.zeros(2, device=resolve_device("auto"))  # it really works


def test_cpu_by_name() -> None:
    assert resolve_device("cpu") == CPU


@pytest.mark.parametrize("name", ["", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:x", "cpu:0", "xpu"])
def test_what_is_no_device_is_answered_with_the_list(name: str) -> None:
    with pytest.raises(DeviceError, match="use auto, cpu, cuda, cuda:N or mps"):
        resolve_device(name)


@NO_CUDA
@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:7"])
def test_missing_cuda_says_why_and_what_to_do(name: str) -> None:
    with pytest.raises(DeviceError, match=rf'^{name} is not available: .*device="cpu"$'):
        resolve_device(name)


@pytest.mark.cuda
def test_cuda_by_number_and_out_of_range() -> None:
    assert resolve_device("cuda:0") == torch.device("cuda:0")
    with pytest.raises(DeviceError, match=r"cuda:99 is not there: this machine has cuda:0"):
        resolve_device("cuda:99")


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="this is a Mac with MPS")
def test_missing_mps_is_said() -> None:
    with pytest.raises(DeviceError, match="mps is not available"):
        resolve_device("mps")


def test_auto_takes_bf16_on_cpus_that_compute_it() -> None:
    """The flags that Linux lists decide; torch's own look at the CPU must agree."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        pytest.skip("no /proc/cpuinfo here to compare with")
    native = any(flag in cpuinfo.read_text() for flag in ("avx512_bf16", "amx_bf16", " bf16 "))
    assert cpu_has_bf16() == native
    wanted = torch.bfloat16 if native else torch.float32
    assert resolve_precision("auto", CPU, ALL_SAFE) == wanted
    ask = getattr(torch.cpu, "get_capabilities", None)
    if ask is not None and ask().get("architecture") == "x86_64":
        assert (ask()["avx512_bf16"] or ask()["amx_bf16"]) == native


@pytest.mark.parametrize(
    ("cpuinfo", "has"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_bf16 fma\n", True),
        ("processor: 0\nflags : fpu avx2 avx512f avx512bw\nbugs : spectre_v1\n", False),
        ("Features\t: fp asimd i8mm bf16 dgh\n", True),
        ("Features\t: fp asimd\n", False),
        ("", False),
    ],
)
def test_flags_are_read_from_x86_and_arm(cpuinfo: str, has: bool) -> None:
    assert bool({"avx512_bf16", "bf16"} & _cpu_flags(cpuinfo)) == has


@pytest.mark.parametrize(
    "safe", [{}, {"cpu": ()}, {"cpu": ("fp32",)}, {"cuda": ("bf16",)}, {"cpu": ("fp16",)}]
)
def test_auto_stays_with_fp32_where_nothing_else_is_safe(safe: dict[str, tuple[str, ...]]) -> None:
    """fp16 on a CPU is never chosen: it is emulated."""
    assert resolve_precision("auto", CPU, safe) == torch.float32
    assert resolve_precision("fp32", CPU, safe) == torch.float32


def test_what_is_asked_for_is_given_if_safe() -> None:
    assert resolve_precision("bf16", CPU, ALL_SAFE) == torch.bfloat16
    assert resolve_precision("fp16", CPU, ALL_SAFE) == torch.float16
    assert resolve_precision("fp32", CPU, ALL_SAFE) == torch.float32


def test_emulated_precision_is_given_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        resolve_precision("fp16", CPU, ALL_SAFE)
    assert "emulated" in caplog.text


def test_unsafe_precision_is_refused_with_what_works() -> None:
    with pytest.raises(DeviceError, match=r"not safe in it; use auto, fp32, bf16$"):
        resolve_precision("fp16", CPU, {"cpu": ("bf16",)})
    with pytest.raises(DeviceError, match=r"unknown precision 'half': use auto, fp32$"):
        resolve_precision("half", CPU, {})


@pytest.mark.cuda
def test_auto_on_cuda_follows_the_capability() -> None:
    device = resolve_device("cuda")
    new = torch.cuda.get_device_capability(device) >= (8, 0)
    wanted = torch.bfloat16 if new else torch.float16
    assert resolve_precision("auto", device, ALL_SAFE) == wanted
    assert resolve_precision("auto", device, {"cuda": ("fp16",)}) == torch.float16
    assert resolve_precision("auto", device, {"cpu": ("bf16",)}) == torch.float32
