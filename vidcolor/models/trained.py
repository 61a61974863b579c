"""Weights that ``vidcolor train`` wrote, of any architecture, behind the face of a colorizer.

A file's metadata say what it is: "architecture", "config" (JSON), "saturation", "cast", "shadows"
and "reds" (``calm.Calm``), "mirrored" ("1": see ``TrainedColorizer``), "decoding" ("regression" or
"annealed-mean") and "temperature".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidcolor.errors import WeightsError
from vidcolor.models._metadata import UNUSABLE, factor, is_set, reason, settings
from vidcolor.models.architectures import ARCHITECTURES, Architecture, as_trainable
from vidcolor.models.calm import Calm
from vidcolor.models.networks.ab_bins import TEMPERATURE, AnnealedHead
from vidcolor.models.spec import PRECISIONS, ModelSpec, WorkingSize

_OURS = {"compact", "large"}
"""What ``colorizer.build_compact`` knows, as long as the regression head decides."""


class TrainedColorizer(nn.Module):
    """A trained network at any size: padded inside, cropped after, calmed, its saturation applied.

    Args:
        network: prepared.
        stride: what its inputs' sides are multiples of.
        saturation: factor on ab.
        calm: takes chroma away before.
        head: reads the features in place of the network's own regression head.
        mirrored: give the mean of what it sees in a picture and in its mirror image, where it makes
            other mistakes; twice the work.
    """

    def __init__(
        self,
        network: nn.Module,
        stride: int,
        *,
        saturation: float = 1.0,
        calm: Calm | None = None,
        head: nn.Module | None = None,
        mirrored: bool = False,
    ) -> None:
        super().__init__()
        self.network, self.head, self.mirrored = network, head, mirrored
        self.stride, self.saturation, self.calm = stride, saturation, calm or Calm()

    def forward(self, lightness: Tensor) -> Tensor:
        """``(B, 1, H, W)`` L*/100 to ``(B, 2, H/s, W/s)`` ab; ``(B, 2, H, W)`` if not in s's."""
        height, width = lightness.shape[-2:]
        seen = lightness
        down, right = -height % self.stride, -width % self.stride
        if down or right:
            lightness = F.pad(lightness, (0, right, 0, down), mode="replicate")
        ab = self._both_ways(lightness) if self.mirrored else self._colours(lightness)
        ratio = lightness.shape[-1] // ab.shape[-1]
        if height % ratio or width % ratio:
            # Smaller samples don't tile such a picture: go back to its own grid, then crop.
            ab = F.interpolate(ab, scale_factor=float(ratio), mode="bilinear")
            ratio = 1
        ab = ab[..., : height // ratio, : width // ratio]
        return self.calm(ab, seen) * self.saturation

    def _both_ways(self, lightness: Tensor) -> Tensor:
        ab = self._colours(torch.cat((lightness, lightness.flip(3))))
        straight, mirrored = ab.chunk(2)
        return (straight + mirrored.flip(3)) / 2.0

    def _colours(self, lightness: Tensor) -> Tensor:
        trainable = as_trainable(self.network)
        features = trainable.features(lightness)
        ab: Tensor = trainable.head_ab(features) if self.head is None else self.head(features)
        return ab


def trained_spec(metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> ModelSpec | None:
    """Facts about a file's network, None where ``build_trained`` isn't the one to build it."""
    architecture = ARCHITECTURES.get(metadata.get("architecture", ""))
    annealed = metadata.get("decoding", "regression") != "regression"
    if architecture is None or (architecture.name in _OURS and not annealed):
        return None
    return ModelSpec(
        name=architecture.name,
        title="trained with vidcolor train",
        family="trained",
        variant=architecture.name,
        licence="that of the file",
        source="vidcolor train",
        parameters_millions=round(sum(t.numel() for t in tensors.values()) / 1e6, 1),
        # The side that crops of the shipped configurations show, which is what they learnt.
        working_size=WorkingSize(
            shape="aspect", video=14, image=14, multiple=_stride_of(architecture, metadata)
        ),
        precisions=PRECISIONS,
        batch_size=MappingProxyType({"cpu": 4, "cuda": 16, "mps": 4}),
    )


def build_trained(
    tensors: Mapping[str, Tensor], metadata: Mapping[str, str], dtype: torch.dtype
) -> TrainedColorizer:
    """The network from its file's content.

    Raises:
        WeightsError: if the tensors are not those of the network that the metadata describe.
    """
    architecture = ARCHITECTURES[metadata["architecture"]]
    try:
        network = architecture.build(settings(metadata))
        network.load_state_dict({k: v.float() for k, v in tensors.items()})
        head = annealed_head(network, metadata)
        saturation = factor(metadata, "saturation", 1.0)
        calm = Calm.read(metadata)
        stride = architecture.stride(settings(metadata))
        mirrored = is_set(metadata, "mirrored")
    except UNUSABLE as error:
        raise WeightsError(
            f"not the weights of a {architecture.name} network: {reason(error)}"
        ) from error
    if head is not None:
        as_trainable(network).classify = None  # the head's now, in float32
    as_trainable(network).prepare(dtype)
    return TrainedColorizer(
        network, stride, saturation=saturation, calm=calm, head=head, mirrored=mirrored
    )


def annealed_head(network: nn.Module, metadata: Mapping[str, str]) -> AnnealedHead | None:
    """What reads the features in place of the regression head; None where that decides.

    Args:
        network: with the file's weights; shares its classification layer.
        metadata: of the file.

    Raises:
        WeightsError: the file has no classification head.
        ValueError: its temperature is no number above 0.
    """
    if metadata.get("decoding", "regression") == "regression":
        return None
    classify = as_trainable(network).classify
    if classify is None:
        raise WeightsError("the file has no classification head, which its decoding needs")
    return AnnealedHead(classify, factor(metadata, "temperature", TEMPERATURE))


def _stride_of(architecture: Architecture, metadata: Mapping[str, str]) -> int:
    try:
        return architecture.stride(settings(metadata))
    except UNUSABLE:
        return 32  # told properly when it is built
