"""All families, and the models that vidcolor knows by name. A new family is one more entry here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vidcolor.errors import OptionError
from vidcolor.models.families.ddcolor import DDCOLOR
from vidcolor.models.families.deoldify import DEOLDIFY
from vidcolor.models.families.family import Family
from vidcolor.models.families.own import OWN
from vidcolor.models.families.zhang import ZHANG
from vidcolor.models.spec import Kind, ModelSpec
from vidcolor.models.weights.safe_load import Checkpoint

FAMILIES: tuple[Family, ...] = (OWN, DEOLDIFY, ZHANG, DDCOLOR)
"""In the order in which they are asked whether a file is theirs."""

MODELS: Mapping[str, ModelSpec] = MappingProxyType(
    {spec.name: spec for family in FAMILIES for spec in family.models}
)


BEST: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        "video": ("deoldify-video+ddcolor:0.4", "deoldify-video", "large"),
        "image": ("deoldify-artistic+ddcolor", "ddcolor", "deoldify-artistic", "large"),
    }
)
"""What "best" may mean, the first choice first; by published comparisons (docs/models.md)."""


def find_spec(name: str) -> ModelSpec:
    """Facts about a model by its name.

    Raises:
        OptionError: if no model has that name.
    """
    spec = MODELS.get(name)
    if spec is None:
        known = ", ".join(MODELS)
        raise OptionError(
            f"{name!r} is no known model or file; known are auto, best, {known}", option="model"
        )
    return spec


def family_of(spec: ModelSpec) -> Family:
    """The family that builds a model.

    Raises:
        KeyError: the model was given as an object.
    """
    return {family.name: family for family in FAMILIES}[spec.family]


def recognise(checkpoint: Checkpoint) -> ModelSpec | None:
    """Facts about the network in a file, whatever its name; None where no family knows it."""
    specs = (family.recognise(checkpoint) for family in FAMILIES)
    return next((spec for spec in specs if spec is not None), None)


def auto_order(kind: Kind) -> list[ModelSpec]:
    """What "auto" may mean, the first choice first.

    Args:
        kind: what is to be coloured.
    """
    ranked = [
        (each.rank, name)
        for name, spec in MODELS.items()
        for each in spec.auto
        if each.kind == kind
    ]
    return [MODELS[name] for _, name in sorted(ranked)]
