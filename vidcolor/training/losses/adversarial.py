"""Adversarial losses: a critic learns to tell true colours from the network's.

"gan": the conditional GAN of pix2pix (Isola et al., 2017): a PatchGAN with cross-entropy.
"wgan": a conditional Wasserstein GAN with gradient penalty (Gulrajani et al., 2017).
The condition is the lightness before wear: what matters is whether colours suit the scene.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidcolor.errors import OptionError
from vidcolor.models.networks.layers.blocks import AB_SCALE
from vidcolor.training.data.batches import Batch
from vidcolor.training.distributed import any_process, average_gradients
from vidcolor.training.losses.terms import Loss, LossContext, NetworkOutput
from vidcolor.training.optimization import restore
from vidcolor.training.settings import Count, CountOrNone, NotNegative, Positive

_LEAK = 0.2
_INIT_STD = 0.02
_CHANNELS = 3  # L, a, b
_RATIO_TOLERANCE = 0.05
"""How far 1 / critic_ratio may be from a whole number: 0.33 means a third."""
_LEAST_SIDE = 3  # pixels after the halvings, of which the last two convolutions take two


class PatchCritic(nn.Module):
    """PatchGAN: judges overlapping patches of lightness and colour.

    Args:
        width: channels after the first convolution.
        layers: halvings; 3 sees patches of 70 pixels, 2 of 34.
        norm: BatchNorm between (a Wasserstein critic must not: its penalty is per picture).
    """

    def __init__(self, width: int, layers: int, *, norm: bool) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        channels = _CHANNELS
        for layer in range(layers + 1):
            out, stride = width * min(2**layer, 8), 2 if layer < layers else 1
            normed = norm and layer > 0
            parts.append(nn.Conv2d(channels, out, 4, stride=stride, padding=1, bias=not normed))
            parts += [nn.BatchNorm2d(out)] if normed else []
            parts.append(nn.LeakyReLU(_LEAK))
            channels = out
        parts.append(nn.Conv2d(channels, 1, 4, padding=1))
        self.layers = nn.Sequential(*parts)
        for part in parts:
            if isinstance(part, nn.Conv2d):
                nn.init.normal_(part.weight, 0.0, _INIT_STD)

    def forward(self, lightness: Tensor, ab: Tensor) -> Tensor:
        """``(B, 1, h, w)`` L*/100 and ``(B, 2, h, w)`` ab to scores ``(B, 1, h', w')``."""
        scores: Tensor = self.layers(torch.cat((lightness * 2.0 - 1.0, ab / AB_SCALE), dim=1))
        return scores


class Adversarial(Loss):
    """What both kinds share: the critic, its optimiser, and whose turn it is."""

    def __init__(
        self, context: LossContext, *, width: int, layers: int, lr: float, ratio: float,
        norm: bool, betas: tuple[float, float],
    ) -> None:  # fmt: skip
        super().__init__()
        if ratio <= 0 or _distance_to_whole(ratio) > _RATIO_TOLERANCE:
            raise OptionError(f"critic_ratio must be a whole number n or 1 / n, got {ratio}")
        layers = layers or _layers_for(context.ab_side)
        if context.ab_side >> layers < _LEAST_SIDE:
            raise OptionError(
                f"critic_layers = {layers} is too many for ab of {context.ab_side} pixels a side; "
                "take fewer, or larger crops"
            )
        self.critic = PatchCritic(width, layers, norm=norm).to(context.device)
        self.optimizer = torch.optim.Adam(self.critic.parameters(), lr=lr, betas=betas)
        self.ratio = ratio

    def network_turn(self, step: int) -> bool:
        """With a ratio of n > 1 the network learns in every n-th step only."""
        return self.ratio <= 1 or step % round(self.ratio) == 0

    def learn(self, output: NetworkOutput, batch: Batch, step: int) -> dict[str, float]:
        """One step of the critic; with a ratio of 1 / n in every n-th step.

        Where a loss or a gradient isn't finite in any process, no process takes the step.
        """
        if self.ratio < 1 and step % round(1 / self.ratio):
            return {}
        self.critic.requires_grad_(True)
        grey = _pooled(batch.clean, batch.ab)
        with torch.autocast(batch.ab.device.type, enabled=False):
            loss, gap = self.critic_loss(grey, batch.ab, output.ab.detach().float())
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
        average_gradients(self.critic)
        # Without a limit nothing is clipped: only the norm is wanted.
        norm = nn.utils.clip_grad_norm_(self.critic.parameters(), math.inf)
        value, distance, length = torch.stack([loss.detach(), gap, norm]).tolist()
        finite = all(math.isfinite(each) for each in (value, distance, length))
        if not any_process(not finite, batch.ab.device):
            self.optimizer.step()
        return {"critic": value, "critic_gap": distance}

    def forward(self, output: NetworkOutput, batch: Batch, teacher: NetworkOutput | None) -> Tensor:
        """How far the critic is from taking the network's colours for true ones."""
        self.critic.requires_grad_(False)
        with torch.autocast(batch.ab.device.type, enabled=False):
            scores = self.critic(_pooled(batch.clean, output.ab), output.ab.float())
            return self.network_loss(scores)

    def critic_loss(self, grey: Tensor, true: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
        """The critic's loss, and how far apart its mean scores of true and made colours are."""
        raise NotImplementedError

    def network_loss(self, scores: Tensor) -> Tensor:
        """The network's loss from the critic's scores of its colours."""
        raise NotImplementedError

    def get_extra_state(self) -> dict[str, Any]:
        """The optimiser's state, for checkpoints."""
        return self.optimizer.state_dict()

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Takes the optimiser's state back; the configuration's rate holds."""
        restore(self.optimizer, state)


class Gan(Adversarial):
    """Cross-entropy of a PatchGAN.

    Args:
        context: where to run.
        critic_width: channels after the first convolution.
        critic_layers: halvings; 0 chooses by the size of ab.
        critic_lr: learning rate (Adam).
        critic_ratio: critic's steps per step of the network.
    """

    def __init__(
        self, context: LossContext, *, critic_width: Count = 64, critic_layers: CountOrNone = 0,
        critic_lr: Positive = 2e-4, critic_ratio: Positive = 1.0,
    ) -> None:  # fmt: skip
        super().__init__(
            context, width=critic_width, layers=critic_layers, lr=critic_lr, ratio=critic_ratio,
            norm=True, betas=(0.5, 0.999),
        )  # fmt: skip

    def critic_loss(self, grey: Tensor, true: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
        """Half the cross-entropy, as pix2pix has it to slow the critic down."""
        real, fake = self.critic(grey, true), self.critic(grey, made)
        loss = _entropy(real, 1.0) + _entropy(fake, 0.0)
        return 0.5 * loss, (real - fake).mean().detach()

    def network_loss(self, scores: Tensor) -> Tensor:
        """Cross-entropy against "true"."""
        return _entropy(scores, 1.0)


class Wgan(Adversarial):
    """Wasserstein distance with gradient penalty.

    Args:
        context: where to run.
        critic_width: channels after the first convolution.
        critic_layers: halvings; 0 chooses by the size of ab.
        critic_lr: learning rate (Adam).
        critic_ratio: critic's steps per step of the network.
        penalty: weight of the gradient penalty.
    """

    def __init__(
        self, context: LossContext, *, critic_width: Count = 64, critic_layers: CountOrNone = 0,
        critic_lr: Positive = 1e-4, critic_ratio: Positive = 5.0, penalty: NotNegative = 10.0,
    ) -> None:  # fmt: skip
        super().__init__(
            context, width=critic_width, layers=critic_layers, lr=critic_lr, ratio=critic_ratio,
            norm=False, betas=(0.0, 0.9),
        )  # fmt: skip
        self.penalty = penalty

    def critic_loss(self, grey: Tensor, true: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of made less those of true, and the penalty."""
        gap = self.critic(grey, true).mean() - self.critic(grey, made).mean()
        penalty = gradient_penalty(self.critic, grey, true, made)
        return self.penalty * penalty - gap, gap.detach()

    def network_loss(self, scores: Tensor) -> Tensor:
        """High scores are wanted."""
        return -scores.mean()


def gradient_penalty(critic: nn.Module, grey: Tensor, true: Tensor, made: Tensor) -> Tensor:
    """Mean of (norm of the score's gradient - 1)^2 between true and made (Gulrajani et al., 2017).

    The gradient is taken with respect to colour in the critic's unit, the condition is held.
    """
    share = torch.rand(true.shape[0], 1, 1, 1, device=true.device)
    between = torch.lerp(true, made, share).requires_grad_(True)
    score = critic(grey, between).mean(dim=(1, 2, 3)).sum()
    (gradient,) = torch.autograd.grad(score, between, create_graph=True)
    lengths = torch.linalg.vector_norm(gradient.flatten(1) * AB_SCALE, dim=1)
    penalty: Tensor = ((lengths - 1.0) ** 2).mean()
    return penalty


def _distance_to_whole(ratio: float) -> float:
    """How far the turns of the one that learns seldom are from a whole number of steps."""
    turns = max(ratio, 1.0 / ratio)
    return abs(turns - round(turns))


def _layers_for(side: int) -> int:
    """Halvings that leave several patches to judge."""
    return 3 if side >= 64 else 2 if side >= 16 else 1


def _entropy(scores: Tensor, label: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, label))


def _pooled(lightness: Tensor, ab: Tensor) -> Tensor:
    if lightness.shape[-2:] == ab.shape[-2:]:
        return lightness
    return F.adaptive_avg_pool2d(lightness, (ab.shape[-2], ab.shape[-1]))
