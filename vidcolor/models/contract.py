"""What models take and give: plain values that batching, replicas and wrappers can cut and join."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.models.spec import ModelSpec

Change = Callable[[Tensor], Tensor]
"""Something done alike to every tensor of a value, such as moving it to a device."""


@dataclass(frozen=True, slots=True)
class Guidance:
    """Colours that are known beforehand, at all places or at some.

    Attributes:
        ab: ``(B, 2, h, w)`` float32, Lab ab over the whole picture; h, w may differ from the
            lightness's. Places without confidence may hold any finite number.
        confidence: ``(B, 1, h, w)`` float32 in [0, 1]; 0 where nothing is known.
    """

    ab: Tensor
    confidence: Tensor

    def __post_init__(self) -> None:
        """Check the shapes.

        Raises:
            ValueError: for other shapes than these.
        """
        count, channels, *size = self.ab.shape
        if channels != 2 or len(size) != 2 or self.confidence.shape != (count, 1, *size):
            raise ValueError(
                "guidance must be ab (B, 2, h, w) and confidence (B, 1, h, w),"
                f" got {tuple(self.ab.shape)} and {tuple(self.confidence.shape)}"
            )

    def each(self, change: Change) -> Guidance:
        """The same change made to both."""
        return Guidance(change(self.ab), change(self.confidence))

    def resized(self, size: tuple[int, int]) -> Guidance:
        """At another size ``(H, W)``.

        A place takes the mean of the ab that fall into it, weighted by their confidence, and the
        largest of their confidences: a hint of one pixel stays as sure when the picture shrinks.
        """
        if tuple(self.ab.shape[-2:]) == size:
            return self
        weighted = F.adaptive_avg_pool2d(self.ab * self.confidence, size)
        weight = F.adaptive_avg_pool2d(self.confidence, size)
        known = weight > 0.0
        ab = torch.where(known, weighted / weight.where(known, torch.ones_like(weight)), 0.0)
        return Guidance(ab, F.adaptive_max_pool2d(self.confidence, size))


@dataclass(frozen=True, slots=True)
class ModelInput:
    """A batch of pictures for a model, and what is wanted of it.

    Attributes:
        lightness: ``(B, 1, H, W)`` float32, L*/100 in [0, 1].
        guidance: known colours of these pictures, for models whose ``spec.takes_guidance``.
        wants_features: fill ``Prediction.features``, where the model has them.
        wants_confidence: fill ``Prediction.confidence``, where the model has it.
    """

    lightness: Tensor
    guidance: Guidance | None = None
    wants_features: bool = False
    wants_confidence: bool = False

    def __len__(self) -> int:
        """Pictures in the batch."""
        return len(self.lightness)

    def __getitem__(self, pictures: slice) -> ModelInput:
        """Some of the pictures."""
        return self.each(lambda tensor: tensor[pictures])

    def each(self, change: Change) -> ModelInput:
        """The same change made to all tensors."""
        return ModelInput(
            change(self.lightness),
            None if self.guidance is None else self.guidance.each(change),
            self.wants_features,
            self.wants_confidence,
        )

    def to(self, device: torch.device) -> ModelInput:
        """On a device."""
        return self.each(lambda tensor: tensor.to(device))

    def split(self, parts: int) -> list[ModelInput]:
        """In so many parts, in order, as equal as can be; at most one per picture."""
        bounds = torch.arange(len(self)).tensor_split(min(parts, max(len(self), 1)))
        starts = [int(part[0]) if len(part) else 0 for part in bounds]
        return [self[start : start + len(part)] for start, part in zip(starts, bounds, strict=True)]

    @staticmethod
    def concatenate(parts: Sequence[ModelInput]) -> ModelInput:
        """One batch of several, whose pictures are of one size.

        Where some have guidance and others don't, theirs has confidence 0 everywhere. What one
        part wants, all get.

        Raises:
            ValueError: there are no parts.
        """
        if not parts:
            raise ValueError("nothing to concatenate")
        return ModelInput(
            torch.cat([part.lightness for part in parts]),
            _joined_guidance(parts),
            any(part.wants_features for part in parts),
            any(part.wants_confidence for part in parts),
        )


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model makes of a ``ModelInput``.

    Attributes:
        ab: ``(B, 2, h, w)`` float32, Lab ab over the same pictures, before the model's
            ``Finishing``; h, w may be smaller than the input's.
        features: ``(B, C, h, w)``, what the network's last layer read, without gradient; None
            unless asked for, and for models that have none.
        confidence: ``(B, 1, h, w)`` float32 in [0, 1], how sure the model is of its ab; likewise.
    """

    ab: Tensor
    features: Tensor | None = None
    confidence: Tensor | None = None

    def __len__(self) -> int:
        """Pictures in the batch."""
        return len(self.ab)

    def __getitem__(self, pictures: slice) -> Prediction:
        """Some of the pictures."""
        return self.each(lambda tensor: tensor[pictures])

    def each(self, change: Change) -> Prediction:
        """The same change made to all tensors."""
        return Prediction(
            change(self.ab),
            None if self.features is None else change(self.features),
            None if self.confidence is None else change(self.confidence),
        )

    def to(self, device: torch.device) -> Prediction:
        """On a device."""
        return self.each(lambda tensor: tensor.to(device))

    def crop(self, height: int, width: int) -> Prediction:
        """The upper left part, in samples of ab."""
        return self.each(lambda tensor: tensor[..., :height, :width])

    @staticmethod
    def concatenate(parts: Sequence[Prediction]) -> Prediction:
        """One batch of several; what one of them lacks, the result lacks.

        Raises:
            ValueError: there are no parts.
        """
        if not parts:
            raise ValueError("nothing to concatenate")
        if len(parts) == 1:
            return parts[0]
        return Prediction(
            torch.cat([part.ab for part in parts]),
            _joined([part.features for part in parts]),
            _joined([part.confidence for part in parts]),
        )


@runtime_checkable
class ColorModel(Protocol):
    """A model of anybody's own, which ``colorize_video`` and ``colorize_image`` take as ``model``.

    ::

        class Sepia:
            spec = ModelSpec(name="sepia")
            device = torch.device("cpu")

            def __call__(self, inputs: ModelInput) -> Prediction:
                ones = torch.ones_like(inputs.lightness)
                return Prediction(torch.cat((4.0 * ones, 14.0 * ones), dim=1))
    """

    @property
    def spec(self) -> ModelSpec:
        """Facts that decide how it is used: working size, batch size, whether it takes guidance."""
        ...

    @property
    def device(self) -> torch.device:
        """Where its inputs are put."""
        ...

    def __call__(self, inputs: ModelInput, /) -> Prediction:
        """Colorize a batch; each picture by itself, so that batches of any size agree.

        Args:
            inputs: on ``device``; guidance only if ``spec.takes_guidance``.

        Returns:
            Ab of the same number of pictures. Features and confidence are optional.
        """
        ...


def _joined(parts: Sequence[Tensor | None]) -> Tensor | None:
    there = [part for part in parts if part is not None]
    return torch.cat(there) if len(there) == len(parts) else None


def _joined_guidance(parts: Sequence[ModelInput]) -> Guidance | None:
    known = [part.guidance for part in parts if part.guidance is not None]
    if not known:
        return None
    like, size = known[0], (int(known[0].ab.shape[-2]), int(known[0].ab.shape[-1]))
    each = [
        Guidance(like.ab.new_zeros(len(part), 2, *size), like.ab.new_zeros(len(part), 1, *size))
        if part.guidance is None
        else part.guidance.resized(size)
        for part in parts
    ]
    return Guidance(
        torch.cat([guidance.ab for guidance in each]),
        torch.cat([guidance.confidence for guidance in each]),
    )
