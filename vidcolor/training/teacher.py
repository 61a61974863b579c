"""A trained network whose colours are soft targets for another."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from vidcolor.errors import WeightsError
from vidcolor.models._metadata import UNUSABLE, reason
from vidcolor.models.architectures import as_trainable, find_architecture
from vidcolor.training.building import read_trained
from vidcolor.training.losses import Guess


class Teacher(nn.Module):
    """A frozen network; it sees the lightness before it is worn.

    Its plain view is used: a file's ``mirrored`` would double its time, and ``saturation``,
    ``cast`` and ``shadows`` are for looking at.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)

    @torch.no_grad()
    def forward(self, lightness: Tensor) -> Guess:
        """Ab and, where there is a classification head, logits at every position of it."""
        network = as_trainable(self.network)
        features = network.features(lightness)
        ab = network.head_ab(features)
        return Guess(ab, None if network.classify is None else network.classify(features))


def load_teacher(path: Path) -> Teacher:
    """A teacher from ``checkpoint.pt`` of a run (with its classification head) or its weights.

    Raises:
        WeightsError: if the file isn't one, or doesn't hold what it says.
    """
    tensors, built = read_trained(path)
    head = tensors.get("classify.weight")
    try:
        bins = 0 if head is None else len(head)
        values = {**built.get("network_config", {}), "bins": bins}
        network = find_architecture(built.get("architecture", "compact")).build(values)
        network.load_state_dict(tensors)
    except UNUSABLE as error:
        raise WeightsError(f"{path}: can't be rebuilt as a teacher: {reason(error)}") from error
    return Teacher(network)
