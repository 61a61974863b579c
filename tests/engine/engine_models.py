"""Small models of the tests' own: quick, and sensitive to what must not change."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.models.contract import ModelInput, Prediction
from vidcolor.models.spec import ModelSpec, WorkingSize

_SIZE = WorkingSize(video=2, image=2, multiple=16)


def _colors(lightness: Tensor) -> Tensor:
    """Some colours that follow the picture, ``(B, 2, h / 2, w / 2)``."""
    small = F.avg_pool2d(lightness, 2)
    return torch.cat((60.0 * (small - 0.5), 40.0 * (small.square() - 0.3)), dim=1)


class Plain:
    """Colours each picture for itself."""

    spec = ModelSpec(name="plain", working_size=_SIZE)
    device = torch.device("cpu")

    def __call__(self, inputs: ModelInput) -> Prediction:
        """As ``ColorModel``."""
        return Prediction(_colors(inputs.lightness))


class BatchSensitive:
    """Colours a picture by its place in the batch, and by the batch's size and mean."""

    spec = ModelSpec(name="batch-sensitive", working_size=_SIZE)
    device = torch.device("cpu")

    def __call__(self, inputs: ModelInput) -> Prediction:
        """As ``ColorModel``."""
        place = torch.arange(float(len(inputs))).view(-1, 1, 1, 1)
        shift = 2.0 * place + len(inputs) + 20.0 * inputs.lightness.mean()
        return Prediction(_colors(inputs.lightness) + shift)
