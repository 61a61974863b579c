"""Networks with drawn weights, and what the original answered with the same weights."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

REFERENCE = Path(__file__).resolve().parents[3] / "reference"
sys.path.insert(0, str(REFERENCE))  # its scripts are no package: they run in another environment

from synthetic import SEEDS, Array, NormStatistics, draw_state, network_input  # noqa: E402

from vidcolor.models.networks.published.deoldify import DeOldifyName, build_deoldify  # noqa: E402

DATA = Path(__file__).parent / "data"
OUTPUT_STEP = 6.0 / 65535  # as reference/record.py writes it


@dataclass(frozen=True)
class Recording:
    """A drawn network's state_dict, a photo, and the original's output for it.

    Attributes:
        state: as published.
        grey: ``(H, W)`` uint8.
        inputs: ``(1, 3, H, W)`` float32, the network's input.
        output: ``(1, 3, H, W)`` float32, to half of ``OUTPUT_STEP``.
    """

    state: Mapping[str, torch.Tensor]
    grey: Array
    inputs: torch.Tensor
    output: torch.Tensor


def read_recording(name: DeOldifyName) -> Recording:
    """Draws the weights (seconds) and reads the recorded output."""
    with torch.device("meta"):
        entries = build_deoldify(name).state_dict()
    shapes = {key: tuple(value.shape) for key, value in entries.items()}
    with np.load(DATA / f"{name}.npz") as arrays:
        statistics = NormStatistics.unpack(arrays, shapes)
        grey = arrays["grey"]
        output = arrays["output"].astype(np.float32) * np.float32(OUTPUT_STEP) - np.float32(3.0)
    state = draw_state(shapes, seed=SEEDS[name], statistics=statistics)
    return Recording(
        state={key: torch.from_numpy(value) for key, value in state.items()},
        grey=grey,
        inputs=torch.from_numpy(network_input(grey[None])),
        output=torch.from_numpy(output)[None],
    )
