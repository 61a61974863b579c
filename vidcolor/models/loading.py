"""``load_model``: from a name or a path to a network that is ready to run."""

from __future__ import annotations

import logging
from pathlib import Path

from vidcolor.errors import WeightsError
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.families.family import Built
from vidcolor.models.families.registry import (
    BEST,
    MODELS,
    auto_order,
    family_of,
    find_spec,
    recognise,
)
from vidcolor.models.mixing import Mixture, mix_of, mixed_spec, names_of
from vidcolor.models.running.device import common_precision, device_type, resolve_devices
from vidcolor.models.running.replicas import place
from vidcolor.models.spec import Kind, ModelSpec
from vidcolor.models.weights.manifest import load_manifest
from vidcolor.models.weights.progress import DownloadProgress
from vidcolor.models.weights.safe_load import Checkpoint, load_checkpoint
from vidcolor.models.weights.store import bundled_path, ensure_weights, find_weights

logger = logging.getLogger(__name__)


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
        name_or_path: a model's name, "auto", or the path of a checkpoint (.pth, .safetensors or
            .caffemodel), which is recognised by its content, whatever its name; or a mix of such
            (``mixing``): "deoldify-video+ddcolor:0.4".
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

    def read(one: str | Path) -> tuple[ModelSpec, Checkpoint]:
        return _read(one, _path_of(one, weights_dir, offline, progress))

    parts = mix_of(name)
    files = [read(one) for one in ([name] if parts is None else names_of(name))]
    specs = [spec for spec, _ in files]
    spec = specs[0] if parts is None else mixed_spec(str(name), specs)
    dtype = common_precision(precision, targets, spec.precisions)
    logger.info("%s on %s in %s", spec.name, device, dtype)
    built = [family_of(each).build(checkpoint, dtype) for each, checkpoint in files]
    whole = built[0] if parts is None else Built(Mixture(built, specs, parts, kind))
    return place(whole, spec, label=str(name), devices=targets, dtype=dtype)


def _read(name: str | Path, path: Path) -> tuple[ModelSpec, Checkpoint]:
    """A model's file, and facts about it.

    Raises:
        WeightsError: it isn't that model's, or no known network's.
    """
    checkpoint = load_checkpoint(path)
    spec, found = MODELS.get(str(name)), recognise(checkpoint)
    if spec is not None and (found is None or found.family != spec.family):
        raise WeightsError(f"{path}: not the weights of {spec.name}; pull them again")
    if found is None:
        raise WeightsError(f"{path}: the tensors in it are of no network that vidcolor knows")
    return spec or found, checkpoint


def spec_of(name_or_path: str | Path) -> ModelSpec:
    """Facts about a model, by its name or from its file.

    Raises:
        OptionError: no model or file is called so.
        WeightsError: the file can't be read, or is of no known network.
    """
    if mix_of(name_or_path) is not None:
        return mixed_spec(str(name_or_path), [spec_of(name) for name in names_of(name_or_path)])
    spec = MODELS.get(str(name_or_path))
    if spec is not None or not Path(name_or_path).is_file():
        return spec or find_spec(str(name_or_path))
    found = recognise(load_checkpoint(name_or_path))
    if found is None:
        raise WeightsError(f"{name_or_path}: the tensors in it are of no known network")
    return found


def choose_model(kind: Kind, device: str = "auto", *, weights_dir: Path | None = None) -> str:
    """What "auto" means: the first of ``auto_order`` whose weights are there.

    Args:
        kind: what is to be coloured.
        device: as ``load_model`` takes it; it need not be there.
        weights_dir: where downloaded weights are; None for the usual places.

    Returns:
        A model's name.

    Raises:
        WeightsError: no model's weights are there.
    """
    where = device_type(device)
    for spec in auto_order(kind):
        there = any(rank.kind == kind and where in rank.devices for rank in spec.auto)
        if there and is_installed(spec, weights_dir):
            return spec.name
    raise WeightsError(f"no model for {kind} is installed: install vidcolor again")


def best_model(kind: Kind, *, weights_dir: Path | None = None) -> str:
    """What "best" means: the first of ``BEST`` all of whose weights are there, on any device.

    Args:
        kind: what is to be coloured.
        weights_dir: where downloaded weights are; None for the usual places.

    Returns:
        A model's name, or a mix of such.

    Raises:
        WeightsError: no model's weights are there.
    """
    for name in BEST[kind]:
        if all(is_installed(MODELS[one], weights_dir) for one in names_of(name)):
            return name
    raise WeightsError(f"no model for {kind} is installed: install vidcolor again")


def is_installed(spec: ModelSpec, weights_dir: Path | None = None) -> bool:
    """Whether a model's weights are here, without any download."""
    if spec.bundled:
        return True
    known = spec.name in load_manifest()
    return known and find_weights(spec.name, weights_dir=weights_dir) is not None


def _path_of(
    name: str | Path, weights_dir: Path | None, offline: bool, progress: DownloadProgress | None
) -> Path:
    spec = MODELS.get(str(name))
    if spec is None:
        if not Path(name).is_file():
            find_spec(str(name))  # raises with the list of names
        return Path(name)
    if spec.bundled:
        return bundled_path(spec.bundled)
    return ensure_weights(spec.name, weights_dir=weights_dir, offline=offline, progress=progress)
