"""The mean of what a network makes of a picture and of its mirror image."""

from __future__ import annotations

from torch import nn

from vidcolor.models.contract import ModelInput, Prediction


class Mirrored(nn.Module):
    """Looks at both sides: a network makes other mistakes in the mirror; twice the work.

    Features and confidence are means, too: a linear head on the mean of both features gives the
    mean of both colours.

    Args:
        network: takes a ``ModelInput``, gives a ``Prediction``.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: ModelInput) -> Prediction:
        """As the network does."""
        seen = ModelInput.concatenate([inputs, inputs.each(lambda tensor: tensor.flip(3))])
        both: Prediction = self.network(seen)
        count = len(inputs)
        return both.each(lambda each: (each[:count] + each[count:].flip(3)) / 2.0)
