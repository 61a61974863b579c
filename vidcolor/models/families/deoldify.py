"""DeOldify (Jason Antic, MIT): its three models, and its networks as ours take and give values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, cast

import torch
from torch import Tensor, nn

from vidcolor.color import lightness_to_grey, rgb_to_lab
from vidcolor.errors import WeightsError
from vidcolor.models.contract import ModelInput, Prediction
from vidcolor.models.families.family import Built, Family
from vidcolor.models.families.published import calibrated, load_strictly, plain_tensors
from vidcolor.models.networks.layers.blocks import IMAGENET_MEAN, IMAGENET_STD
from vidcolor.models.networks.layers.borders import padded
from vidcolor.models.networks.layers.folding import fold
from vidcolor.models.networks.published.deoldify import DeOldifyName, build_deoldify
from vidcolor.models.spec import PRECISIONS, AutoRank, ModelSpec, WorkingSize
from vidcolor.models.weights.safe_load import Checkpoint

DeOldifyKind = Literal["artistic", "wide"]
"""What a state_dict's structure tells: stable and video are both "wide"."""

MULTIPLE: Final = 16
"""Inputs are padded to multiples of this: the original only ever runs at ``render_factor * 16``.

The networks take any even size, but between multiples of 16 the decoder's features get out of step
with the body's at several sizes at once.
"""

_MIDDLE: Final = "layers.3.0.0.weight_orig"
_STRUCTURES: Final[dict[str, tuple[DeOldifyKind, tuple[int, ...]]]] = {
    "layers.4.conv2.0.weight_orig": ("artistic", (1024, 512, 3, 3)),
    "layers.4.conv.0.weight_orig": ("wide", (4096, 2048, 3, 3)),
}
"""By a key that only this structure has: its name, and its first middle convolution's shape."""


_CALIBRATION: Final = (2, 3, 64, 64)
"""Pictures of noise from which norms of random networks learn what activations are like."""


class DeOldifyColorizer(nn.Module):
    """Lightness to Lab a and b by one of DeOldify's networks.

    ``to(torch.bfloat16)`` or ``to(torch.float16)`` sets what the network runs in; the colour
    arithmetic around it, self-attention's softmax and the last sigmoid stay float32, under autocast
    too.

    Args:
        network: a ``DeOldifyNet``, folded or not, in evaluation mode.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    @property
    def dtype(self) -> torch.dtype:
        """What the network runs in."""
        return next(self.network.parameters()).dtype

    def forward(self, inputs: ModelInput) -> Prediction:
        """Colorizes at the size that it is given; the original's is render_factor * 16 square.

        Args:
            inputs: lightness; sizes other than multiples of ``MULTIPLE`` are padded inside by
                repeating the last row and column.

        Returns:
            Ab of the lightness's size; no features and no confidence.
        """
        height, width = inputs.lightness.shape[-2:]
        lightness = padded(inputs, MULTIPLE).lightness
        with torch.autocast(lightness.device.type, enabled=False):
            output = self.network(self._input(lightness.float()))[..., :height, :width]
            mean, std = _per_channel(output, IMAGENET_MEAN), _per_channel(output, IMAGENET_STD)
            return Prediction(rgb_to_lab((output * std + mean).clamp(0.0, 1.0))[:, 1:3])

    def _input(self, lightness: Tensor) -> Tensor:
        """The network's input: ImageNet-normalised sRGB grey, channels last, its dtype."""
        grey = lightness_to_grey(lightness)
        normalised = (grey - _per_channel(grey, IMAGENET_MEAN)) / _per_channel(grey, IMAGENET_STD)
        return normalised.to(self.dtype, memory_format=torch.channels_last)


def detect_deoldify(state_dict: Mapping[str, Any]) -> DeOldifyKind | None:
    """Recognises DeOldify's generators by their keys and shapes.

    Args:
        state_dict: of a checkpoint, or the checkpoint ``{"model": state_dict}`` as published.

    Returns:
        "artistic", "wide" (stable or video: their files can't be told apart), or None.
    """
    state = _unwrap(state_dict)
    middle = state.get(_MIDDLE)
    for key, (kind, shape) in _STRUCTURES.items():
        if key in state and isinstance(middle, Tensor) and tuple(middle.shape) == shape:
            return kind
    return None


def load_deoldify(
    state_dict: Mapping[str, Any], *, dtype: torch.dtype = torch.float32
) -> DeOldifyColorizer:
    """Builds the network that a state_dict belongs to, loads it strictly and folds it.

    The weights are shared with ``state_dict`` where folding leaves them as they are.

    Args:
        state_dict: as published, also wrapped as ``{"model": state_dict}``; any floating dtype.
        dtype: what the network runs in.

    Returns:
        The colorizer, channels last, in evaluation mode, without gradients.

    Raises:
        WeightsError: not DeOldify's, or with missing, unknown or misshapen entries.
    """
    kind = detect_deoldify(state_dict)
    if kind is None:
        raise WeightsError(
            "these are not weights of a DeOldify generator: their names or shapes differ"
        )
    with torch.device("meta"):
        network = build_deoldify(_any_name(kind))
    load_strictly(network, plain_tensors(_unwrap(state_dict)), title=f"DeOldify ({kind})")
    folded = fold(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return DeOldifyColorizer(folded).eval().to(dtype)


def _draw(spec: ModelSpec) -> Checkpoint:
    """Random weights with activations of ordinary size, whose speed is that of real ones."""
    network = build_deoldify(cast(DeOldifyName, spec.variant))
    return calibrated(network, torch.randn(_CALIBRATION))


def _recognise(checkpoint: Checkpoint) -> ModelSpec | None:
    """The wide structure is taken for the video model: the stable one has the same."""
    kind = detect_deoldify(checkpoint.state_dict)
    variant = {"artistic": "artistic", "wide": "video", None: None}[kind]
    return next((spec for spec in _MODELS if spec.variant == variant), None)


def _build(checkpoint: Checkpoint, dtype: torch.dtype) -> Built:
    return Built(load_deoldify(checkpoint.state_dict, dtype=dtype))


def _spec(variant: str, title: str, millions: float, *auto: AutoRank) -> ModelSpec:
    return ModelSpec(
        name=f"deoldify-{variant}",
        title=title,
        family="deoldify",
        variant=variant,
        licence="MIT",
        source="DeOldify by Jason Antic, https://github.com/jantic/DeOldify",
        parameters_millions=millions,
        working_size=WorkingSize(shape="square", video=21, image=35, multiple=MULTIPLE),
        precisions=PRECISIONS,
        auto=auto,
    )


_MODELS: Final = (
    _spec("video", "DeOldify for film: calm colours, few artefacts", 218.2, AutoRank("video", 10)),
    _spec("artistic", "DeOldify for photos: the liveliest colours", 63.7, AutoRank("image", 10)),
    _spec("stable", "DeOldify for portraits and landscapes: careful colours", 218.2),
)

DEOLDIFY: Final = Family(
    name="deoldify",
    title="DeOldify",
    models=_MODELS,
    recognise=_recognise,
    build=_build,
    draw=_draw,
)


def _unwrap(state_dict: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = state_dict.get("model")
    return cast("Mapping[str, Any]", inner) if isinstance(inner, Mapping) else state_dict


def _any_name(kind: DeOldifyKind) -> DeOldifyName:
    return "artistic" if kind == "artistic" else "video"


def _per_channel(like: Tensor, values: tuple[float, float, float]) -> Tensor:
    return like.new_tensor(values).view(1, 3, 1, 1)
