"""A trained network whose colours are soft targets for another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from vidcolor.errors import WeightsError
from vidcolor.models._metadata import UNUSABLE, reason
from vidcolor.models.contract import ModelInput
from vidcolor.models.networks.own.architectures import as_trainable, find_architecture
from vidcolor.models.networks.own.trained import annealed_head
from vidcolor.training.losses.terms import NetworkOutput
from vidcolor.training.network.building import check_crops, read_trained

_UNFIT: tuple[type[Exception], ...] = (*UNUSABLE, WeightsError)


class Teacher(nn.Module):
    """A frozen network; it sees the lightness before it is worn.

    It gives its own ab: a file's ``mirrored`` would double its time, and its ``Finishing`` is for
    looking at.

    Args:
        network: with its weights.
        head: reads the features in place of the network's own regression head.
    """

    def __init__(self, network: nn.Module, head: nn.Module | None = None) -> None:
        super().__init__()
        self.network, self.head = network, head
        self.eval().requires_grad_(False)

    @torch.no_grad()
    def forward(self, inputs: ModelInput) -> NetworkOutput:
        """Ab and, where there is a classification head, logits at every position of it."""
        network = as_trainable(self.network)
        features = network.features(inputs)
        ab = network.head_ab(features) if self.head is None else self.head(features)[0]
        return NetworkOutput(ab, None if network.classify is None else network.classify(features))


def load_teacher(path: Path, crops: Sequence[int] = ()) -> Teacher:
    """A teacher from ``checkpoint.pt`` of a run (with its classification head) or its weights.

    Its ab come from the head that the file decodes by; checkpoints from before they said so are
    taken for regression's.

    Args:
        path: the file.
        crops: sides in pixels of what it will see.

    Raises:
        OptionError: if a crop isn't a multiple of its stride.
        WeightsError: if the file isn't one, or doesn't hold what it says.
    """
    tensors, facts = read_trained(path)
    head = tensors.get("classify.weight")
    try:
        bins = 0 if head is None else len(head)
        values = {**facts.get("network_config", {}), "bins": bins}
        architecture = find_architecture(facts.get("architecture", "compact"))
        network, stride = architecture.build(values), architecture.stride(values)
        network.load_state_dict(tensors)
        teacher = Teacher(network, annealed_head(network, facts))
    except _UNFIT as error:
        raise WeightsError(f"{path}: can't be rebuilt as a teacher: {reason(error)}") from error
    check_crops(f"{path}: this teacher", crops, stride)
    return teacher
