"""Perceptual loss: results and truth should look alike to a network that knows pictures."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.color import lab_to_linear
from vidcolor.errors import OptionError
from vidcolor.training.data.batches import Batch
from vidcolor.training.losses.backbones import BACKBONES, load_backbone
from vidcolor.training.losses.terms import Loss, LossContext, NetworkOutput


class Perceptual(Loss):
    """Relative difference of a backbone's features (Johnson et al., 2016), mean over its layers.

    Each layer's mean absolute difference is divided by the truth's mean absolute feature, so that
    layers of any scale count the same.

    Args:
        context: where to run.
        backbone: "vgg16", "vgg19" or "mobilenet".
        weights: file with the backbone's weights.
    """

    def __init__(self, context: LossContext, *, backbone: str = "vgg16", weights: str = "") -> None:
        super().__init__()
        if backbone not in BACKBONES:
            known = ", ".join(BACKBONES)
            raise OptionError(f"[losses.perceptual] backbone {backbone!r}: known are {known}")
        if not weights:
            raise OptionError(
                f'[losses.perceptual] weights = "FILE" is missing: the weights of {backbone}'
            )
        network = load_backbone(backbone, Path(weights)).to(context.device)
        # In a tuple it is no submodule: checkpoints need not hold it.
        self._backbone = (network.eval().requires_grad_(False),)
        self._bf16 = context.autocast

    def forward(self, output: NetworkOutput, batch: Batch, teacher: NetworkOutput | None) -> Tensor:
        """Mean over layers."""
        true, made = join(batch.clean, batch.ab), join(batch.clean, output.ab)
        with torch.autocast(true.device.type, dtype=torch.bfloat16, enabled=self._bf16):
            with torch.no_grad():
                wanted = self._backbone[0](true)
            got = self._backbone[0](made)
        terms = [
            F.l1_loss(g.float(), w.float()) / w.float().abs().mean().clamp_min(1e-6)
            for g, w in zip(got, wanted, strict=True)
        ]
        return torch.stack(terms).mean()


def join(lightness: Tensor, ab: Tensor) -> Tensor:
    """Pictures of lightness and smaller ab, with gradients for ab.

    Args:
        lightness: ``(B, 1, H, W)`` float32, L*/100.
        ab: ``(B, 2, h, w)`` float32.

    Returns:
        ``(B, 3, H, W)`` float32 sRGB code values in [0, 1].
    """
    if ab.shape[-2:] != lightness.shape[-2:]:
        ab = F.interpolate(ab, lightness.shape[-2:], mode="bilinear")
    linear = lab_to_linear(lightness, ab).clamp(0.0, 1.0)
    # Not color.linear_to_srgb: it works in place, which gradients can't follow.
    curve = 1.055 * linear.clamp_min(0.0031308).pow(1.0 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, curve, linear * 12.92)
