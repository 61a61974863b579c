"""What is known about each model, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Kind = Literal["video", "image"]
"""What is to be coloured: a film, or a photograph."""

RENDER_UNIT_PX = 16
"""Pixels of working size per unit of ``render_factor``, as in DeOldify."""

PRECISIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"cpu": ("bf16", "fp32"), "cuda": ("bf16", "fp16", "fp32"), "mps": ("fp32",)}
)
"""Number formats by device type, the fastest first, of networks that are safe in all of them."""

WIDE_PRECISIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"cpu": ("bf16", "fp32"), "cuda": ("bf16", "fp32"), "mps": ("fp32",)}
)
"""Those with float32's range, for networks that nobody has measured: float16 ends at 65504."""

BATCH_SIZE: Mapping[str, int] = MappingProxyType({"cpu": 4, "cuda": 16, "mps": 4})
"""Frames per call by device type, where nothing else was measured."""


@dataclass(frozen=True, slots=True)
class WorkingSize:
    """The size a network sees pictures at.

    Attributes:
        shape: "square": every picture is stretched to a square of ``render_factor * 16`` pixels, as
            DeOldify was trained; "aspect": its short side is that long, its shape is kept.
        video: default render_factor for video.
        image: default render_factor for photos.
        multiple: sides are rounded to multiples of it, in pixels.
        skipping: the render_factor at which photographs are made smaller without averaging, because
            that is how users of the network get theirs; 0 for none. Films are averaged at every
            size: where pixels are skipped, a moving picture shimmers.
    """

    shape: Literal["square", "aspect"] = "aspect"
    video: int = 12
    image: int = 12
    multiple: int = 32
    skipping: int = 0


@dataclass(frozen=True, slots=True)
class AutoRank:
    """Where the name "auto" may mean a model.

    Attributes:
        kind: for films or for photographs.
        rank: the lowest whose weights are there is taken.
        devices: device types on which it may be.
    """

    kind: Kind
    rank: int
    devices: tuple[str, ...] = ("cpu", "cuda", "mps")


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Facts about a model.

    Attributes:
        name: what ``-m`` takes.
        title: one line for people.
        family: name of the ``Family`` that builds it; "" for a model that is given as an object.
        variant: which network of the family.
        licence: of the weights.
        source: where network and weights come from.
        parameters_millions: size of the network.
        working_size: see ``WorkingSize``.
        precisions: number formats that are safe, by device type, the fastest first.
        batch_size: frames per call by default, by device type.
        takes_guidance: whether it makes use of known colours; others refuse them.
        bundled: file in the ``weights`` folder, "" where the manifest knows the download.
        auto: where "auto" may mean it.
    """

    name: str
    title: str = ""
    family: str = ""
    variant: str = ""
    licence: str = "unknown"
    source: str = "unknown"
    parameters_millions: float = 0.0
    working_size: WorkingSize = field(default_factory=WorkingSize)
    precisions: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: WIDE_PRECISIONS)
    batch_size: Mapping[str, int] = field(default_factory=lambda: BATCH_SIZE)
    takes_guidance: bool = False
    bundled: str = ""
    auto: tuple[AutoRank, ...] = ()
