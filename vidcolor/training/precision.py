"""In which number formats a trained network may run: measured when its weights are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from vidcolor.models.contract import ModelInput
from vidcolor.models.families.own import build_own
from vidcolor.models.running.device import DTYPES
from vidcolor.models.weights.safe_load import Checkpoint

_TOLERANCE: Final = 0.5
"""Mean difference of ab, in Lab units: about a quarter of what can be seen."""


@torch.inference_mode()
def safe_precisions(checkpoint: Checkpoint, pictures: Sequence[Tensor]) -> tuple[str, ...]:
    """The formats besides float32 in which a network's ab stay finite and near those of float32.

    Stripes of black and white, which drive activations far, are looked at, too.

    Args:
        checkpoint: as the file will hold it.
        pictures: lightness ``(B, 1, H, W)`` float32, L*/100, on the CPU.

    Raises:
        WeightsError: the tensors are not those of the network that the metadata describe.
    """
    stripes = (torch.arange(256) % 2).float().expand(1, 1, 256, 256)
    inputs = [ModelInput(each) for each in (*pictures, stripes)]
    exact = build_own(checkpoint, torch.float32).network
    wanted = [exact(each).ab for each in inputs]
    safe = []
    for name in ("bf16", "fp16"):
        network = build_own(checkpoint, DTYPES[name]).network
        found = [network(each).ab.float() for each in inputs]
        errors = [(ab - f).abs().mean() for f, ab in zip(found, wanted, strict=True)]
        if all(bool(error < _TOLERANCE) for error in errors):  # not, where it isn't a number
            safe.append(name)
    return tuple(safe)
