"""Mixed models: ``a+b``, ``a+b:0.6``, ``a+b:bounded``.

The mean of the colours of several models, or one model's colours whose chroma another one bounds.
People who colour films mix by hand, since models go wrong in different places, and a mean of two
guesses is seldom as far off as one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from vidcolor.color import resize
from vidcolor.errors import OptionError
from vidcolor.models.contract import ModelInput, Prediction
from vidcolor.models.families.family import Built
from vidcolor.models.spec import RENDER_UNIT_PX, Kind, ModelSpec, WorkingSize

BOUND_FACTOR: Final = 1.0
BOUND_MARGIN: Final = 8.0
"""A bounded model's chroma is at most ``factor`` times the other's plus so many Lab units."""

_BOUNDED: Final = "bounded"
_TAIL = re.compile(r"(.+):(bounded|\d*\.?\d+)", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Part:
    """One model of a mix.

    Attributes:
        name: of the model, or the path of a checkpoint.
        weight: its share of the mean; those of a mix add up to 1. 1 where it is bounded.
        bounded: whether the first model only bounds its chroma.
    """

    name: str
    weight: float
    bounded: bool = False


def mix_of(name: str | Path) -> list[Part] | None:
    """What a model's name mixes; None for a single model.

    Args:
        name: as ``-m`` takes it. A file whose own name has a "+" is a file.

    Raises:
        OptionError: weights that no mean can have.
    """
    text = str(name)
    if "+" not in text or Path(text).is_file():
        return None
    names, weights = [], []
    for word in text.split("+"):
        match = _TAIL.fullmatch(word)
        names.append(match[1] if match else word)
        weights.append(match[2] if match else None)
    if not all(names):
        raise OptionError(f"{text!r}: a model's name is missing beside a +", option="model")
    if _BOUNDED in weights:
        return _bounded(text, names, weights)
    shares = _shares(text, [None if weight is None else float(weight) for weight in weights])
    return [Part(*pair) for pair in zip(names, shares, strict=True)]


def names_of(name: str | Path) -> list[str]:
    """The models of a mix, or the one model."""
    parts = mix_of(name)
    return [str(name)] if parts is None else [part.name for part in parts]


def mixed_spec(name: str, specs: Sequence[ModelSpec]) -> ModelSpec:
    """Facts about a mix: what all its models share."""
    sizes = [spec.working_size for spec in specs]
    alike = all(size == sizes[0] for size in sizes)
    return ModelSpec(
        name=name,
        title="a mix of models",
        family="mix",
        licence=", ".join(dict.fromkeys(spec.licence for spec in specs)),
        source="; ".join(dict.fromkeys(spec.source for spec in specs)),
        parameters_millions=round(sum(spec.parameters_millions for spec in specs), 1),
        working_size=sizes[0]
        if alike
        else WorkingSize(
            shape="aspect",
            video=max(size.video for size in sizes),
            image=max(size.image for size in sizes),
            multiple=math.lcm(*(size.multiple for size in sizes)),
        ),
        precisions=_common([spec.precisions for spec in specs]),
        batch_size={
            device: min(spec.batch_size[device] for spec in specs) for device in specs[0].batch_size
        },
        takes_guidance=any(spec.takes_guidance for spec in specs),
    )


class Mixture(nn.Module):
    """The mean of what several networks give, or one bounded by another; each at its own size.

    Where the models' working sizes differ, the mixture is given the largest, and each network a
    picture that is reduced to its own; a render factor that is chosen for the mixture changes all
    in proportion. What a model's file says of finishing is done here, before the mean.

    Args:
        built: the models.
        specs: facts about them.
        parts: how they are mixed.
        kind: for what they are loaded.
    """

    def __init__(
        self, built: Sequence[Built], specs: Sequence[ModelSpec], parts: Sequence[Part], kind: Kind
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleList(each.network for each in built)
        self._finishing = [each.finishing for each in built]
        self._specs, self._parts, self._kind = list(specs), list(parts), kind
        self._size = mixed_spec("", specs).working_size

    def forward(self, inputs: ModelInput) -> Prediction:
        """Colorize.

        Returns:
            Ab float32 at the finest of the models' sizes; no features and no confidence.
        """
        colours = []
        for network, spec, finish in zip(self.networks, self._specs, self._finishing, strict=True):
            seen = self._seen(inputs, spec)
            ab = network(seen).ab.float()
            colours.append(finish(ab, seen.lightness))
        size = max((tuple(ab.shape[-2:]) for ab in colours), key=math.prod)
        colours = [resize(ab, size) for ab in colours]
        if self._parts[-1].bounded:
            return Prediction(bounded(colours[1], colours[0]))
        weighted = [ab * part.weight for ab, part in zip(colours, self._parts, strict=True)]
        return Prediction(torch.stack(weighted).sum(dim=0))

    def _seen(self, inputs: ModelInput, spec: ModelSpec) -> ModelInput:
        """The input at a model's own size, with guidance where it takes some."""
        guidance = inputs.guidance if spec.takes_guidance else None
        size = self._own_size(spec.working_size, *inputs.lightness.shape[-2:])
        lightness = resize(inputs.lightness, size).clamp(0.0, 1.0)
        return ModelInput(lightness, guidance)

    def _own_size(self, own: WorkingSize, height: int, width: int) -> tuple[int, int]:
        if own == self._size:
            return height, width
        usual = getattr(self._size, self._kind) * RENDER_UNIT_PX
        scale = getattr(own, self._kind) * RENDER_UNIT_PX / usual
        if own.shape == "square":
            side = _to_multiple(min(height, width) * scale, own.multiple)
            return side, side
        return (
            _to_multiple(height * scale, own.multiple), _to_multiple(width * scale, own.multiple)
        )  # fmt: skip


def bounded(ab: Tensor, bound: Tensor) -> Tensor:
    """Colours with their hue, and a chroma that another model's colours bound.

    Args:
        ab: ``(B, 2, h, w)``.
        bound: the same shape; only its chroma counts.
    """
    chroma = torch.linalg.vector_norm(ab, dim=1, keepdim=True)
    most = torch.linalg.vector_norm(bound, dim=1, keepdim=True) * BOUND_FACTOR + BOUND_MARGIN
    scale: Tensor = (most / chroma.clamp_min(1e-6)).clamp_max(1.0)
    return ab * scale


def _bounded(text: str, names: list[str], weights: list[str | None]) -> list[Part]:
    if weights != [None, _BOUNDED]:
        raise OptionError(
            f"{text!r}: of two models, the second can be bounded by the first: a+b:bounded",
            option="model",
        )
    return [Part(names[0], 0.0), Part(names[1], 1.0, bounded=True)]


def _shares(text: str, weights: list[float | None]) -> list[float]:
    """Weights that add up to 1; those without a number share what the others leave."""
    given = sum(weight for weight in weights if weight is not None)
    open_ = weights.count(None)
    if open_ and given >= 1.0:
        raise OptionError(
            f"{text!r}: the weights leave nothing for the models without one", option="model"
        )
    if not open_ and given <= 0.0:
        raise OptionError(f"{text!r}: one weight must be above 0", option="model")
    total = 1.0 if open_ else given
    rest = (1.0 - given) / open_ if open_ else 0.0
    return [rest if weight is None else weight / total for weight in weights]


def _common(precisions: Sequence[Mapping[str, tuple[str, ...]]]) -> dict[str, tuple[str, ...]]:
    first, *others = precisions
    return {
        device: tuple(name for name in names if all(name in o[device] for o in others))
        for device, names in first.items()
    }


def _to_multiple(length: float, multiple: int) -> int:
    return max(multiple, round(length / multiple) * multiple)
