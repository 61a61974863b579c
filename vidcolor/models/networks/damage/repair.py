"""``RepairNet``: where a picture is damaged, and what was there; two U-Net++ with CBAM.

Zhou et al. 2018, "UNet++: A nested U-Net architecture for medical image segmentation", and Woo et
al. 2018, "CBAM: Convolutional block attention module". Two stages: one network finds the damage,
the other fills it in, so that a mask can come from elsewhere. Both see blocks of 4 x 4 pixels as
planes, so that their finest level has a sixteenth of the picture's places: else they would be too
slow for large scans on a CPU.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidcolor.models.networks.layers.blocks import ConvNorm
from vidcolor.models.networks.layers.folding import fold
from vidcolor.models.networks.layers.packed import can_pack, pack
from vidcolor.models.networks.own.encoders.edgetpu import EdgeEncoder

_FOLD = 4
THIN_PX = 5
"""What is narrower stands out from morphological opening and closing."""
THIN_GAIN = 4.0
_LEVELS = 10
"""Halvings of the smooth fill: holes up to 2 ** 10 pixels wide."""


@dataclass(frozen=True, slots=True)
class RepairConfig:
    """What it takes to build the network again; stored with its weights.

    Attributes:
        detect: channels of the network that finds damage, at strides 4, 8 and 16.
        fill: channels of the network that fills it in, likewise.
    """

    detect: tuple[int, ...] = (32, 40, 72)
    fill: tuple[int, ...] = (32, 48, 64)

    @property
    def stride(self) -> int:
        """Sides of inputs are multiples of it, in pixels."""
        return int(_FOLD * 2 ** (max(len(self.detect), len(self.fill)) - 1))

    def as_dict(self) -> dict[str, object]:
        """Plain values, ready for JSON."""
        return asdict(self)


class Attention(nn.Module):
    """CBAM: gates for channels by what they hold over the picture, then for places."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        few = max(channels // 8, 4)
        self.channel = nn.Sequential(
            nn.Conv2d(channels, few, 1), nn.ReLU(), nn.Conv2d(few, channels, 1)
        )
        self.place = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, h, w)`` to the same."""
        mean, top = x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
        x = x * torch.sigmoid(self.channel(mean) + self.channel(top))
        over = torch.cat((x.mean(1, keepdim=True), x.amax(1, keepdim=True)), 1)
        return x * torch.sigmoid(self.place(over))


class Nested(nn.Module):
    """A U-Net++: between encoder and decoder a nest of nodes, each of which sees all before it.

    Args:
        channels_in: planes of the picture.
        channels_out: planes of the result.
        channels: at strides 4, 8, 16, ...
    """

    def __init__(self, channels_in: int, channels_out: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.depth = len(channels)
        inputs = (channels_in * _FOLD * _FOLD, *channels[:-1])
        self.encoder = nn.ModuleList(
            nn.Sequential(ConvNorm(a, b), ConvNorm(b, b))
            for a, b in zip(inputs, channels, strict=True)
        )
        self.attention = Attention(channels[-1])
        self.nodes = nn.ModuleDict()
        for column in range(1, self.depth):
            for row in range(self.depth - column):
                seen = channels[row] * column + channels[row + 1]
                self.nodes[f"{row}-{column}"] = ConvNorm(seen, channels[row])
        self.last = ConvNorm(channels[0], channels[0])
        self.head = nn.Conv2d(channels[0], channels_out * _FOLD * _FOLD, 1)

    def helped(self, x: Tensor) -> list[Tensor]:
        """What is added to the encoder's features, finest first; here nothing."""
        return []

    def forward(self, x: Tensor) -> Tensor:
        """``(B, channels_in, H, W)`` to ``(B, channels_out, H, W)``."""
        helped = self.helped(x)
        x = F.pixel_unshuffle(x, _FOLD)
        rows: list[list[Tensor]] = []
        for row, block in enumerate(self.encoder):
            x = block(F.max_pool2d(x, 2) if row else x)
            x = x + helped[row] if helped else x
            rows.append([self.attention(x) if row == self.depth - 1 else x])
        for column in range(1, self.depth):
            for row in range(self.depth - column):
                below = F.interpolate(rows[row + 1][column - 1], scale_factor=2.0, mode="nearest")
                seen = torch.cat((*rows[row], below), 1)
                rows[row].append(self.nodes[f"{row}-{column}"](seen))
        made: Tensor = self.head(self.last(rows[0][-1]))
        return F.pixel_shuffle(made, _FOLD)


class Detector(Nested):
    """A U-Net++ whose encoder is helped by one that knows pictures from ImageNet.

    What is damage and what belongs to the scene is told by what the scene is.
    """

    def __init__(self, channels_in: int, channels_out: int, channels: tuple[int, ...]) -> None:
        super().__init__(channels_in, channels_out, channels)
        known = EdgeEncoder()
        self.known = nn.Module()
        self.known.encoder = nn.Sequential(
            nn.Sequential(known.stem, nn.ReLU(), known.stem_project, known.stages[0]),
            *known.stages[1 : len(channels)],
        )
        self.joins = nn.ModuleList(
            nn.Conv2d(theirs, own, 1)
            for theirs, own in zip(EdgeEncoder.channels, channels, strict=False)
        )

    def load_pretrained(self, path: Path) -> None:
        """Fill the encoder that knows pictures, see ``EdgeEncoder.load_pretrained``."""
        known = EdgeEncoder()
        known.load_pretrained(path)
        stem = nn.Sequential(known.stem, nn.ReLU(), known.stem_project, known.stages[0])
        wanted = nn.Sequential(stem, *known.stages[1 : len(self.joins)])
        self.known.encoder.load_state_dict(wanted.state_dict())  # type: ignore[union-attr]

    def helped(self, x: Tensor) -> list[Tensor]:
        """What the known encoder makes of lightness less a half, as this one's channels."""
        seen = ((x[:, :1] + 0.5) * 255.0 - 123.0) * 0.01157
        helped = []
        for stage, join in zip(self.known.encoder, self.joins, strict=True):  # type: ignore[arg-type]
            seen = stage(seen)
            # Features have an rms of about 10: a norm's output one of 1.
            helped.append(join(seen * 0.1))
        return helped


class RepairNet(nn.Module):
    """Finds damage in lightness, and fills it in."""

    def __init__(self, config: RepairConfig | None = None) -> None:
        super().__init__()
        self.config = config or RepairConfig()
        self.detector = Detector(3, 1, self.config.detect)
        self.filler = Nested(3, 2, self.config.fill)
        with torch.no_grad():
            self.detector.head.bias.fill_(-2.5)  # type: ignore[union-attr]
            self.filler.head.weight.mul_(0.1)

    def detect(self, lightness: Tensor, thin: Tensor | None = None) -> Tensor:
        """Where damage is.

        Args:
            lightness: ``(B, 1, H, W)`` in [0, 1]; sides are multiples of ``config.stride``.
            thin: ``(B, 2, H, W)``, see ``thin_parts``, where it is known already.

        Returns:
            Logits of the same shape, float32.
        """
        seen = torch.cat((lightness - 0.5, thin_parts(lightness) if thin is None else thin), 1)
        logits: Tensor = self.detector(self._seen(seen))
        return logits.float()

    def fill(self, lightness: Tensor, mask: Tensor, smooth: Tensor | None = None) -> Tensor:
        """What was there before it was damaged.

        Args:
            lightness: ``(B, 1, H, W)`` in [0, 1]; sides are multiples of ``config.stride``.
            mask: 1 where it is damaged, 0 elsewhere; the same shape.
            smooth: ``smooth_fill`` of the whole picture, where this is a tile of it.

        Returns:
            Lightness of the same shape, float32; it counts within the mask only.
        """
        if smooth is None:
            smooth = smooth_fill(lightness, mask)
        seen = torch.cat((lightness - 0.5, mask, smooth - 0.5), 1)
        gate, rest = self.filler(self._seen(seen)).float().chunk(2, 1)
        # Stains and faded parts are seen through: there the picture itself helps.
        through = torch.sigmoid(gate - 2.0) * (lightness - smooth)
        filled: Tensor = smooth + through + rest
        return filled

    def prepare(self, device: torch.device) -> RepairNet:
        """Make it ready to run on a device: norms folded, channels_last, packed on a CPU."""
        self.eval().requires_grad_(False)
        fold(self)
        self.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if device.type == "cpu" and can_pack():
            pack(self)
        return self

    def _seen(self, x: Tensor) -> Tensor:
        return x.to(self.filler.head.weight.dtype)


def thin_parts(x: Tensor) -> Tensor:
    """What is thin or small and bright, and the same for dark: top hat and bottom hat, times 4.

    Args:
        x: lightness, ``(B, 1, H, W)``.

    Returns:
        ``(B, 2, H, W)``.
    """

    def grown(y: Tensor) -> Tensor:
        across = F.max_pool2d(y, (1, THIN_PX), 1, (0, THIN_PX // 2))
        return F.max_pool2d(across, (THIN_PX, 1), 1, (THIN_PX // 2, 0))

    opened, closed = grown(-grown(-x)), -grown(-grown(x))
    return torch.cat(((x - opened), (closed - x)), 1) * THIN_GAIN


def smooth_fill(lightness: Tensor, mask: Tensor) -> Tensor:
    """The picture with holes filled from around them, smoothly, by a pyramid (pull and push).

    Args:
        lightness: ``(B, 1, H, W)`` float32 in [0, 1].
        mask: 1 in holes, 0 elsewhere; the same shape.

    Returns:
        The same shape; outside of holes the picture itself.
    """
    known = 1.0 - mask
    return _pull_push(lightness * known, known, _LEVELS)


def _pull_push(weighted: Tensor, weight: Tensor, levels: int) -> Tensor:
    height, width = weighted.shape[-2:]
    if levels == 0 or max(height, width) == 1:
        return weighted / weight.clamp_min(1e-6)
    pad = (0, width % 2, 0, height % 2)
    both = F.avg_pool2d(F.pad(torch.cat((weighted, weight), 1), pad), 2)
    low, share = both.chunk(2, 1)
    # A pixel of the level below counts fully once a quarter of it is known.
    gain = 1.0 / share.clamp_min(0.25)
    below = _pull_push(low * gain, share * gain, levels - 1)
    wide = F.interpolate(
        below, (height + pad[3], width + pad[1]), mode="bilinear", align_corners=False
    )[..., :height, :width]
    return weighted + (1.0 - weight) * wide
