"""The network as training calls it: both heads at once, in one ``forward``."""

from __future__ import annotations

from torch import Tensor, nn

from vidcolor.models.contract import ModelInput
from vidcolor.models.networks.own.architectures import as_trainable
from vidcolor.training.losses.terms import CLASS_EVERY


class Predictor(nn.Module):
    """A network as one function, which DDP and ``torch.compile`` can wrap."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, lightness: Tensor) -> tuple[Tensor, Tensor | None]:
        """``(B, 1, H, W)`` L*/100 to ab ``(B, 2, h, w)`` and, with a head, sparse logits."""
        network = as_trainable(self.network)
        features = network.features(ModelInput(lightness))
        ab = network.head_ab(features)
        if network.classify is None:
            return ab, None
        return ab, network.classify(features[..., ::CLASS_EVERY, ::CLASS_EVERY])
