"""A GPU that is lost, unfit or full: one line, the exit code, nothing left behind.

What stands in for it is torch's own dispatch: from some operation on, every one fails with what a
broken device raises. Nothing of ours is replaced.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from robust_helpers import SMALL, Outcome, Run, make_film, names_in
from torch.utils._python_dispatch import TorchDispatchMode

import vidcolor
from vidcolor.engine.device_errors import as_device_error, device_errors
from vidcolor.errors import DeviceError, OutOfMemoryError
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ModelInput, Prediction

_ADVICE = (
    "\nCUDA kernel errors might be asynchronously reported at some other API call, so the "
    "stacktrace below might be incorrect.\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1\n"
    "Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.\n"
)
Accelerator: type[RuntimeError] = getattr(torch, "AcceleratorError", RuntimeError)

LOST = [
    Accelerator("CUDA error: unspecified launch failure" + _ADVICE),
    Accelerator("CUDA error: device-side assert triggered" + _ADVICE),
    Accelerator("CUDA error: no kernel image is available for execution on the device" + _ADVICE),
    RuntimeError("CUDA error: the launch timed out and was terminated" + _ADVICE),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm( handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    RuntimeError("HIP error: the operation cannot be performed in the present state"),
    RuntimeError('NVML_SUCCESS == r INTERNAL ASSERT FAILED at "CUDACachingAllocator.cpp":963'),
]
FULL = [
    torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ..."),
    Accelerator("CUDA error: out of memory" + _ADVICE),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB, other allocations: 1 GB)"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate"
                 " memory: you tried to allocate 80000000000 bytes."),
]  # fmt: skip


class Device(TorchDispatchMode):
    """Counts torch's operations; from the ``last``-th on they fail."""

    def __init__(self, last: float = float("inf"), error: Exception | None = None) -> None:
        super().__init__()
        self.last, self.error, self.count = last, error, 0

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 - an operation of torch's, with whatever it takes
        types: Any,  # noqa: ANN401
        args: Any = (),  # noqa: ANN401
        kwargs: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Do it, or fail."""
        self.count += 1
        if self.error is not None and self.count > self.last:
            raise type(self.error)(*self.error.args)
        return func(*args, **(kwargs or {}))


JOBS = {
    "film": ("film.mp4", "out.mp4"),
    "film, key frames": ("film.mp4", "out.mp4", "--every", "3"),
    "photo": ("photo.png", "out.png"),
    "preview": ("preview", "film.mp4", "out.png"),
}


@pytest.fixture(scope="module")
def loading() -> int:
    """Operations of loading the network, which reads its file into the host's memory."""
    with Device() as device:
        vidcolor.load_model("compact", "cpu")
    return device.count


@pytest.fixture
def jobs(run: Run, film: Path, photo: Path) -> Callable[[str], Outcome]:
    return lambda job: run(*JOBS[job], *SMALL)


@pytest.mark.parametrize("job", JOBS)
def test_device_fails_at_any_moment(
    tmp_path: Path, jobs: Callable[[str], Outcome], job: str, loading: int
) -> None:
    """In what comes before the network, in it, and in what comes after: smoothing and joining."""
    with Device() as device:
        assert jobs(job).code == 0
    (tmp_path / JOBS[job][-1 if job == "preview" else 1]).unlink()
    before = names_in(tmp_path)
    for place, share in enumerate((0.0, 0.3, 0.6, 0.8, 0.95)):
        for error, said in ((LOST[place], "failed:"), (FULL[place], "memory of cpu")):
            with Device(loading + int(share * (device.count - loading)), error):
                outcome = jobs(job)
            assert outcome.code == 1
            assert said in outcome.error
            assert "--device cpu" in outcome.error or "--render-factor" in outcome.error
            assert names_in(tmp_path) == before


@pytest.mark.parametrize("error", LOST)
def test_lost_device_is_one_line(error: RuntimeError) -> None:
    with pytest.raises(DeviceError) as caught, device_errors("cuda:1"):
        raise error
    assert not isinstance(caught.value, OutOfMemoryError)
    text = str(caught.value)
    assert text.startswith("cuda:1 failed: ")
    assert text.endswith('device="cpu" does without it')
    assert "\n" not in text
    assert ("not built for this GPU" in text) == ("no kernel image" in str(error))


@pytest.mark.parametrize("error", FULL)
def test_full_device_is_one_line(error: RuntimeError) -> None:
    with pytest.raises(OutOfMemoryError) as caught, device_errors("cuda"):
        raise error
    assert "the memory of cuda ran out" in str(caught.value)
    assert 'device="cpu"' in str(caught.value)


@pytest.mark.parametrize(
    "error", [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("CUDA error")]
)
def test_other_errors_stay_what_they_are(error: Exception) -> None:
    """A fault of ours must not be blamed on the device."""
    assert as_device_error(error, "cuda") is None
    with pytest.raises(type(error)), device_errors("cuda"):
        raise error


class LostNetwork(torch.nn.Module):
    """A network on a GPU that goes away after some calls."""

    def __init__(self, inner: torch.nn.Module, calls: int) -> None:
        super().__init__()
        self.inner, self.calls = inner, calls

    def forward(self, inputs: ModelInput) -> Prediction:
        self.calls -= 1
        if self.calls < 0:
            raise LOST[0]
        result: Prediction = self.inner(inputs)
        return result


def test_lost_in_the_middle_of_a_film(tmp_path: Path) -> None:
    """As the API's users meet it: a class of ours, no output, no thread that stays."""
    model = vidcolor.load_model("compact", "cpu")
    lost = Colorizer(
        LostNetwork(model.network, 3), model.spec, label="compact", device=model.device,
        dtype=model.dtype,
    )  # fmt: skip
    film = make_film(tmp_path / "film.mp4", frames=40)
    options = vidcolor.ColorizeOptions(render_factor=2, batch_size=4)
    with pytest.raises(DeviceError, match="cpu failed: CUDA error: unspecified launch failure;"):
        vidcolor.colorize_video(film, tmp_path / "out.mp4", options=options, model=lost)
    assert names_in(tmp_path) == {"film.mp4"}
    assert not [t for t in threading.enumerate() if t.name.startswith("vidcolor-")]


def test_batch_after_a_lost_device(tmp_path: Path, run: Run, loading: int) -> None:
    """No other input would fare better: the batch ends, in one line."""
    for number in range(3):
        make_film(tmp_path / f"{number}.mp4")
    with Device(loading + 300, LOST[0]):
        outcome = run(*SMALL, "-o", "results/", "0.mp4", "1.mp4", "2.mp4")
    assert outcome.code == 1
    assert "cpu failed: CUDA error" in outcome.error
    assert names_in(tmp_path / "results") == set()
