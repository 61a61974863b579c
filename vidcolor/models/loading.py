"""``load_model``: from a name or a path to a network that is ready to run."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from vidcolor.errors import WeightsError
from vidcolor.models.colorizer import Colorizer, build_compact, detect_compact
from vidcolor.models.families.deoldify import DeOldifyColorizer, detect_deoldify
from vidcolor.models.families.registry import COMPACT, LARGE, MODELS, find_spec
from vidcolor.models.finishing import Finishing
from vidcolor.models.networks.trained import build_trained, trained_spec
from vidcolor.models.running.device import common_precision, device_type, resolve_devices
from vidcolor.models.running.replicas import place
from vidcolor.models.spec import ModelSpec
from vidcolor.models.weights.meter import DownloadProgress
from vidcolor.models.weights.safe_load import Checkpoint, load_checkpoint
from vidcolor.models.weights.store import bundled_path, ensure_weights, find_weights

logger = logging.getLogger(__name__)

Kind = Literal["video", "image"]

_FIRST_CHOICE: Mapping[Kind, str] = {"video": "deoldify-video", "image": "deoldify-artistic"}
"""What "auto" takes where its weights are installed."""


def load_model(
    name_or_path: str | Path = "auto",
    device: str = "auto",
    precision: str = "auto",
    *,
    kind: Kind = "video",
    weights_dir: Path | None = None,
    offline: bool = False,
    progress: DownloadProgress | None = None,
) -> Colorizer:
    """Load a colorizer.

    Args:
        name_or_path: a model's name, "auto", or the path of a checkpoint (.pth or .safetensors),
            which is recognised by its content, whatever its name.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps"; several GPUs with commas between.
        precision: "auto", "fp32", "bf16" or "fp16".
        kind: what "auto" chooses for.
        weights_dir: where downloaded weights are, and go; None for the usual places.
        offline: never download.
        progress: told of the download of missing weights.

    Returns:
        A module that takes a ``ModelInput`` and gives a ``Prediction``.

    Raises:
        OptionError: for an unknown name.
        WeightsError: if weights are missing, damaged, or of no known network.
        UnsafeWeightsError: for a checkpoint that would run code.
        DeviceError: if the device or precision can't be had.
    """
    name = name_or_path
    if str(name) == "auto":
        name = choose_model(kind, device, weights_dir=weights_dir)
    targets = resolve_devices(device)
    if str(name) in MODELS:
        spec = find_spec(str(name))
        path = _weights_of(spec, weights_dir, offline, progress)
        checkpoint = load_checkpoint(path)
        if _recognise(checkpoint.state_dict) is None:
            raise WeightsError(f"{path}: not the weights of {spec.name}; pull them again")
    else:
        path = Path(name)
        if not path.is_file():
            find_spec(str(name))  # raises with the list of names
        checkpoint = load_checkpoint(path)
        spec = _spec_of(checkpoint, path)
    dtype = common_precision(precision, targets, spec.precisions)
    logger.info("%s from %s on %s in %s", spec.name, path, device, dtype)
    network, finishing = _build(spec, checkpoint, dtype)
    return place(
        network.eval(), spec,
        label=str(name), devices=targets, dtype=dtype, finishing=finishing,
    )  # fmt: skip


def choose_model(kind: Kind, device: str = "auto", *, weights_dir: Path | None = None) -> str:
    """What "auto" means: DeOldify if its weights are installed, else one of our own.

    Args:
        kind: what is to be coloured.
        device: as ``load_model`` takes it; it need not be there.
        weights_dir: where downloaded weights are; None for the usual places.

    Returns:
        A model's name. Of our own, that is the large one where its time doesn't matter: for photos,
        and on GPUs.
    """
    first = _FIRST_CHOICE[kind]
    if find_weights(first, weights_dir=weights_dir):
        return first
    is_slow = kind == "video" and device_type(device) == "cpu"
    return COMPACT.name if is_slow else LARGE.name


def _weights_of(
    spec: ModelSpec, weights_dir: Path | None, offline: bool, progress: DownloadProgress | None
) -> Path:
    if spec.bundled:
        return bundled_path(spec.bundled)
    return ensure_weights(spec.name, weights_dir=weights_dir, offline=offline, progress=progress)


def _recognise(state_dict: Mapping[str, Tensor]) -> str | None:
    """Name of a model with this structure; DeOldify's wide network is taken for the video one."""
    ours = detect_compact(state_dict)
    if ours is not None:
        return ours
    found = detect_deoldify(state_dict)
    return {"artistic": "deoldify-artistic", "wide": "deoldify-video", None: None}[found]


def _spec_of(checkpoint: Checkpoint, path: Path) -> ModelSpec:
    trained = trained_spec(checkpoint.metadata, checkpoint.state_dict)
    if trained is not None:
        return trained
    name = _recognise(checkpoint.state_dict)
    if name is None:
        raise WeightsError(f"{path}: the tensors in it are of no network that vidcolor knows")
    return find_spec(name)


def _build(
    spec: ModelSpec, checkpoint: Checkpoint, dtype: torch.dtype
) -> tuple[nn.Module, Finishing]:
    if spec.family == "trained":
        return build_trained(checkpoint.state_dict, checkpoint.metadata, dtype)
    if spec.family == "compact":
        return build_compact(checkpoint.state_dict, checkpoint.metadata, dtype)
    return DeOldifyColorizer.from_state_dict(checkpoint.state_dict, dtype=dtype), Finishing()
