"""``TrainedNetwork``: a network that ``vidcolor train`` makes, at any size and by either head."""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import nn

from vidcolor.errors import WeightsError
from vidcolor.models._metadata import factor
from vidcolor.models.contract import ModelInput, Prediction
from vidcolor.models.networks.layers.ab_bins import TEMPERATURE, AnnealedHead
from vidcolor.models.networks.layers.borders import padded
from vidcolor.models.networks.own.architectures import as_trainable


class TrainedNetwork(nn.Module):
    """A trainable network at any size: padded inside, cropped after.

    Args:
        network: prepared.
        stride: what its inputs' sides are multiples of.
        head: reads the features in place of the network's own regression head.
    """

    def __init__(
        self, network: nn.Module, stride: int, *, head: AnnealedHead | None = None
    ) -> None:
        super().__init__()
        self.network, self.head, self.stride = network, head, stride

    def forward(self, inputs: ModelInput) -> Prediction:
        """Colorize at the size that is given.

        Returns:
            Ab ``(B, 2, H/s, W/s)``; at full size, ``(B, 2, H, W)``, where H or W isn't a multiple
            of the output stride s. Confidence comes from a classification head only.
        """
        height, width = inputs.lightness.shape[-2:]
        whole = padded(inputs, self.stride)
        prediction = self._predict(whole)
        ratio = whole.lightness.shape[-1] // prediction.ab.shape[-1]
        if height % ratio or width % ratio:
            # Smaller samples don't tile such a picture: go back to its own grid, then crop.
            scale = float(ratio)
            prediction = prediction.each(
                lambda each: F.interpolate(each, scale_factor=scale, mode="bilinear")
            )
            ratio = 1
        return prediction.crop(height // ratio, width // ratio)

    def _predict(self, inputs: ModelInput) -> Prediction:
        trainable = as_trainable(self.network)
        features, confidence = trainable.features(inputs), None
        if self.head is None:
            ab = trainable.head_ab(features)
        else:
            ab, confidence = self.head(features, with_confidence=inputs.wants_confidence)
        if not inputs.wants_features:
            return Prediction(ab, None, confidence)
        kept = features.detach()
        if kept.shape[-2:] != ab.shape[-2:]:
            kept = F.interpolate(kept, size=ab.shape[-2:], mode="bilinear")
        return Prediction(ab, kept, confidence)


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
