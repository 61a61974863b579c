"""Zhang et al. (BSD-2-Clause): the networks of 2016 and 2017, from .pth files and from Caffe's."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from vidcolor.errors import WeightsError
from vidcolor.models.contract import ModelInput, Prediction
from vidcolor.models.families.caffe_eccv import from_caffe, is_eccv
from vidcolor.models.families.family import Built, Family
from vidcolor.models.families.published import calibrated, load_strictly, plain_tensors
from vidcolor.models.networks.layers.ab_bins import certainty
from vidcolor.models.networks.layers.blocks import AB_SCALE
from vidcolor.models.networks.layers.borders import padded
from vidcolor.models.networks.layers.folding import fold
from vidcolor.models.networks.published.zhang import ECCV_STRIDE, STRIDE, EccvNet, SiggraphNet
from vidcolor.models.spec import ModelSpec, WorkingSize
from vidcolor.models.weights.safe_load import Checkpoint

_CALIBRATION: Final = 64
"""Side of the noise from which norms of random networks learn what activations are like, in px."""

_RECIPE_FACTOR: Final = 14
"""224 px in units of 16: OpenCV's sample and the tutorials make pictures smaller by ``cv2.resize``,
which skips pixels. The authors' own code, at 256, averages (Pillow)."""


class EccvColorizer(nn.Module):
    """Lightness to ab by the network of 2016, at a quarter of the size.

    Args:
        network: prepared, in evaluation mode.
    """

    def __init__(self, network: EccvNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: ModelInput) -> Prediction:
        """Colorize at the size that is given.

        Returns:
            Ab ``(B, 2, ceil(H/4), ceil(W/4))`` float32, as published: the annealed mean. Confidence
            is how far the distribution is from knowing nothing.
        """
        height, width = inputs.lightness.shape[-2:]
        lightness = _centred(padded(inputs, STRIDE).lightness, self.network.model7)
        with torch.autocast(lightness.device.type, enabled=False):
            logits = self.network.logits(lightness)
            ab = self.network.mean_ab(logits)
            confidence = certainty(logits) if inputs.wants_confidence else None
        if height % ECCV_STRIDE or width % ECCV_STRIDE:
            scaled = nn.Upsample(scale_factor=float(ECCV_STRIDE), mode="bilinear")
            return Prediction(ab, None, confidence).each(scaled).crop(height, width)
        return Prediction(ab, None, confidence).crop(height // ECCV_STRIDE, width // ECCV_STRIDE)


class SiggraphColorizer(nn.Module):
    """Lightness and known colours to ab by the network of 2017, at full size.

    Guidance enters as the network was taught: ab where it is known, and a mask. A confidence
    between 0 and 1 scales both, so that colours fade in without a jump.

    Args:
        network: prepared, in evaluation mode.
    """

    def __init__(self, network: SiggraphNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: ModelInput) -> Prediction:
        """Colorize at the size that is given.

        Returns:
            Ab of the lightness's size; no features and no confidence.
        """
        height, width = inputs.lightness.shape[-2:]
        whole = padded(inputs, STRIDE)
        lightness = _centred(whole.lightness, self.network.model7)
        known = torch.zeros_like(lightness).expand(-1, 3, -1, -1)
        if whole.guidance is not None:
            sure = whole.guidance.confidence
            known = torch.cat((whole.guidance.ab * sure / AB_SCALE, sure), dim=1).to(lightness)
        planes = torch.cat((lightness, known), dim=1)
        planes = planes.contiguous(memory_format=torch.channels_last)
        with torch.autocast(planes.device.type, enabled=False):
            return Prediction(self.network(planes)[..., :height, :width])


def _centred(lightness: Tensor, inside: nn.Module) -> Tensor:
    """L*/100 - 0.5 in the dtype of a part of the network."""
    dtype = next(inside.parameters()).dtype
    return (lightness.float() - 0.5).to(dtype, memory_format=torch.channels_last)


def _recognise(checkpoint: Checkpoint) -> ModelSpec | None:
    names = checkpoint.state_dict.keys()
    if is_eccv(checkpoint) or {"model1.0.weight", "model8.6.weight", "model_out.weight"} <= names:
        return _ECCV
    known = {"model1.0.weight", "model1short10.0.weight", "model_out.0.weight"} <= names
    return _SIGGRAPH if known else None


def _build(checkpoint: Checkpoint, dtype: torch.dtype) -> Built:
    spec = _recognise(checkpoint)
    if spec is None:
        raise WeightsError("these are not weights of a network of Zhang et al.")
    if is_eccv(checkpoint):
        checkpoint = from_caffe(checkpoint)
    with torch.device("meta"):
        network = EccvNet() if spec is _ECCV else SiggraphNet()
    load_strictly(network, plain_tensors(checkpoint.state_dict), title=spec.name)
    fold(network.eval()).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.prepare(dtype)
    if isinstance(network, EccvNet):
        return Built(EccvColorizer(network))
    return Built(SiggraphColorizer(network))


def _draw(spec: ModelSpec) -> Checkpoint:
    if spec is _ECCV:
        return calibrated(EccvNet(), torch.rand(2, 1, _CALIBRATION, _CALIBRATION) - 0.5)
    return calibrated(SiggraphNet(), torch.rand(2, 4, _CALIBRATION, _CALIBRATION) - 0.5)


_ECCV: Final = ModelSpec(
    name="zhang-eccv16",
    title="Zhang et al. 2016, the classic of the tutorials: vivid, sometimes blotchy",
    family="zhang",
    variant="eccv16",
    licence="BSD-2-Clause",
    source="Colorful Image Colorization, https://github.com/richzhang/colorization",
    parameters_millions=32.2,
    working_size=WorkingSize(
        shape="square", video=16, image=16, multiple=STRIDE, skipping=_RECIPE_FACTOR
    ),
)

_SIGGRAPH: Final = ModelSpec(
    name="zhang-siggraph17",
    title="Zhang et al. 2017: calmer than 2016, and follows colours that are given",
    family="zhang",
    variant="siggraph17",
    licence="BSD-2-Clause",
    source="Real-Time User-Guided Image Colorization, https://github.com/richzhang/colorization",
    parameters_millions=34.2,
    working_size=WorkingSize(shape="square", video=16, image=16, multiple=STRIDE),
    takes_guidance=True,
)

ZHANG: Final = Family(
    name="zhang",
    title="Zhang et al.",
    models=(_ECCV, _SIGGRAPH),
    recognise=_recognise,
    build=_build,
    draw=_draw,
)
