"""The record of a family of models: all that loading, listing and measuring need to know of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from vidcolor.models.finishing import Finishing
from vidcolor.models.spec import ModelSpec
from vidcolor.models.weights.safe_load import Checkpoint


@dataclass(frozen=True, slots=True)
class Built:
    """A network ready to run.

    Attributes:
        network: takes a ``ModelInput``, gives a ``Prediction``; on the CPU.
        finishing: what its file says is done to its colours.
    """

    network: nn.Module
    finishing: Finishing = field(default_factory=Finishing)


@dataclass(frozen=True, slots=True)
class Family:
    """One family.

    Attributes:
        name: what ``ModelSpec.family`` says.
        title: for people.
        models: those that are known by name.
        recognise: facts about the network in a file, None where it isn't of this family.
        build: its network in a number format. Raises ``WeightsError`` where the tensors don't fit.
        draw: random weights of one of ``models``, to measure speed with; None where the weights are
            always there.
    """

    name: str
    title: str
    models: tuple[ModelSpec, ...]
    recognise: Callable[[Checkpoint], ModelSpec | None]
    build: Callable[[Checkpoint, torch.dtype], Built]
    draw: Callable[[ModelSpec], Checkpoint] | None = None
