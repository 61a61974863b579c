"""Losses on ab by name, each with a weight and settings of its own.

A loss is a module that compares a ``NetworkOutput`` with the ``Batch``, and with the output of a
teacher where there is one. Losses that learn themselves (adversarial ones) do so in ``learn``.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from pydantic import ValidationError, create_model
from torch import Tensor, nn

from vidcolor.errors import OptionError
from vidcolor.models.networks.layers.ab_bins import AbBins
from vidcolor.training.data.batches import Batch
from vidcolor.training.settings import STRICT, NotNegative, Positive, describe

T = TypeVar("T")

CLASS_EVERY = 4
"""Logits at every so many positions a side: softmax over bins is slow, the gradient as good."""


@dataclass(frozen=True, slots=True)
class NetworkOutput:
    """What the heads of a network give for a batch.

    Attributes:
        ab: ``(B, 2, h, w)`` float32.
        logits: ``(B, Q, h', w')`` over the ab bins; of students at every few positions only; None
            without a classification head.
    """

    ab: Tensor
    logits: Tensor | None = None


@dataclass(frozen=True, slots=True)
class LossContext:
    """What losses are built for.

    Attributes:
        device: where they run.
        bins: with the weights of rare colours set.
        ab_side: side of the batches' ab in pixels, the smallest of the run.
        autocast: whether networks run in bfloat16.
    """

    device: torch.device
    bins: AbBins
    ab_side: int
    autocast: bool = False


class Loss(nn.Module):
    """One term of the objective; see the module's docstring."""

    needs_classes = False
    """Whether the network must have a classification head."""
    needs_ab = True
    """Whether the network's ab count, so that the regression head learns."""
    needs_teacher = False

    def forward(self, output: NetworkOutput, batch: Batch, teacher: NetworkOutput | None) -> Tensor:
        """The loss, a scalar."""
        raise NotImplementedError

    def network_turn(self, step: int) -> bool:  # noqa: ARG002
        """Whether the network learns in this step."""
        return True

    def learn(self, output: NetworkOutput, batch: Batch, step: int) -> dict[str, float]:  # noqa: ARG002
        """Learn from a step before the network does; returns what was measured."""
        return {}


class Huber(Loss):
    """Huber loss of ab in units of ``delta``: square below, straight above."""

    def __init__(self, _: LossContext, *, delta: Positive = 12.0) -> None:
        super().__init__()
        self.delta = delta

    def forward(self, output: NetworkOutput, batch: Batch, teacher: NetworkOutput | None) -> Tensor:
        """Mean over all samples."""
        return huber(output.ab, batch.ab, self.delta)


class L1(Loss):
    """Mean absolute difference of ab in units of ``unit``."""

    def __init__(self, _: LossContext, *, unit: Positive = 12.0) -> None:
        super().__init__()
        self.unit = unit

    def forward(self, output: NetworkOutput, batch: Batch, teacher: NetworkOutput | None) -> Tensor:
        """Mean over all samples."""
        return F.l1_loss(output.ab / self.unit, batch.ab / self.unit)


class Classification(Loss):
    """Cross-entropy over ab bins, rare colours weighing more (Zhang et al., 2016)."""

    needs_classes, needs_ab = True, False

    def __init__(self, context: LossContext) -> None:
        super().__init__()
        self.bins = context.bins

    def forward(self, output: NetworkOutput, batch: Batch, teacher: NetworkOutput | None) -> Tensor:
        """Mean over the positions that have logits."""
        every = class_stride(output)
        return cross_entropy(_logits(output), batch.ab[..., ::every, ::every], self.bins)


class TeacherAb(Loss):
    """Huber loss against the teacher's ab."""

    needs_teacher = True

    def __init__(self, _: LossContext, *, delta: Positive = 12.0) -> None:
        super().__init__()
        self.delta = delta

    def forward(self, output: NetworkOutput, batch: Batch, teacher: NetworkOutput | None) -> Tensor:
        """Mean over all samples."""
        target = _given(teacher, "a teacher").ab
        if target.shape[-1] > output.ab.shape[-1]:
            target = F.adaptive_avg_pool2d(target, (output.ab.shape[-2], output.ab.shape[-1]))
        elif target.shape[-1] < output.ab.shape[-1]:
            target = F.interpolate(target, output.ab.shape[-2:], mode="bilinear")
        return huber(output.ab, target, self.delta)


class TeacherBins(Loss):
    """Cross-entropy against the teacher's probabilities (Hinton et al., 2015), rebalanced."""

    needs_classes, needs_ab = True, False
    needs_teacher = True

    def __init__(self, context: LossContext, *, temperature: Positive = 1.0) -> None:
        super().__init__()
        self.bins, self.temperature = context.bins, temperature

    def forward(self, output: NetworkOutput, batch: Batch, teacher: NetworkOutput | None) -> Tensor:
        """Weighted mean over the positions with logits, less the teacher's own entropy."""
        logits, known = _logits(output), _given(teacher, "a teacher").logits
        side = output.ab.shape[-1]
        every = 0 if known is None else class_stride(output) * known.shape[-1] // side
        if known is None or every == 0:
            raise OptionError(
                "teacher-bins: the teacher has no (or too coarse a) classification head; "
                "give the checkpoint.pt of a run with one"
            )
        target = (known[..., ::every, ::every].float() / self.temperature).softmax(dim=1)
        log_shares = (logits.float() / self.temperature).log_softmax(dim=1)
        divergence = F.kl_div(log_shares, target, reduction="none").sum(dim=1)
        weight = torch.einsum("bqhw,q->bhw", target, self.bins.weight)
        # A weighted mean: teachers spread over rare bins, whose weights would swamp other losses.
        return (divergence * weight).sum() / weight.sum() * self.temperature**2


def class_stride(output: NetworkOutput) -> int:
    """How many places of ab lie from one position with logits to the next.

    Logits are at every ``CLASS_EVERY``-th of the features, from the first on, so their number is
    rounded up; ab may be larger than the features by a whole factor.
    """
    across = CLASS_EVERY * _logits(output).shape[-1]
    return CLASS_EVERY * math.ceil(output.ab.shape[-1] / across)


def huber(ab: Tensor, truth: Tensor, delta: float) -> Tensor:
    """Mean Huber loss of ab ``(B, 2, H, W)`` in units of ``delta``: square near, straight far."""
    return F.huber_loss(ab / delta, truth / delta)


def cross_entropy(logits: Tensor, truth: Tensor, bins: AbBins) -> Tensor:
    """Rebalanced cross-entropy of ``(B, Q, H, W)`` logits against true ab ``(B, 2, H, W)``."""
    index = bins.index(truth).flatten()
    rows = logits.permute(0, 2, 3, 1).reshape(-1, logits.shape[1])
    loss = F.cross_entropy(rows.float(), index, reduction="none")
    return (loss * bins.weight[index]).mean()


def check_settings(name: str, make: Callable[..., Loss], settings: Mapping[str, Any]) -> None:
    """Refuse settings that a loss doesn't have, and values that they can't take.

    Raises:
        OptionError: naming the first of them.
    """
    parameters = inspect.signature(make, eval_str=True).parameters.values()
    kinds: dict[str, Any] = {"weight": (NotNegative, 1.0)} | {
        p.name: (p.annotation, p.default) for p in parameters if p.kind is p.KEYWORD_ONLY
    }
    try:
        create_model("Settings", __config__=STRICT, **kinds).model_validate(dict(settings))
    except ValidationError as error:
        raise OptionError(f"[losses.{name}]: {describe(error, kinds)}") from error


def _logits(output: NetworkOutput) -> Tensor:
    return _given(output.logits, "a network with a classification head")


def _given(value: T | None, what: str) -> T:
    if value is None:
        raise OptionError(f"one of the losses needs {what}")
    return value
