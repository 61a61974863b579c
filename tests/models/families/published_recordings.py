"""Networks of others with drawn weights, and what other people's code answered with the same.

The recordings are made by ``reference/others.py record``: the authors' code for Zhang et al.,
OpenCV 4's importer for the Caffe file, spandrel for DDColor.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

REFERENCE = Path(__file__).resolve().parents[3] / "reference"
sys.path.insert(0, str(REFERENCE))  # its scripts are no package: they run in another environment

from others import hints_for, lightness, stand_in  # noqa: E402
from synthetic import NormStatistics  # noqa: E402

from vidcolor.models.networks.published.ddcolor import DDColorNet  # noqa: E402
from vidcolor.models.networks.published.zhang import EccvNet, SiggraphNet  # noqa: E402

DATA = Path(__file__).parent / "data"
NAMES = ("zhang-eccv16", "zhang-siggraph17", "ddcolor-tiny", "ddcolor")
UNIT = {"zhang-eccv16": 110.0, "zhang-siggraph17": 110.0}
"""Lab units in one unit of the network's raw output."""

__all__ = ["NAMES", "UNIT", "Recording", "hints_for", "network_of", "read_recording"]


@dataclass(frozen=True)
class Recording:
    """Drawn weights, a photograph, and another program's colours for it.

    Attributes:
        state: as published.
        lightness: ``(1, 1, H, W)`` float32, L*/100.
        output: ``(1, 2, h, w)`` float32, Lab ab.
        output_with_hints: the same with ``hints_for``'s colours, where the network takes them.
    """

    state: dict[str, Tensor]
    lightness: Tensor
    output: Tensor
    output_with_hints: Tensor | None


def network_of(name: str) -> nn.Module:
    """The bare network, without memory."""
    with torch.device("meta"):
        if name in ("zhang-eccv16", "zhang-caffe"):
            return EccvNet().eval()
        if name == "zhang-siggraph17":
            return SiggraphNet().eval()
        return DDColorNet("tiny" if name.endswith("tiny") else "large").eval()


def read_recording(name: str) -> Recording:
    """Draw the weights (a second for each 50 million) and read the recorded colours."""
    shapes = {key: tuple(value.shape) for key, value in network_of(name).state_dict().items()}
    with np.load(DATA / f"{name}.npz") as arrays:
        statistics = NormStatistics.unpack(arrays, shapes)
        light = lightness(arrays["grey"]) / 100.0
        output = torch.from_numpy(arrays["output"])[None]
        hinted = arrays.get("output_with_hints")
    state = stand_in(name, shapes, statistics)
    return Recording(
        {key: torch.from_numpy(value) for key, value in state.items()},
        light,
        output,
        None if hinted is None else torch.from_numpy(hinted)[None],
    )
