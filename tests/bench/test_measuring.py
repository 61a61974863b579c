"""Clocks, counters and what is measured on."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from vidcolor.bench.material import moving_picture, read_material
from vidcolor.bench.matrix import count_operations, matrix_rate
from vidcolor.bench.timing import Timing, measure
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ModelInput, Prediction
from vidcolor.models.families.registry import find_spec
from vidcolor.models.random_weights import random_model

CPU = torch.device("cpu")


def test_waiting_is_wall_clock_and_not_computing() -> None:
    def work() -> int:
        time.sleep(0.1)
        return 4

    timing = measure(work, CPU)
    assert timing.ms >= 25
    assert timing.cpu_ms < 12.5  # half of it: sleeping costs next to nothing
    assert timing.fps == pytest.approx(1000 / timing.ms)


def test_the_fastest_run_counts_and_the_warm_up_does_not() -> None:
    naps = iter([0.4, 0.4, 0.0, 0.4])

    def work() -> int:
        time.sleep(next(naps))
        return 1

    assert measure(work, CPU, repeat=3, warm_up=True).seconds < 0.4


def test_operations_of_a_known_network() -> None:
    convolution = nn.Conv2d(1, 2, 3, padding=1)

    def network(inputs: ModelInput) -> Prediction:
        return Prediction(convolution(inputs.lightness))

    model = Colorizer(network, find_spec("compact"), label="one", device=CPU, dtype=torch.float32)
    # 3 x 3 multiply-adds for each of 2 channels of 20 x 30 pixels, two operations each
    assert count_operations(model, torch.rand(4, 1, 20, 30)) == 2 * 9 * 2 * 20 * 30


def test_matrix_rate_is_that_of_a_matrix_product() -> None:
    rate, _ = matrix_rate(CPU, torch.float32)
    begin = time.perf_counter()
    torch.rand(512, 512) @ torch.rand(512, 512)
    slow = 2 * 512**3 / (time.perf_counter() - begin)
    # cold and small can't be much faster than warm and large, on a busy machine either
    assert rate > 0.05 * slow


_PEAKS = """
import numpy as np, torch
from vidcolor.bench.memory import host_peak_mb, reset_peaks
peaks = []
for size in (1, 200_000_000, 1):
    assert reset_peaks(torch.device("cpu"))
    np.ones(size, np.uint8)
    peaks.append(host_peak_mb())
print(*peaks)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can reset a peak")
def test_peak_memory_is_of_the_work_since_the_reset() -> None:
    # in a process of its own: here, other tests may have told malloc to keep what is freed
    run = subprocess.run([sys.executable, "-c", _PEAKS], capture_output=True, text=True, check=True)
    before, high, after = map(float, run.stdout.split())
    # a few MB come and go with what Python and torch do meanwhile
    assert high - before == pytest.approx(200, abs=20)
    assert high - after == pytest.approx(200, abs=20)


def test_random_networks_stay_finite_and_say_that_they_are_random() -> None:
    model = random_model(find_spec("deoldify-artistic"), device="cpu", precision="fp32")
    assert "random" in model.label
    ab = model(ModelInput(torch.rand(1, 1, 64, 64))).ab
    assert torch.isfinite(ab).all()
    # overflow would have driven the sigmoid to its ends everywhere: colours without any spread
    assert ab.std() > 0.1


def test_the_made_up_film_moves_and_is_always_the_same() -> None:
    first, second = moving_picture((96, 64), 2)
    again = next(moving_picture((96, 64), 2))
    assert first.shape == (64, 96) and first.dtype == np.uint8
    assert np.array_equal(first, again)
    # The pan shows the scene 4 pixels further on: that fits better than standing still.
    still = np.abs(first.astype(int) - second).mean()
    moved = np.abs(first[:, 4:].astype(int) - second[:, :-4]).mean()
    assert moved < still


def test_material_ends_where_its_last_frame_does(film: Path) -> None:
    part = read_material(film, "film", 5)
    assert len(part.frames) == 5
    assert part.end_s == pytest.approx(5 / 25)
    assert read_material(film, "film", 100).end_s is None


def test_timing_arithmetic() -> None:
    timing = Timing(frames=4, seconds=2.0, cpu_seconds=1.0)
    assert (timing.ms, timing.cpu_ms, timing.fps) == (500.0, 250.0, 2.0)
