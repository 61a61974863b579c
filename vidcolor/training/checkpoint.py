"""What a run leaves on disk: checkpoints to go on from, and weights to use."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from vidcolor.errors import OutputError, WeightsError
from vidcolor.models._metadata import UNUSABLE, reason
from vidcolor.models.calm import Calm
from vidcolor.models.families.precision import safe_precisions
from vidcolor.models.weights.safe_load import Checkpoint
from vidcolor.training.config import TrainConfig

UNREADABLE: tuple[type[Exception], ...] = (*UNUSABLE, OSError, EOFError, UnpicklingError)
"""What reading a file that is no checkpoint, or none any more, raises."""

_CLASSIFY = "classify."


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint whole or not at all.

    Raises:
        OutputError: it can't be written; the one before is still there.
    """
    with _whole(path) as part, part.open("wb") as file:
        torch.save(dict(state), file)


def read_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """Read a checkpoint; tensors and plain values only, never code.

    Raises:
        WeightsError: if it is damaged or none.
    """
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        return {"step": int(state["step"]), **state}
    except UNREADABLE as error:
        raise WeightsError(
            f"{path}: can't go on from this checkpoint; move it away to start anew: {reason(error)}"
        ) from error


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
    """Write a safetensors file whole or not at all; tensors must not share memory.

    Raises:
        OutputError: it can't be written.
    """
    with _whole(path) as part:
        # Not save_file: what it writes only its owner can read.
        part.write_bytes(save(dict(tensors), metadata=dict(metadata)))


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Where to write a file before it gets its name; what is there of it goes if that fails."""
    part = path.with_suffix(".part")
    try:
        yield part
        part.replace(path)
    except (OSError, RuntimeError) as error:
        # torch.save raises an error of its own, without a reason, out of the file's.
        met = error if isinstance(error, OSError) else error.__context__
        if not isinstance(met, OSError):
            raise
        raise OutputError(f"{path}: can't be written: {met.strerror or met}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


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
