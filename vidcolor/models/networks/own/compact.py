"""``CompactNet``: an encoder, a decoder and a regression head, for our own small network.

Output: ab at a quarter of the input's size. Eyes and video codecs see colour at no more.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from vidcolor.color import lightness_to_grey
from vidcolor.models.contract import ModelInput
from vidcolor.models.networks.layers.blocks import AB_SCALE
from vidcolor.models.networks.layers.folding import fold
from vidcolor.models.networks.own.decoder import Decoder
from vidcolor.models.networks.own.encoders.choice import find_encoder
from vidcolor.models.networks.own.encoders.edgetpu import EdgeEncoder


@dataclass(frozen=True, slots=True)
class CompactConfig:
    """What it takes to build the network again; stored with its weights.

    Attributes:
        decoder: channels of the decoder at strides 32, 16, 8 and 4.
        bins: classes of the auxiliary head over quantised ab, 0 to leave the head out.
        encoder: name of the encoder, see ``encoders.choice``.
    """

    decoder: tuple[int, int, int, int] = (256, 192, 128, 64)
    bins: int = 0
    encoder: str = EdgeEncoder.name

    @property
    def stride(self) -> int:
        """Sides of inputs are multiples of it, in pixels."""
        return 32

    @property
    def output_stride(self) -> int:
        """Ab is this much smaller than the input."""
        return 4

    def as_dict(self) -> dict[str, object]:
        """Plain values, ready for JSON."""
        return asdict(self)


class CompactNet(nn.Module):
    """Lightness in, ab at stride 4 out."""

    def __init__(self, config: CompactConfig | None = None) -> None:
        super().__init__()
        self.config = config or CompactConfig()
        self.encoder = find_encoder(self.config.encoder)()
        self.decoder = Decoder(
            self.encoder.channels, self.encoder.scene_channels, self.config.decoder
        )
        width = self.config.decoder[-1]
        self.regress = nn.Conv2d(width, 2, 1)
        self.classify = nn.Conv2d(width, self.config.bins, 1) if self.config.bins else None

    def forward(self, inputs: ModelInput) -> Tensor:
        """Colorize.

        Args:
            inputs: lightness with sides that are multiples of 32.

        Returns:
            ``(B, 2, H/4, W/4)`` float32 ab, not finished.
        """
        return self.head_ab(self.features(inputs))

    def features(self, inputs: ModelInput) -> Tensor:
        """The decoder's last features, ``(B, width, H/4, W/4)``, which the heads read."""
        encoder = self.encoder
        seen = encoder.normalise(lightness_to_grey(inputs.lightness))
        found = encoder(seen.to(encoder.dtype))
        scaled = [each * scale for each, scale in zip(found, encoder.scales, strict=True)]
        features: Tensor = self.decoder(scaled, encoder.scene(scaled[-1]))
        return features

    def head_ab(self, features: Tensor) -> Tensor:
        """Ab from the decoder's features, float32."""
        ab: Tensor = self.regress(features.to(self.regress.weight.dtype))
        return ab.float() * AB_SCALE

    def prepare(self, dtype: torch.dtype) -> CompactNet:
        """Make it ready to run: norms folded, channels_last, weights in ``dtype``.

        The last layer stays float32: bfloat16 would round its colours to steps of half a unit.
        """
        self.eval().requires_grad_(False)
        fold(self)
        self.classify = None
        self.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.regress.float()
        return self
