"""``Colorizer``: a loaded model as the engine uses it; and our own network from its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from vidcolor.errors import OptionError, WeightsError
from vidcolor.models._metadata import UNUSABLE, is_set, reason, settings
from vidcolor.models.contract import ColorModel, ModelInput, Prediction
from vidcolor.models.finishing import Finishing
from vidcolor.models.mirrored import Mirrored
from vidcolor.models.networks.compact import (
    STRIDE,
    CompactConfig,
    CompactNet,
    LargeConfig,
    LargeNet,
)
from vidcolor.models.networks.trained import TrainedNetwork
from vidcolor.models.spec import ModelSpec

_MEMBER = "members.{}."
"""Before the names of a compact network's tensors where it is a member of ``large``."""


class Colorizer(nn.Module):
    """A loaded model: what is known of it, and its network behind checks.

    Attributes:
        network: takes a ``ModelInput`` on ``device`` and gives a ``Prediction``.
        spec: facts about the model.
        label: the name, or the path it was loaded from, for people.
        device: where it runs.
        dtype: number format of its weights.
        finishing: what is done to its colours after everything that works over time.
    """

    def __init__(
        self,
        network: Callable[[ModelInput], Prediction],
        spec: ModelSpec,
        *,
        label: str,
        device: torch.device,
        dtype: torch.dtype,
        finishing: Finishing | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.spec, self.label = spec, label
        self.device, self.dtype = device, dtype
        self.finishing = finishing or Finishing()

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
    def forward(self, inputs: ModelInput) -> Prediction:
        """Colorize a batch at the size it is given.

        Args:
            inputs: lightness of any size; on any device.

        Returns:
            Ab in float32 over the same pictures, not finished yet. It may be smaller than the
            lightness; features and confidence, where there are any, have its size.

        Raises:
            OptionError: for guidance that the model can't take.
            ValueError: lightness, or what the model gives, has another shape or dtype.
        """
        _check_input(inputs, self)
        prediction = self.network(inputs.to(self.device))
        _check_prediction(prediction, inputs, self)
        ab = prediction.ab
        return prediction if ab.dtype == torch.float32 else replace(prediction, ab=ab.float())


def as_colorizer(model: ColorModel) -> Colorizer:
    """A model of the user's own as the engine uses it; a ``Colorizer`` stays as it is.

    Raises:
        OptionError: it isn't a ``ColorModel``.
    """
    if isinstance(model, Colorizer):
        return model
    if not isinstance(model, ColorModel) or not isinstance(model.spec, ModelSpec):
        raise OptionError(
            "model must be a vidcolor.ColorModel (spec, device, and a call with a ModelInput),"
            f" got {type(model).__name__}"
        )
    device = torch.device(model.device)
    return Colorizer(model, model.spec, label=model.spec.name, device=device, dtype=torch.float32)


def _check_input(inputs: ModelInput, model: Colorizer) -> None:
    lightness = inputs.lightness
    if lightness.ndim != 4 or lightness.shape[1] != 1 or lightness.dtype != torch.float32:
        raise ValueError(
            "lightness must be (B, 1, H, W) float32,"
            f" got {tuple(lightness.shape)} {lightness.dtype}"
        )
    if inputs.guidance is None:
        return
    if not model.spec.takes_guidance:
        raise OptionError(f"the model {model.label} takes no guidance (spec.takes_guidance)")
    if len(inputs.guidance.ab) != len(inputs):
        raise ValueError(f"guidance for {len(inputs.guidance.ab)} of {len(inputs)} pictures")


def _check_prediction(prediction: Prediction, inputs: ModelInput, model: Colorizer) -> None:
    """Mostly for models from elsewhere: a wrong shape would do harm much later."""
    shape = prediction.ab.shape
    if len(shape) != 4 or shape[:2] != (len(inputs), 2) or not prediction.ab.is_floating_point():
        raise ValueError(
            f"the model {model.label} must give ab ({len(inputs)}, 2, h, w) in floating point,"
            f" got {tuple(shape)} {prediction.ab.dtype}"
        )


def build_compact(
    state_dict: Mapping[str, Tensor], metadata: Mapping[str, str], dtype: torch.dtype
) -> tuple[nn.Module, Finishing]:
    """Our network from its file's content, and how its colours are finished.

    Raises:
        WeightsError: if the tensors are not those of the network that the metadata describes.
    """
    try:
        seen = _seen_settings(state_dict)
        network = _build({**seen, **settings(metadata), "members": seen["members"]})
        network.load_state_dict({k: v.float() for k, v in state_dict.items()})
        finishing = Finishing.read(metadata)
        mirrored = is_set(metadata, "mirrored")
    except UNUSABLE as error:
        raise WeightsError(
            f"these are not the weights of a compact network: {reason(error)}"
        ) from error
    trained = TrainedNetwork(network.prepare(dtype), STRIDE)
    return (Mirrored(trained) if mirrored else trained), finishing


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
