"""What is known about each network, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Family = Literal["compact", "deoldify", "trained"]

RENDER_UNIT_PX = 16
"""Pixels of working size per unit of ``render_factor``, as in DeOldify."""

PRECISIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"cpu": ("bf16", "fp32"), "cuda": ("bf16", "fp16", "fp32"), "mps": ("fp32",)}
)
"""Number formats by device type, the fastest first; so far the same for all networks."""


@dataclass(frozen=True, slots=True)
class WorkingSize:
    """The size a network sees pictures at.

    Attributes:
        shape: "square": every picture is stretched to a square of ``render_factor * 16`` pixels, as
            DeOldify was trained; "aspect": its short side is that long, its shape is kept.
        video: default render_factor for video.
        image: default render_factor for photos.
        multiple: sides are rounded to multiples of it, in pixels.
    """

    shape: Literal["square", "aspect"]
    video: int
    image: int
    multiple: int


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Facts about a model.

    Attributes:
        name: what ``-m`` takes.
        title: one line for people.
        family: which code builds it.
        variant: which network of the family.
        licence: of the weights.
        source: where network and weights come from.
        parameters_millions: size of the network.
        working_size: see ``WorkingSize``.
        precisions: number formats measured to be safe, by device type, the fastest first.
        batch_size: frames per call by default, by device type.
        bundled: file in the ``weights`` folder, "" where the manifest knows the download.
    """

    name: str
    title: str
    family: Family
    variant: str
    licence: str
    source: str
    parameters_millions: float
    working_size: WorkingSize
    precisions: Mapping[str, tuple[str, ...]]
    batch_size: Mapping[str, int]
    bundled: str = ""
