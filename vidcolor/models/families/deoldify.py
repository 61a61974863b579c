"""DeOldify as a colorizer: lightness in, Lab a and b out; and loading of the published weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidcolor.color import lightness_to_grey, rgb_to_lab
from vidcolor.errors import DeviceError, WeightsError
from vidcolor.models.contract import ModelInput, Prediction
from vidcolor.models.networks.deoldify import DeOldifyName, DeOldifyNet, build_deoldify
from vidcolor.models.networks.folding import fold

__all__ = [
    "MULTIPLE",
    "DeOldifyColorizer",
    "DeOldifyKind",
    "build_deoldify",
    "detect_deoldify",
    "load_deoldify",
]

DeOldifyKind = Literal["artistic", "wide"]
"""What a state_dict's structure tells: stable and video are both "wide"."""

MULTIPLE: Final = 16
"""Inputs are padded to multiples of this: the original only ever runs at ``render_factor * 16``.

The networks take any even size, but between multiples of 16 the decoder's features get out of step
with the body's at several sizes at once.
"""

_IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
_IMAGENET_STD: Final = (0.229, 0.224, 0.225)

_MIDDLE: Final = "layers.3.0.0.weight_orig"
_STRUCTURES: Final[dict[str, tuple[DeOldifyKind, tuple[int, ...]]]] = {
    "layers.4.conv2.0.weight_orig": ("artistic", (1024, 512, 3, 3)),
    "layers.4.conv.0.weight_orig": ("wide", (4096, 2048, 3, 3)),
}
"""By a key that only this structure has: its name, and its first middle convolution's shape."""


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

    @classmethod
    def from_state_dict(
        cls, state_dict: Mapping[str, Any], *, dtype: torch.dtype = torch.float32
    ) -> DeOldifyColorizer:
        """``load_deoldify``, in a number format."""
        return load_deoldify(state_dict).to(dtype)

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

        Raises:
            DeviceError: the network overflowed in float16.
        """
        lightness = inputs.lightness
        height, width = lightness.shape[-2:]
        with torch.autocast(lightness.device.type, enabled=False):
            output = self.network(self._input(lightness.float()))[..., :height, :width]
            if self.dtype is torch.float16 and not bool(torch.isfinite(output).all()):
                raise DeviceError("DeOldify overflowed in fp16: choose --precision bf16 or fp32")
            mean, std = _per_channel(output, _IMAGENET_MEAN), _per_channel(output, _IMAGENET_STD)
            return Prediction(rgb_to_lab((output * std + mean).clamp(0.0, 1.0))[:, 1:3])

    def _input(self, lightness: Tensor) -> Tensor:
        """The network's input: padded, ImageNet-normalised sRGB grey, channels last, its dtype."""
        height, width = lightness.shape[-2:]
        grey = lightness_to_grey(lightness)
        if height % MULTIPLE or width % MULTIPLE:
            grey = F.pad(grey, (0, -width % MULTIPLE, 0, -height % MULTIPLE), mode="replicate")
        normalised = (grey - _per_channel(grey, _IMAGENET_MEAN)) / _per_channel(grey, _IMAGENET_STD)
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


def load_deoldify(state_dict: Mapping[str, Any]) -> DeOldifyColorizer:
    """Builds the network that a state_dict belongs to, loads it strictly and folds it.

    The weights are shared with ``state_dict`` where folding leaves them as they are.

    Args:
        state_dict: as published, also wrapped as ``{"model": state_dict}``; any floating dtype.

    Returns:
        The colorizer, float32, channels last, in evaluation mode, without gradients.

    Raises:
        WeightsError: not DeOldify's, or with missing, unknown or misshapen entries.
    """
    kind = detect_deoldify(state_dict)
    if kind is None:
        raise WeightsError(
            "these are not weights of a DeOldify generator: their names or shapes differ"
        )
    state = {
        name: value.float() if value.is_floating_point() else value
        for name, value in _unwrap(state_dict).items()
        if isinstance(value, Tensor)
    }
    with torch.device("meta"):
        network = build_deoldify(_any_name(kind))
    _check(network, state, kind)
    network.load_state_dict(state, strict=True, assign=True)
    folded = fold(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return DeOldifyColorizer(folded).eval()


def _unwrap(state_dict: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = state_dict.get("model")
    return cast("Mapping[str, Any]", inner) if isinstance(inner, Mapping) else state_dict


def _any_name(kind: DeOldifyKind) -> DeOldifyName:
    return "artistic" if kind == "artistic" else "video"


def _check(network: DeOldifyNet, state: Mapping[str, Tensor], kind: str) -> None:
    """Says in one line what torch would say in hundreds."""
    wanted = {name: value.shape for name, value in network.state_dict().items()}
    problems = [f"{name} is missing" for name in wanted if name not in state]
    problems += [f"{name} is unknown" for name in state if name not in wanted]
    problems += [
        f"{name} is {tuple(state[name].shape)} instead of {tuple(shape)}"
        for name, shape in wanted.items()
        if name in state and state[name].shape != shape
    ]
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise WeightsError(f"weights of DeOldify ({kind}) don't fit: {problems[0]}{more}")


def _per_channel(like: Tensor, values: tuple[float, float, float]) -> Tensor:
    return like.new_tensor(values).view(1, 3, 1, 1)
