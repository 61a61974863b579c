"""Networks that ``vidcolor train`` makes: how each is built from a few plain values.

A trainable network has ``features(inputs)``, which the heads read, ``head_ab(features)``, a
layer ``classify`` (None where its config has no ``bins``) and ``prepare(dtype)`` for use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Protocol, cast, get_type_hints

import torch
from torch import Tensor, nn

from vidcolor.errors import OptionError
from vidcolor.models._kinds import check_kind, check_least
from vidcolor.models.contract import ModelInput
from vidcolor.models.networks.own.compact import CompactConfig, CompactNet
from vidcolor.models.networks.own.ensemble import LargeConfig, LargeNet
from vidcolor.models.networks.own.pix2pix import Pix2Pix, Pix2PixConfig
from vidcolor.models.networks.own.unet import UNet, UNetConfig

_MAY_BE_NONE = {"bins"}
"""Counts that may be 0; others are of channels and layers without which there is no network."""


class Trainable(Protocol):
    """What trainer and product need of a network besides ``nn.Module``."""

    classify: nn.Conv2d | None

    def features(self, inputs: ModelInput) -> Tensor:
        """What the heads read, ``(B, C, h, w)``."""

    def head_ab(self, features: Tensor) -> Tensor:
        """``(B, C, h, w)`` to ``(B, 2, h', w')`` float32 ab."""

    def prepare(self, dtype: torch.dtype) -> nn.Module:
        """Ready to run, in place."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A kind of network.

    Attributes:
        name: what configurations and weight files call it.
        network_type: the module; called with a ``config_type``.
        config_type: frozen dataclass with ``bins``, ``stride`` and ``output_stride``.
        preset: values that make this architecture out of the module's defaults.
    """

    name: str
    network_type: type[nn.Module]
    config_type: type[Any]
    preset: Mapping[str, object] = field(default_factory=dict)

    def config(self, values: Mapping[str, object]) -> Any:  # noqa: ANN401 - each its own class
        """The network's configuration from plain values (lists become tuples).

        Raises:
            OptionError: for settings that this network doesn't have, or invalid values.
        """
        known = [f.name for f in fields(self.config_type)]
        if unknown := sorted(set(values) - set(known)):
            raise OptionError(
                f"{self.name} has no setting {unknown[0]!r}; known are {', '.join(known)}"
            )
        frozen = {
            k: tuple(v) if isinstance(v, list) else v for k, v in {**self.preset, **values}.items()
        }
        kinds = get_type_hints(self.config_type)
        for name, value in frozen.items():
            check_kind(name, value, kinds[name])
            check_least(name, value, zero=name in _MAY_BE_NONE or isinstance(value, bool))
        return self.config_type(**frozen)

    def build(self, values: Mapping[str, object]) -> nn.Module:
        """The network with random weights; see ``config``."""
        return self.network_type(self.config(values))

    def stride(self, values: Mapping[str, object]) -> int:
        """Sides of inputs are multiples of it, in pixels."""
        return int(self.config(values).stride)

    def output_stride(self, values: Mapping[str, object]) -> int:
        """Ab is this much smaller than the input."""
        return int(self.config(values).output_stride)


ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {
        a.name: a
        for a in (
            Architecture("compact", CompactNet, CompactConfig),
            Architecture("large", LargeNet, LargeConfig),
            Architecture("unet", UNet, UNetConfig),
            Architecture("unet-resblock", UNet, UNetConfig, MappingProxyType({"residual": True})),
            Architecture("pix2pix", Pix2Pix, Pix2PixConfig),
        )
    }
)


def find_architecture(name: str) -> Architecture:
    """An architecture by its name.

    Raises:
        OptionError: if there is none.
    """
    found = ARCHITECTURES.get(name)
    if found is None:
        raise OptionError(f"no architecture {name!r}; known are {', '.join(ARCHITECTURES)}")
    return found


def as_trainable(network: nn.Module) -> Trainable:
    """The same object, seen as what ``ARCHITECTURES`` promise."""
    return cast(Trainable, network)
