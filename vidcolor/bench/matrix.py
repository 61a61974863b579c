"""How close a network comes to what the machine can multiply."""

from __future__ import annotations

import logging

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from vidcolor.bench.timing import Timing, measure
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ModelInput
from vidcolor.models.networks.layers.packed import flop_formulas

logger = logging.getLogger(__name__)

_SIDE = {"cpu": 2048, "cuda": 8192, "mps": 4096}
"""Rows and columns of the matrices, by device type: large enough for the full rate."""

_REPEAT = {"cpu": 5, "cuda": 20, "mps": 5}


def matrix_rate(device: torch.device, dtype: torch.dtype) -> tuple[float, float]:
    """The rate of one large matrix product, two operations per multiply-add.

    Args:
        device: where; with as many threads as torch is set to.
        dtype: of both factors and of the product.

    Returns:
        Operations per second of wall-clock time, and per second of computing on one core (the
        same on a quiet machine with one thread).
    """
    side = _SIDE[device.type]
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    product = torch.empty(side, side, device=device, dtype=dtype)

    def work() -> int:
        torch.mm(left, right, out=product)
        return 1

    best = measure(work, device, repeat=_REPEAT[device.type], warm_up=True)
    return rates(2.0 * side**3, best)


def rates(operations: float, timing: Timing) -> tuple[float, float]:
    """Operations per frame to operations per second of wall clock, and of computing.

    Args:
        operations: per frame.
        timing: of some frames.
    """
    total = operations * timing.frames
    return total / max(timing.seconds, 1e-9), total / max(timing.cpu_seconds, 1e-9)


def count_operations(model: Colorizer, lightness: Tensor) -> float | None:
    """Operations of matrix products and convolutions per frame, two per multiply-add.

    Args:
        model: any colorizer.
        lightness: ``(B, 1, h, w)`` at the size that is measured.

    Returns:
        None where torch can't count: in compiled or captured networks.
    """
    counter = FlopCounterMode(display=False, custom_mapping=flop_formulas())
    try:
        with counter:
            model(ModelInput(lightness))
    except (RuntimeError, NotImplementedError, AssertionError) as error:
        logger.debug("operations can't be counted: %s", error)
        return None
    return counter.get_total_flops() / len(lightness) or None
