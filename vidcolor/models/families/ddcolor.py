"""DDColor (Kang et al., 2023; Apache-2.0): its networks as ours take and give values."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, cast

import torch
from torch import nn

from vidcolor.color import lightness_to_grey
from vidcolor.errors import WeightsError
from vidcolor.models.contract import ModelInput, Prediction
from vidcolor.models.families.family import Built, Family
from vidcolor.models.families.published import calibrated, load_strictly, plain_tensors
from vidcolor.models.networks.layers.borders import padded
from vidcolor.models.networks.layers.folding import fold
from vidcolor.models.networks.published.convnext import STRIDE, ConvNextBlock
from vidcolor.models.networks.published.ddcolor import DDColorNet, DDColorSize
from vidcolor.models.spec import ModelSpec, WorkingSize
from vidcolor.models.weights.safe_load import Checkpoint

_CALIBRATION: Final = (2, 3, 64, 64)
"""Pictures of noise from which norms of random networks learn what activations are like."""

_HEAD: Final = "encoder.arch.head_cls."
"""A classifier that some files have and no network uses."""

_SIGN: Final = "encoder.arch.downsample_layers.0.0.weight"
_SIZES: Final[dict[int, DDColorSize]] = {96: "tiny", 192: "large"}
"""By the first layer's channels."""


class DDColorColorizer(nn.Module):
    """Lightness to ab by one of DDColor's networks.

    Args:
        network: prepared, in evaluation mode.
    """

    def __init__(self, network: DDColorNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: ModelInput) -> Prediction:
        """Colorize at the size that is given; the network learnt at 256 and 512 pixels square.

        Returns:
            Ab of the lightness's size, float32; no features and no confidence.
        """
        height, width = inputs.lightness.shape[-2:]
        lightness = padded(inputs, STRIDE).lightness
        grey = lightness_to_grey(lightness.float()).expand(-1, 3, -1, -1)
        with torch.autocast(grey.device.type, enabled=False):
            return Prediction(self.network(grey)[..., :height, :width])


def _size(checkpoint: Checkpoint) -> DDColorSize | None:
    stem = checkpoint.state_dict.get(_SIGN)
    if stem is None or "decoder.color_decoder.query_feat.weight" not in checkpoint.state_dict:
        return None
    return _SIZES.get(len(stem)) if stem.ndim else None


def _recognise(checkpoint: Checkpoint) -> ModelSpec | None:
    """The large structure is taken for the default model: the artistic one has the same."""
    size = _size(checkpoint)
    return next((spec for spec in _MODELS if spec.variant == size), None)


def _build(checkpoint: Checkpoint, dtype: torch.dtype) -> Built:
    size = _size(checkpoint)
    if size is None:
        raise WeightsError("these are not weights of a network of DDColor")
    state = plain_tensors(checkpoint.state_dict)
    with torch.device("meta"):
        network = DDColorNet(size)
    kept = {name: value for name, value in state.items() if not name.startswith(_HEAD)}
    load_strictly(network, kept, title=f"DDColor ({size})")
    fold(network.eval())
    for module in network.modules():
        if isinstance(module, ConvNextBlock):
            module.fold()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Built(DDColorColorizer(network.prepare(dtype)).eval())


def _draw(spec: ModelSpec) -> Checkpoint:
    network = DDColorNet(cast(DDColorSize, spec.variant))
    return calibrated(network, torch.rand(_CALIBRATION))


def _spec(name: str, variant: DDColorSize, title: str, millions: float, factor: int) -> ModelSpec:
    return ModelSpec(
        name=name,
        title=title,
        family="ddcolor",
        variant=variant,
        licence="Apache-2.0",
        source="DDColor by Xiaoyang Kang and others, https://github.com/piddnad/DDColor",
        parameters_millions=millions,
        working_size=WorkingSize(shape="square", video=factor, image=factor, multiple=STRIDE),
        batch_size=MappingProxyType({"cpu": 2, "cuda": 16, "mps": 2}),
    )


_MODELS: Final = (
    _spec("ddcolor", "large", "DDColor: rich colours, for photographs", 227.9, 32),
    _spec("ddcolor-artistic", "large", "DDColor, artistic: fewer odd colours", 227.9, 32),
    _spec("ddcolor-tiny", "tiny", "DDColor, the small one", 55.0, 16),
)

DDCOLOR: Final = Family(
    name="ddcolor",
    title="DDColor",
    models=_MODELS,
    recognise=_recognise,
    build=_build,
    draw=_draw,
)
