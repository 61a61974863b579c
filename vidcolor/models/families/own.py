"""Networks that ``vidcolor train`` makes: the two that ship, and any file that it wrote.

A file's metadata say what it is: "architecture" (``networks.own.architectures``), "config" (JSON),
"decoding" ("regression" or "annealed-mean") and "temperature"; "saturation", "cast", "shadows" and
"reds" (``Finishing``), "mirrored" ("1": see ``Mirrored``), and "precisions" (number formats besides
float32 in which it was measured to be safe, with commas between). Where a conversion lost the
metadata of the architectures that ship, the tensors are enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from vidcolor.errors import WeightsError
from vidcolor.models._metadata import UNUSABLE, is_set, reason, settings
from vidcolor.models.families.family import Built, Family
from vidcolor.models.finishing import Finishing
from vidcolor.models.mirrored import Mirrored
from vidcolor.models.networks.own.architectures import (
    ARCHITECTURES,
    Architecture,
    as_trainable,
    find_architecture,
)
from vidcolor.models.networks.own.trained import TrainedNetwork, annealed_head
from vidcolor.models.spec import PRECISIONS, WIDE_PRECISIONS, AutoRank, ModelSpec, WorkingSize
from vidcolor.models.weights.safe_load import Checkpoint

_MEMBER = "members.{}."
"""Before the names of a compact network's tensors where it is a member of ``large``."""


def _shipped(name: str, title: str, millions: float, *auto: AutoRank) -> ModelSpec:
    return ModelSpec(
        name=name,
        title=title,
        family="own",
        variant=name,
        licence="MIT",
        source="vidcolor; encoder from MobileNet EdgeTPU (Apache-2.0)",
        parameters_millions=millions,
        working_size=WorkingSize(shape="aspect", video=12, image=12, multiple=32),
        precisions=PRECISIONS,
        batch_size=MappingProxyType({"cpu": 8, "cuda": 32, "mps": 8}),
        bundled=f"{name}.safetensors",
        auto=auto,
    )


_MODELS = (
    _shipped(
        "compact",
        "our own small network, shipped with vidcolor; quick on a laptop",
        3.3,
        AutoRank("video", 30),
        AutoRank("image", 30),
    ),
    _shipped(
        "large",
        "our own larger network, shipped with vidcolor; for photos and GPUs",
        9.9,
        AutoRank("video", 20, devices=("cuda", "mps")),
        AutoRank("image", 20),
    ),
)


def recognise_own(checkpoint: Checkpoint) -> ModelSpec | None:
    """Facts about a file's network, None where it isn't one of ours.

    Networks like those that ship, but for their numbers, get the same facts; of any other file it
    is only known what its metadata say.
    """
    architecture = _architecture(checkpoint)
    if architecture is None:
        return None
    regresses = checkpoint.metadata.get("decoding", "regression") == "regression"
    known = {spec.name: spec for spec in _MODELS} if regresses else {}
    spec = known.get(architecture.name) or _trained_spec(architecture, checkpoint)
    return replace(spec, precisions=_precisions(checkpoint.metadata), bundled="", auto=())


def build_own(checkpoint: Checkpoint, dtype: torch.dtype) -> Built:
    """The network of a file.

    Raises:
        WeightsError: if the tensors are not those of the network that the metadata describe.
    """
    architecture, metadata = _architecture(checkpoint), checkpoint.metadata
    if architecture is None:
        raise WeightsError("not the weights of a network that vidcolor trains")
    try:
        values = {**_seen_settings(checkpoint.state_dict), **settings(metadata)}
        network = architecture.build(values)
        network.load_state_dict({k: v.float() for k, v in checkpoint.state_dict.items()})
        head = annealed_head(network, metadata)
        finishing = Finishing.read(metadata)
        mirrored = is_set(metadata, "mirrored")
        stride = architecture.stride(values)
    except UNUSABLE as error:
        raise WeightsError(
            f"not the weights of a {architecture.name} network: {reason(error)}"
        ) from error
    if head is not None:
        as_trainable(network).classify = None  # the head's now, in float32
    prepared = as_trainable(network).prepare(dtype)
    trained = TrainedNetwork(prepared, stride, head=head)
    return Built((Mirrored(trained) if mirrored else trained).eval(), finishing)


OWN = Family(name="own", title="our own", models=_MODELS, recognise=recognise_own, build=build_own)


def _architecture(checkpoint: Checkpoint) -> Architecture | None:
    """What the metadata say, else what the tensors look like."""
    said = ARCHITECTURES.get(checkpoint.metadata.get("architecture", ""))
    if said is not None:
        return said
    names = checkpoint.state_dict.keys()
    for name, prefix in (("compact", ""), ("large", _MEMBER.format(0))):
        if {prefix + "encoder.stem.weight", prefix + "regress.weight"} <= names:
            return find_architecture(name)
    return None


def _seen_settings(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """What the tensors themselves say of compact and large; {} for other networks."""
    members = {name.split(".")[1] for name in tensors if name.startswith("members.")}
    decoder = (_MEMBER.format(0) if members else "") + "decoder."
    if f"{decoder}bottom.0.weight" not in tensors:
        return {}
    widths = [len(tensors[f"{decoder}mixes.{i}.0.0.weight"]) for i in range(3)]
    seen: dict[str, Any] = {"decoder": [len(tensors[decoder + "bottom.0.weight"]), *widths]}
    return {**seen, "members": len(members)} if members else seen


def _precisions(metadata: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    """What was measured; where nothing was, what can't overflow."""
    if "precisions" not in metadata:
        return WIDE_PRECISIONS
    safe = {*metadata["precisions"].split(","), "fp32"}
    return {
        device: tuple(name for name in formats if name in safe)
        for device, formats in PRECISIONS.items()
    }


def _trained_spec(architecture: Architecture, checkpoint: Checkpoint) -> ModelSpec:
    try:
        stride = architecture.stride(settings(checkpoint.metadata))
    except UNUSABLE:
        stride = 32  # building it says what is wrong
    tensors = checkpoint.state_dict.values()
    return ModelSpec(
        name=architecture.name,
        title="trained with vidcolor train",
        family="own",
        variant=architecture.name,
        licence="that of the file",
        source="vidcolor train",
        parameters_millions=round(sum(tensor.numel() for tensor in tensors) / 1e6, 1),
        # The side that crops of the shipped configurations show, which is what they learnt.
        working_size=WorkingSize(shape="aspect", video=14, image=14, multiple=stride),
    )
