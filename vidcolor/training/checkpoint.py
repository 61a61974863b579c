"""What a run leaves on disk: checkpoints to go on from, and weights to use."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from vidcolor.errors import WeightsError
from vidcolor.media.files.atomic import complete_file
from vidcolor.models._metadata import UNUSABLE, reason
from vidcolor.models.calm import Calm
from vidcolor.models.weights.safe_load import Checkpoint
from vidcolor.training.precision import safe_precisions

if TYPE_CHECKING:
    from vidcolor.training.config import TrainConfig

UNREADABLE: tuple[type[Exception], ...] = (*UNUSABLE, OSError, EOFError, UnpicklingError)
"""What reading a damaged checkpoint, or another file, raises."""

_CLASSIFY = "classify."

_FORMAT = 2
"""Of checkpoints: since 2 the optimiser has norms and biases in groups of their own."""


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint, complete or not at all.

    Raises:
        OutputError: it can't be written; the one before is still there.
    """
    with complete_file(path) as part, part.open("wb") as file:
        torch.save({**state, "format": _FORMAT}, file)


def read_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """Read a checkpoint; tensors and plain values only, never code.

    Raises:
        WeightsError: if it is damaged, none, or of an earlier format.
    """
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        state["step"] = int(state["step"])
    except UNREADABLE as error:
        raise WeightsError(
            f"{path}: can't go on from this checkpoint; move it away to start anew: {reason(error)}"
        ) from error
    if state.get("format") != _FORMAT:
        raise WeightsError(
            f"{path}: written by an earlier vidcolor, whose optimiser had other groups; "
            "give another 'out', and this file as 'start' to begin with its weights"
        )
    return dict(state)


def cut_log(log: Path, step: int) -> None:
    """Drop the lines of steps after the one a run goes on from: they will be taken again."""
    if not log.exists():
        return
    kept = []
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line)
        except (json.JSONDecodeError, KeyError, TypeError):
            continue  # cut short when the machine went down
    log.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def export_weights(
    path: Path, network: nn.Module, config: TrainConfig, history: Mapping[str, Any],
    *, pictures: Sequence[Tensor],
) -> None:  # fmt: skip
    """Write weights in float16, with all it takes to use them and to know how they were made.

    Norms' statistics, and whatever float16 can't hold, are written in float32.

    Args:
        path: the safetensors file.
        network: averaged weights; its classification head is left out unless it decodes.
        config: of the run.
        history: what made the weights, ready for JSON.
        pictures: lightness ``(B, 1, H, W)`` on the CPU, on which number formats are measured.

    Raises:
        OutputError: the file can't be written.
    """
    annealed = config.decoding == "annealed-mean"
    values = network.config.as_dict()  # type: ignore[operator, union-attr]
    if not annealed:
        values = {**values, "bins": 0}
    state = {
        # A copy each: tensors that share memory can't be stored.
        name: _compact(name, tensor).contiguous().cpu().clone()
        for name, tensor in network.state_dict().items()
        if annealed or not name.startswith(_CLASSIFY)
    }
    metadata = {
        "format": "vidcolor",
        "architecture": config.architecture,
        "config": json.dumps(values),
        "saturation": str(config.saturation or 1.0),
        **calm_of(config).as_metadata(),
        "decoding": config.decoding,
        "temperature": str(config.temperature),
        "training": json.dumps(dict(history)),
    }
    metadata["precisions"] = ",".join(safe_precisions(Checkpoint(state, metadata), pictures))
    write_weights(path, state, metadata)


def calm_of(config: TrainConfig) -> Calm:
    """Where the run's weights will colorize less."""
    return Calm(config.cast, config.shadows, config.reds)


def write_weights(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file, complete or not at all; tensors must not share memory.

    Raises:
        OutputError: it can't be written.
    """
    with complete_file(path) as part:
        # Not save_file: what it writes only its owner can read.
        part.write_bytes(save(dict(tensors), metadata=dict(metadata)))


def _compact(name: str, tensor: Tensor) -> Tensor:
    """In float16 where that holds it: variances of raw features go far beyond its 65504."""
    if not tensor.is_floating_point() or "running_" in name:
        return tensor
    half = tensor.half()
    return half if torch.isfinite(half).all() else tensor


def history_of(config: TrainConfig, *, step: int, photos: int, world: int) -> dict[str, Any]:
    """What made the weights: settings, and names (not places) of the data."""
    values = config.as_dict() | {"reached_step": step, "photos": photos, "processes": world}
    del values["out"]
    values["data"] = [Path(source).name for source in config.data]
    values["pretrained"] = [Path(source).name for source in config.pretrained]
    for name in ("val", "start", "teacher"):
        values[name] = Path(values[name]).name
    values["losses"] = {
        name: {k: Path(v).name if k == "weights" else v for k, v in table.items()}
        for name, table in config.losses.items()
    }
    return values
