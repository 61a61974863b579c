"""What every model looks like from outside, and our own network behind that face."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from vidcolor.errors import WeightsError
from vidcolor.models._metadata import UNUSABLE, factor, reason, settings
from vidcolor.models.calm import Calm
from vidcolor.models.networks.compact import STRIDE, CompactConfig, CompactNet
from vidcolor.models.spec import ModelSpec
from vidcolor.models.trained import TrainedColorizer


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

    def __init__(self, network: CompactNet, saturation: float, calm: Calm | None = None) -> None:
        super().__init__(network, STRIDE, saturation=saturation, calm=calm)


def build_compact(
    state_dict: Mapping[str, Tensor], metadata: Mapping[str, str], dtype: torch.dtype
) -> CompactColorizer:
    """Our network from its file's content.

    Raises:
        WeightsError: if the tensors are not those of the network that the metadata describes.
    """
    try:
        values = settings(metadata)
        plain = CompactConfig()
        config = CompactConfig(
            decoder=tuple(values.get("decoder", plain.decoder)),  # type: ignore[arg-type]
            resnet=tuple(values.get("resnet", plain.resnet)),  # type: ignore[arg-type]
            attention=int(values.get("attention", plain.attention)),  # type: ignore[call-overload]
        )
        network = CompactNet(config)
        network.load_state_dict({k: v.float() for k, v in state_dict.items()})
        saturation = factor(metadata, "saturation", 1.0)
        calm = Calm.read(metadata)
    except UNUSABLE as error:
        raise WeightsError(
            f"these are not the weights of a compact network: {reason(error)}"
        ) from error
    return CompactColorizer(network.prepare(dtype), saturation, calm)


def is_compact(state_dict: Mapping[str, Tensor]) -> bool:
    """Whether the tensors look like our network's."""
    return "encoder.stem.weight" in state_dict and "regress.weight" in state_dict
