"""Networks to train: built by name, started from encoders' or other weights."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vidcolor.errors import OptionError, WeightsError
from vidcolor.models._metadata import UNUSABLE, reason, settings
from vidcolor.models.networks.own.architectures import Architecture, find_architecture
from vidcolor.models.networks.own.encoders.encoder import Encoder
from vidcolor.models.weights.safe_load import load_checkpoint
from vidcolor.training.checkpoint import UNREADABLE
from vidcolor.training.config import TrainConfig
from vidcolor.training.losses.objective import needs

logger = logging.getLogger(__name__)

_LEAST_SHARE = 0.25
"""Least share of a network's tensors that a starting file must have; less is another network's."""

_AVERAGED = "module."  # what AveragedModel puts before every name
_HEAD = "classify."  # exported weights lack it, and its size depends on the losses
_SHOWN = 3  # names in a warning
_FACTS = ("architecture", "decoding", "temperature")  # alike in metadata and checkpoints


def build_network(config: TrainConfig, bins: int) -> nn.Module:
    """The run's network with random weights; what doesn't learn is frozen.

    Args:
        config: of the run.
        bins: classes of the classification head, 0 for none.

    Raises:
        OptionError: for settings that the architecture doesn't have, or crops it can't take.
    """
    architecture = find_architecture(config.architecture)
    check_crops(config.architecture, config.crops, architecture.stride(config.network))
    network = _built(architecture, {**config.network, "bins": bins})
    freeze(network, config.frozen)
    if not needs(config.losses, "needs_ab"):
        _freeze_regression(network)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise OptionError("frozen: nothing is left that learns")
    return network


def check_crops(who: str, crops: Sequence[int], stride: int) -> None:
    """Refuse crops that a network can't take.

    Raises:
        OptionError: one isn't a multiple of its stride.
    """
    if bad := [crop for crop in crops if crop % stride]:
        raise OptionError(f"{who} takes crops that are multiples of {stride}, got {bad[0]}")


def fill_network(network: nn.Module, config: TrainConfig) -> None:
    """Copy the run's starting weights into its network.

    Raises:
        WeightsError: if a file can't be read, or doesn't fit.
    """
    for path in config.pretrained:
        load_pretrained(network, Path(path))
    if config.start:
        start_from(network, Path(config.start))


def _built(architecture: Architecture, values: Mapping[str, object]) -> nn.Module:
    try:
        return architecture.build(values)
    except OptionError:
        raise
    except UNUSABLE as error:
        raise OptionError(f"[network] makes no {architecture.name}: {reason(error)}") from error


def freeze(network: nn.Module, prefixes: tuple[str, ...]) -> None:
    """Freeze the parameters whose names begin with one of ``prefixes``.

    Raises:
        OptionError: for a beginning that no parameter's name has.
    """
    names = [name for name, _ in network.named_parameters()]
    for prefix in prefixes:
        if not any(name.startswith(prefix) for name in names):
            raise OptionError(f"frozen: no parameter's name begins with {prefix!r}")
    for name, parameter in network.named_parameters():
        if name.startswith(prefixes):
            parameter.requires_grad_(False)


def _freeze_regression(network: nn.Module) -> None:
    """Freeze the regression head: no loss gives it a gradient, and DDP would wait for one."""
    for name, parameter in network.named_parameters():
        if "regress" in name.split("."):
            parameter.requires_grad_(False)


def load_pretrained(network: nn.Module, path: Path) -> None:
    """Fill all encoders with ImageNet weights.

    Raises:
        WeightsError: if the file can't be read, or the network has no such encoder.
    """
    encoders = [module for module in network.modules() if isinstance(module, Encoder)]
    if not encoders:
        raise WeightsError(f"{path}: the network has no encoder that these weights are for")
    for encoder in encoders:
        encoder.load_pretrained(path)


def start_from(network: nn.Module, path: Path) -> int:
    """Copy every tensor whose name and shape fit; warn of the others, except the head's.

    Returns:
        How many fitted.

    Raises:
        WeightsError: if hardly any does, or the file can't be read.
    """
    known, _ = read_trained(path)
    own = network.state_dict()
    fitting = {k: v for k, v in known.items() if k in own and own[k].shape == v.shape}
    if len(fitting) < _LEAST_SHARE * len(own):
        raise WeightsError(
            f"{path}: only {len(fitting)} of this network's {len(own)} tensors are in it"
        )
    network.load_state_dict(fitting, strict=False)
    _warn_of("%d tensors of %s not used: %s", known.keys() - fitting.keys(), path)
    _warn_of("%d tensors of the network not in %s: %s", own.keys() - fitting.keys(), path)
    return len(fitting)


def _warn_of(text: str, names: set[str], path: Path) -> None:
    left = sorted(name for name in names if not name.startswith(_HEAD))
    if left:
        more = ", ..." if len(left) > _SHOWN else ""
        logger.warning(text, len(left), path, ", ".join(left[:_SHOWN]) + more)


def read_trained(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Averaged tensors of a run's weights or checkpoint, and the facts it holds about its network.

    Returns:
        Tensors in float32 by name; ``architecture``, ``network_config``, ``decoding`` and
        ``temperature`` as far as the file says.

    Raises:
        WeightsError: if the file is neither.
    """
    if zipfile.is_zipfile(path):
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            tensors = {
                k.removeprefix(_AVERAGED): v
                for k, v in state["average"].items()
                if k.startswith(_AVERAGED) and isinstance(v, Tensor)
            }
        except UNREADABLE as error:
            raise WeightsError(f"{path}: no checkpoint of vidcolor train") from error
        return tensors, {k: state[k] for k in ("network_config", *_FACTS) if k in state}
    checkpoint = load_checkpoint(path)
    tensors = {k: v.float() for k, v in checkpoint.state_dict.items()}
    metadata = checkpoint.metadata
    if "architecture" not in metadata:
        return tensors, {}
    try:
        built = settings(metadata)
    except UNUSABLE as error:
        raise WeightsError(f"{path}: its metadata make no sense: {reason(error)}") from error
    return tensors, {k: metadata[k] for k in _FACTS if k in metadata} | {"network_config": built}
