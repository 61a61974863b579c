"""Weights of ``large`` from those of its members.

    python -m vidcolor.training.joining ONE.safetensors TWO.safetensors OUT.safetensors --mirrored

The members are finished ``compact`` networks that were trained apart, from other random numbers.
Nothing is learnt here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import torch
from torch import Tensor

from vidcolor.errors import OptionError, OutputExistsError, VidcolorError, WeightsError
from vidcolor.models._metadata import settings
from vidcolor.models.calm import Calm
from vidcolor.models.families.own import build_own, recognise_own
from vidcolor.models.networks.own.architectures import find_architecture
from vidcolor.models.weights.safe_load import Checkpoint, load_checkpoint
from vidcolor.training.checkpoint import write_weights

_LEAST_MEMBERS = 2
_MEMBER = "compact"
"""The architecture of members."""


def join(members: Sequence[Checkpoint]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Put finished networks side by side.

    Args:
        members: files of architecture "compact", as ``vidcolor train`` writes them.

    Returns:
        Tensors by ``LargeNet``'s names, and metadata: how to build it, and how each was made.

    Raises:
        OptionError: there are fewer than two.
        WeightsError: one isn't such a file, or they aren't built alike.
    """
    if len(members) < _LEAST_MEMBERS:
        raise OptionError("at least two networks are joined, and OUT is named after them")
    found = [recognise_own(member) for member in members]
    if any(spec is None or spec.variant != _MEMBER for spec in found):
        raise WeightsError("only compact networks can be joined")
    if any(member.metadata.get("decoding", "regression") != "regression" for member in members):
        raise WeightsError("only networks that colorize by regression can be joined")
    try:
        member_of = find_architecture(_MEMBER)
        kinds = [
            {**member_of.config(settings(member.metadata)).as_dict(), "bins": 0}
            for member in members
        ]
        made = [json.loads(member.metadata["training"]) for member in members]
    except (KeyError, ValueError) as error:
        raise WeightsError(f"a file doesn't say how it was made: {error}") from error
    if any(kind != kinds[0] for kind in kinds):
        raise WeightsError("the networks aren't built alike: decoder must be the same")
    tensors = {
        f"members.{index}.{name}": tensor
        for index, member in enumerate(members)
        for name, tensor in member.state_dict.items()
    }
    config = {**kinds[0], "members": len(members)}
    metadata = {
        "format": "vidcolor", "architecture": "large", "decoding": "regression",
        "config": json.dumps(config), "training": json.dumps({"members": made}),
    }  # fmt: skip
    measured = [member.metadata.get("precisions") for member in members]
    if None not in measured:  # what is safe for each is safe for their mean
        shared = set.intersection(*({*str(each).split(",")} for each in measured))
        metadata["precisions"] = ",".join(sorted(shared))
    return tensors, metadata


def write(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write the file, once it is known that the product loads it.

    Raises:
        OutputError: it can't be written.
        WeightsError: the product wouldn't.
    """
    try:
        build_own(Checkpoint(dict(tensors), dict(metadata)), torch.float32)
    except WeightsError as error:
        raise WeightsError(f"the members don't make a network: {error}") from error
    write_weights(path, tensors, metadata)


@click.command()
@click.argument("members", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--saturation", type=float, default=1.0, show_default=True, help="Factor on ab.")
@click.option("--cast", type=float, default=0.0, show_default=True, help="See models/calm.py.")
@click.option("--shadows", type=float, default=0.0, show_default=True, help="Likewise.")
@click.option("--reds", type=float, default=0.0, show_default=True, help="Likewise.")
@click.option("--mirrored", is_flag=True, help="Also look at the mirror image.")
@click.option("-y", "--yes", is_flag=True, help="Replace OUT if it exists.")
def main(
    members: tuple[Path, ...], out: Path, saturation: float, cast: float, shadows: float,
    reds: float, mirrored: bool, yes: bool,  # noqa: FBT001 - click passes by name
) -> None:  # fmt: skip
    """Join the weights MEMBERS into OUT; the options are stored with them."""
    try:
        if out.exists() and not yes:
            raise OutputExistsError(f"{out} exists: name another OUT after the members, or give -y")
        tensors, metadata = join([load_checkpoint(path) for path in members])
        shipped = {
            "saturation": str(saturation), "mirrored": str(int(mirrored)),
            **Calm(cast, shadows, reds).as_metadata(),
        }  # fmt: skip
        write(out, tensors, metadata | shipped)
    except VidcolorError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
