"""What every model looks like from outside, and our own network behind that face."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from vidcolor.errors import WeightsError
from vidcolor.models._metadata import UNUSABLE, factor, is_set, reason, settings
from vidcolor.models.calm import Calm
from vidcolor.models.networks.compact import STRIDE, CompactConfig, CompactNet
from vidcolor.models.spec import ModelSpec
from vidcolor.models.trained import TrainedColorizer

_SECOND_ENCODER = "resnet.encoder.stem.weight"
"""A tensor that ``large`` has and ``compact`` hasn't."""


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
        network: CompactNet,
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
        values = {**_seen_settings(state_dict), **settings(metadata)}
        config = CompactConfig(
            decoder=tuple(values["decoder"]),  # type: ignore[arg-type]
            resnet=tuple(values["resnet"]),  # type: ignore[arg-type]
            attention=int(values["attention"]),  # type: ignore[call-overload]
        )
        network = CompactNet(config)
        network.load_state_dict({k: v.float() for k, v in state_dict.items()})
        saturation = factor(metadata, "saturation", 1.0)
        calm = Calm.read(metadata)
        mirrored = is_set(metadata, "mirrored")
    except UNUSABLE as error:
        raise WeightsError(
            f"these are not the weights of a compact network: {reason(error)}"
        ) from error
    return CompactColorizer(network.prepare(dtype), saturation, calm, mirrored=mirrored)


def detect_compact(state_dict: Mapping[str, Tensor]) -> str | None:
    """The name of our model that the tensors look like, None where they don't."""
    if "encoder.stem.weight" not in state_dict or "regress.weight" not in state_dict:
        return None
    return "large" if _SECOND_ENCODER in state_dict else "compact"


def _seen_settings(state_dict: Mapping[str, Tensor]) -> dict[str, object]:
    """What the tensors themselves tell, for files whose metadata were lost in a conversion."""
    mixes, reduced = "decoder.mixes.{}.0.0.weight", "resnet.reduce.{}.weight"
    blocks = {n.split(".")[2] for n in state_dict if n.startswith("decoder.attention.")}
    return {
        "decoder": [
            len(state_dict["decoder.bottom.0.weight"]),
            *(len(state_dict[mixes.format(i)]) for i in range(3)),
        ],
        "resnet": [len(state_dict[reduced.format(i)]) for i in range(3)]
        if _SECOND_ENCODER in state_dict
        else [],
        "attention": len(blocks),
    }
