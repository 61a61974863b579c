"""``LargeNet``: the mean of several ``CompactNet``s that were trained apart.

What one has learnt by chance, the others haven't (deep ensembles, Lakshminarayanan et al., 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vidcolor.errors import OptionError
from vidcolor.models.contract import ModelInput
from vidcolor.models.networks.own.compact import CompactConfig, CompactNet

_MOST_MEMBERS = 16


@dataclass(frozen=True, slots=True)
class LargeConfig(CompactConfig):
    """The same of each member; ``bins`` is of the one auxiliary head that they share.

    Attributes:
        members: how many there are.
    """

    members: int = 3

    def __post_init__(self) -> None:
        if not 1 <= self.members <= _MOST_MEMBERS:
            raise OptionError(f"members must be from 1 to {_MOST_MEMBERS}, got {self.members}")


class LargeNet(nn.Module):
    """The mean of its members' colours; stands wherever one of them can."""

    def __init__(self, config: LargeConfig | None = None) -> None:
        super().__init__()
        self.config = config or LargeConfig()
        each = CompactConfig(decoder=self.config.decoder, encoder=self.config.encoder)
        self.members = nn.ModuleList(CompactNet(each) for _ in range(self.config.members))
        width = self.config.members * self.config.decoder[-1]
        self.classify = nn.Conv2d(width, self.config.bins, 1) if self.config.bins else None

    def forward(self, inputs: ModelInput) -> Tensor:
        """As ``CompactNet``."""
        return self.head_ab(self.features(inputs))

    def features(self, inputs: ModelInput) -> Tensor:
        """The members' features, one after the other, ``(B, members * width, H/4, W/4)``."""
        return torch.cat([member.features(inputs) for member in self._each()], dim=1)

    def head_ab(self, features: Tensor) -> Tensor:
        """Ab from the features of all, float32."""
        parts = features.chunk(len(self.members), dim=1)
        colours = [m.head_ab(part) for m, part in zip(self._each(), parts, strict=True)]
        return torch.stack(colours).mean(dim=0)

    def prepare(self, dtype: torch.dtype) -> LargeNet:
        """As ``CompactNet``."""
        for member in self._each():
            member.prepare(dtype)
        self.classify = None
        return self

    def _each(self) -> list[CompactNet]:
        return [member for member in self.members if isinstance(member, CompactNet)]
