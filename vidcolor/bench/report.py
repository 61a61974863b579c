"""What was measured, as plain data, as JSON and as a table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from vidcolor.bench.timing import Timing

NETWORK, SMOOTHING = "network", "smoothing"


@dataclass(frozen=True)
class CaseResult:
    """One model at one size.

    Attributes:
        model: its label, which says where weights are random.
        random_weights: it measures speed only: what it made has no meaning.
        material: what was colorized.
        size: (width, height) of a frame in pixels.
        working_size: (width, height) that the network saw.
        precision: "fp32", "bf16" or "fp16".
        batch_size: frames per call of the network.
        smoothing: what was measured as that stage.
        stages: time of each stage alone, in the order in which a frame passes them.
        whole: all of it together, as ``vidcolor`` does it, without loading the model.
        gflop_per_frame: of the network, None where it can't be counted.
        matrix_gflops: rate of a large matrix product in the same precision, 10**9 per second.
        matrix_share: the network's rate over that one's, by wall clock.
        matrix_share_cpu: the same by time spent computing, for machines that others use too; None
            on GPUs.
        host_peak_mb: of the process while all ran together, 10**6 bytes.
        device_peak_mb: of the GPU's memory, None on CPUs.
    """

    model: str
    random_weights: bool
    material: str
    size: tuple[int, int]
    working_size: tuple[int, int]
    precision: str
    batch_size: int
    smoothing: str
    stages: dict[str, Timing]
    whole: Timing
    gflop_per_frame: float | None
    matrix_gflops: float
    matrix_share: float | None
    matrix_share_cpu: float | None
    host_peak_mb: float | None
    device_peak_mb: float | None

    @property
    def sum_ms(self) -> float:
        """All stages one after the other, milliseconds per frame."""
        return sum(timing.ms for timing in self.stages.values())

    @property
    def rest_ms(self) -> tuple[float, float]:
        """All but the network and smoothing along motion: wall and CPU milliseconds per frame."""
        aside = {NETWORK, SMOOTHING} if self.smoothing == "motion" else {NETWORK}
        rest = [timing for name, timing in self.stages.items() if name not in aside]
        return sum(t.ms for t in rest), sum(t.cpu_ms for t in rest)

    def share(self, stage: str) -> float:
        """A stage's part of ``sum_ms``, 0 to 1."""
        return self.stages[stage].ms / self.sum_ms if self.sum_ms else 0.0

    def as_dict(self) -> dict[str, object]:
        """Plain values, ready for JSON."""
        stages = [
            {"stage": name, **_plain(timing), "share": round(self.share(name), 4)}
            for name, timing in self.stages.items()
        ]
        rest_ms, rest_cpu_ms = self.rest_ms
        return {
            "model": self.model,
            "random_weights": self.random_weights,
            "material": self.material,
            "width": self.size[0], "height": self.size[1],
            "working_width": self.working_size[0], "working_height": self.working_size[1],
            "precision": self.precision,
            "batch_size": self.batch_size,
            "smoothing": self.smoothing,
            "stages": stages,
            "all_but_network_and_motion_ms": round(rest_ms, 3),
            "all_but_network_and_motion_cpu_ms": round(rest_cpu_ms, 3),
            "end_to_end": _plain(self.whole),
            "end_to_end_over_network": round(self.whole.fps / self.stages[NETWORK].fps, 4),
            "network_gflop_per_frame": _rounded(self.gflop_per_frame),
            "matrix_gflop_per_s": round(self.matrix_gflops, 1),
            "network_share_of_matrix_rate": _rounded(self.matrix_share),
            "network_share_of_matrix_rate_cpu_time": _rounded(self.matrix_share_cpu),
            "host_peak_mb": _rounded(self.host_peak_mb),
            "device_peak_mb": _rounded(self.device_peak_mb),
        }  # fmt: skip


@dataclass(frozen=True)
class BenchResult:
    """Everything that one run measured.

    Attributes:
        machine: processor, device, versions.
        cases: one per model and size.
    """

    machine: dict[str, str | int]
    cases: list[CaseResult]

    def as_json(self) -> str:
        """One object on one line."""
        return json.dumps(
            {"machine": self.machine, "cases": [case.as_dict() for case in self.cases]}
        )


def machine_lines(machine: dict[str, str | int]) -> list[str]:
    """What it was measured on, for people."""
    threads = f"{machine['torch_threads']} torch threads on {machine['cores']} cores"
    device = f"{machine['device']} {machine.get('gpu', '')}".strip()
    versions = ", ".join(
        f"{name} {machine[name]}" for name in ("vidcolor", "torch", "av", "cuda") if name in machine
    )
    return [
        f"{machine['cpu']} ({machine['cpu_instructions'] or 'no vector instructions known'})",
        f"{device}, {threads}; {versions}, python {machine['python']}",
    ]


def case_lines(case: CaseResult) -> Iterator[str]:
    """The table of one case."""
    yield (
        f"{case.model}, {case.precision}, batches of {case.batch_size}, "
        f"{case.material} {case.size[0]}x{case.size[1]}, "
        f"network at {case.working_size[0]}x{case.working_size[1]}"
    )
    if case.random_weights:
        yield "  its weights are not installed: random ones, which show the speed and nothing else"
    yield f"  {'stage':22} {'fps':>8} {'ms/frame':>10} {'CPU ms':>9} {'share':>7}"
    for name, timing in case.stages.items():
        label = f"{name} ({case.smoothing})" if name == SMOOTHING else name
        yield f"  {label:22} {_row(timing)} {case.share(name):7.1%}"
    yield f"  {'end to end':22} {_row(case.whole)}"
    aside = "network and motion" if case.smoothing == "motion" else "network"
    wall, cpu = case.rest_ms
    yield f"  all but {aside}: {wall:.1f} ms/frame, {cpu:.1f} ms of CPU"
    yield from _rate_lines(case)


def _rate_lines(case: CaseResult) -> Iterator[str]:
    if case.gflop_per_frame is not None and case.matrix_share is not None:
        cpu = case.matrix_share_cpu
        by_cpu = "" if cpu is None else f", {cpu:.0%} by CPU time"
        yield (
            f"  network: {case.gflop_per_frame:.1f} GFLOP per frame, {case.matrix_share:.0%} of "
            f"the matrix rate of {case.matrix_gflops:.0f} GFLOP/s{by_cpu}"
        )
    peaks = [("process", case.host_peak_mb), ("GPU", case.device_peak_mb)]
    told = ", ".join(f"{name} {mb:.0f} MB" for name, mb in peaks if mb is not None)
    if told:
        yield f"  peak memory: {told}"


def _row(timing: Timing) -> str:
    return f"{timing.fps:8.1f} {timing.ms:10.2f} {timing.cpu_ms:9.2f}"


def _plain(timing: Timing) -> dict[str, object]:
    return {
        "frames": timing.frames,
        "fps": round(timing.fps, 3),
        "ms_per_frame": round(timing.ms, 3),
        "cpu_ms_per_frame": round(timing.cpu_ms, 3),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
