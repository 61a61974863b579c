"""Encoders by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vidcolor.errors import OptionError
from vidcolor.models.networks.own.encoders.edgetpu import EdgeEncoder
from vidcolor.models.networks.own.encoders.encoder import Encoder

ENCODERS: Mapping[str, type[Encoder]] = MappingProxyType(
    {encoder.name: encoder for encoder in (EdgeEncoder,)}
)


def find_encoder(name: str) -> type[Encoder]:
    """An encoder by its name.

    Raises:
        OptionError: if there is none.
    """
    found = ENCODERS.get(name)
    if found is None:
        raise OptionError(f"no encoder {name!r}; known are {', '.join(ENCODERS)}")
    return found
