"""How much the colours of two places have to do with each other: a learned kernel, and its solver.

The error of the network's colours is taken for a Gaussian process. Its covariance is a sum of
Gaussians in embeddings of a place: position, lightness, the network's own colour, and a projection
of the features of ``compact``. Projection and widths were learned on photographs, so that colours
given at random places explain those at others (docs/direction.md). Known colours then give the
most likely colours everywhere, with a variance: kriging (Rasmussen and Williams, 2006, ch. 2).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from vidcolor.models.weights.store import bundled_path

_FILE = "steering.safetensors"
_AB_SCALE = 20.0
"""Lab units that count as 1."""

_SOFTPLUS_ONE = 0.54
"""Where softplus is 1: an untrained scale."""


_EXPLAINED = (0.2, 0.6)
"""Share of the variance that is explained, at which a colour that was found begins to count, and
counts wholly: a person's correction of one thing must not tint all others a little."""

_ALIKE = (0.5, 0.15, 0.7)
"""Distances at which two places are taken for different things: of features (in standard
deviations), of L*/100, and of position in shorter sides."""

_BELONGS = (0.1, 0.4)
"""Likeness to the most similar hint at which a place begins to belong to it, and does wholly.
With these, hints of random places of photographs lose 0.02 to 0.3 dB, and coats that a hint
corrects no longer tint the faces above them."""


@dataclass(frozen=True, slots=True)
class Places:
    """Places of a picture, as the kernel sees them.

    Attributes:
        embedding: ``(P, N, D)`` float32, for each of the kernel's parts.
        scale: ``(N, 1)``: how wrong the network usually is there, relative to the mean.
        thing: ``(N, 67)``: what tells things apart, see ``likeness``.
    """

    embedding: Tensor
    scale: Tensor
    thing: Tensor

    def __len__(self) -> int:
        """How many."""
        return len(self.scale)

    def at(self, index: Tensor) -> Places:
        """Some of them."""
        return Places(self.embedding[:, index], self.scale[index], self.thing[index])

    @staticmethod
    def together(parts: list[Places]) -> Places:
        """All of several."""
        return Places(
            torch.cat([part.embedding for part in parts], dim=1),
            torch.cat([part.scale for part in parts]),
            torch.cat([part.thing for part in parts]),
        )


class Kernel:
    """The learned kernel."""

    def __init__(self, values: dict[str, Tensor]) -> None:
        self._values = values
        self._amplitude = values["amp"].exp().view(-1, 1, 1)
        self._constant = values["const"].exp()
        self._noise = values["noise"].exp()

    def places(self, features: Tensor, lightness: Tensor, ab: Tensor, xy: Tensor) -> Places:
        """Embed places.

        Args:
            features: ``(N, 64)`` float32 of ``compact``.
            lightness: ``(N, 1)``, L*/100.
            ab: ``(N, 2)``, ``compact``'s finished ab.
            xy: ``(N, 2)``, position from the upper left corner, in shorter sides of the picture.
        """
        values = self._values
        seen = (features - values["mean"]) / values["std"]
        parts = [
            torch.einsum("pdf,nf->pnd", values["W"], seen),
            xy[None] * _each(values["pos"]),
            lightness[None] * _each(values["lum"]),
            ab[None] * _each(values["col"]),
        ]
        told = torch.cat([seen, ab.norm(dim=-1, keepdim=True) / _AB_SCALE], dim=-1)
        raw = told @ values["scale.weight"].T + values["scale.bias"]
        of_features, of_lightness, of_position = _ALIKE
        turned = seen / (of_features * seen.shape[1] ** 0.5)
        thing = torch.cat((turned, lightness / of_lightness, xy / of_position), dim=1)
        return Places(torch.cat(parts, dim=-1), F.softplus(raw + _SOFTPLUS_ONE), thing)

    def moved(self, places: Places, xy: Tensor) -> Places:
        """The same things at other positions ``(N, 2)``, in shorter sides."""
        embedding = places.embedding.clone()
        begin = self._values["W"].shape[1]
        embedding[..., begin : begin + 2] = xy[None] * _each(self._values["pos"])
        thing = torch.cat((places.thing[:, :-2], xy / _ALIKE[2]), dim=1)
        return Places(embedding, places.scale, thing)

    def solve(
        self, known: Places, error: Tensor, doubt: Tensor, asked: Places
    ) -> tuple[Tensor, Tensor]:
        """The most likely error of the network's colours at other places.

        Args:
            known: N places.
            error: ``(N, 2)``, true ab less the network's, there.
            doubt: ``(N,)``: factor on the noise of each, 1 for what a person says.
            asked: M places.

        Returns:
            ``(M, 2)`` ab, and the confidence ``(M, 1)`` in [0, 1]: the share of the variance that
            is explained.
        """
        own = self._covariance(known, known) + torch.diag(self._noise * doubt)
        factor = torch.linalg.cholesky(own)
        across = self._covariance(asked, known)
        weights = torch.cholesky_solve(error / _AB_SCALE, factor)
        explained = torch.linalg.solve_triangular(factor, across.T, upper=False).square().sum(0)
        prior = (self._amplitude.sum() + self._constant) * asked.scale[:, 0].square()
        confidence = (explained / prior).clamp(0.0, 1.0)
        return across @ weights * _AB_SCALE, confidence[:, None]

    def _covariance(self, first: Places, second: Places) -> Tensor:
        a, b = first.embedding, second.embedding
        apart = torch.baddbmm(
            b.square().sum(-1)[:, None], a, b.transpose(1, 2), alpha=-2.0
        ) + a.square().sum(-1, keepdim=True)
        near = (apart.clamp_min(0.0) * -0.5).exp().mul(self._amplitude).sum(0)
        return (near + self._constant) * first.scale * second.scale.T


def likeness(asked: Places, known: Places, keeps: Tensor) -> Tensor:
    """How far places belong to things whose colour is changed, in [0, 1].

    ``Kernel.solve`` gives the most likely colours of all places, also where a hint says little: the
    errors of a face and of the coat below it have much in common. A person who corrects the coat
    wants the face left alone. So the nearest hint decides: in features, lightness and position.

    Args:
        asked: M places.
        known: N places of hints, at least 1.
        keeps: ``(N,)`` bool: hints that say that a place is right as it is.

    Returns:
        ``(M, 1)``.
    """
    apart = torch.cdist(asked.thing, known.thing).square()
    near = (apart * -0.5).exp()
    changed = near.masked_fill(keeps, 0.0).amax(1, keepdim=True)
    kept = near.masked_fill(~keeps, 0.0).amax(1, keepdim=True)
    share = changed.square() / (changed.square() + kept.square()).clamp_min(1e-6)
    return ramp(changed, _BELONGS) * ramp(share, (0.2, 0.8))


def belief(confidence: Tensor) -> Tensor:
    """How far a colour that ``Kernel.solve`` finds replaces the network's, in [0, 1]."""
    return ramp(confidence, _EXPLAINED)


def ramp(values: Tensor, limits: tuple[float, float]) -> Tensor:
    """0 below the first limit, 1 above the second, linear between."""
    low, high = limits
    return ((values - low) / (high - low)).clamp(0.0, 1.0)


def _each(logarithms: Tensor) -> Tensor:
    return logarithms.exp().view(-1, 1, 1)


@functools.cache
def shipped_kernel() -> Kernel:
    """The kernel that is installed with the package."""
    return Kernel(load_file(bundled_path(_FILE)))
