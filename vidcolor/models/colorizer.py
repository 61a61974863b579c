"""What every model looks like from outside, and our own network behind that face."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vidcolor.errors import WeightsError
from vidcolor.models._metadata import UNUSABLE, factor, is_set, reason, settings
from vidcolor.models.calm import Calm
from vidcolor.models.networks.compact import (
    STRIDE,
    CompactConfig,
    CompactNet,
    LargeConfig,
    LargeNet,
)
from vidcolor.models.spec import ModelSpec
from vidcolor.models.trained import TrainedColorizer

_MEMBER = "members.{}."
"""Before the names of a compact network's tensors where it is a member of ``large``."""


class Colorizer(nn.Module):
    """A loaded network: lightness in, ab out.

    Attributes:
        spec: facts about the model.
        label: the name, or the path it was loaded from, for people.
        device: where it runs.
        dtype: number format of its weights.
    """

    def __init__(
        self,
        network: nn.Module,
        spec: ModelSpec,
        *,
        label: str,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.network = network
        self.spec, self.label = spec, label
        self.device, self.dtype = device, dtype

    @property
    def precision(self) -> str:
        """One of "fp32", "bf16", "fp16"."""
        return {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}[self.dtype]

    @property
    def copies(self) -> int:
        """How many devices share a batch."""
        return 1

    @property
    def device_label(self) -> str:
        """Where it runs, for people."""
        return str(self.device)

    @torch.inference_mode()
    def forward(self, lightness: Tensor) -> Tensor:
        """Colorize a batch at the size it is given.

        Args:
            lightness: ``(B, 1, H, W)`` float32, L*/100 in [0, 1], any size.

        Returns:
            ``(B, 2, h, w)`` float32 Lab ab, over the same picture; h, w may be smaller than H, W.

        Raises:
            ValueError: for any other shape or dtype.
        """
        if lightness.ndim != 4 or lightness.shape[1] != 1 or lightness.dtype != torch.float32:
            raise ValueError(
                "lightness must be (B, 1, H, W) float32,"
                f" got {tuple(lightness.shape)} {lightness.dtype}"
            )
        ab: Tensor = self.network(lightness.to(self.device))
        return ab.float()


class CompactColorizer(TrainedColorizer):
    """Our network at any size, the shipped saturation applied."""

    def __init__(
        self,
        network: CompactNet | LargeNet,
        saturation: float,
        calm: Calm | None = None,
        *,
        mirrored: bool = False,
    ) -> None:
        super().__init__(network, STRIDE, saturation=saturation, calm=calm, mirrored=mirrored)


def build_compact(
    state_dict: Mapping[str, Tensor], metadata: Mapping[str, str], dtype: torch.dtype
) -> CompactColorizer:
    """Our network from its file's content.

    Raises:
        WeightsError: if the tensors are not those of the network that the metadata describes.
    """
    try:
        seen = _seen_settings(state_dict)
        network = _build({**seen, **settings(metadata), "members": seen["members"]})
        network.load_state_dict({k: v.float() for k, v in state_dict.items()})
        saturation = factor(metadata, "saturation", 1.0)
        calm = Calm.read(metadata)
        mirrored = is_set(metadata, "mirrored")
    except UNUSABLE as error:
        raise WeightsError(
            f"these are not the weights of a compact network: {reason(error)}"
        ) from error
    return CompactColorizer(network.prepare(dtype), saturation, calm, mirrored=mirrored)


def _build(values: Mapping[str, Any]) -> CompactNet | LargeNet:
    """The network of these settings, with random weights; ``members`` is 0 for compact's."""
    decoder = tuple(values["decoder"])
    if members := int(values["members"]):
        return LargeNet(LargeConfig(decoder=decoder, members=members))
    return CompactNet(CompactConfig(decoder=decoder))


def detect_compact(state_dict: Mapping[str, Tensor]) -> str | None:
    """The name of our model that the tensors look like, None where they don't."""
    for name, prefix in (("compact", ""), ("large", _MEMBER.format(0))):
        if {prefix + "encoder.stem.weight", prefix + "regress.weight"} <= state_dict.keys():
            return name
    return None


def _seen_settings(state_dict: Mapping[str, Tensor]) -> dict[str, object]:
    """What the tensors themselves tell, for files whose metadata were lost in a conversion."""
    members = {name.split(".")[1] for name in state_dict if name.startswith("members.")}
    decoder = (_MEMBER.format(0) if members else "") + "decoder."
    widths = [len(state_dict[f"{decoder}mixes.{i}.0.0.weight"]) for i in range(3)]
    return {
        "decoder": [len(state_dict[decoder + "bottom.0.weight"]), *widths],
        "members": len(members),
    }
