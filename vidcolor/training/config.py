"""What a training run is made of: one frozen dataclass, read from a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, ValidationError
from pydantic.dataclasses import dataclass

from vidcolor.errors import InputError, OptionError
from vidcolor.training.repair_config import RepairRun
from vidcolor.training.settings import (
    STRICT,
    Count,
    CountOrNone,
    NotNegative,
    Positive,
    Share,
    describe,
    line_of,
    place_of,
)


def _rising(scale: tuple[float, float]) -> tuple[float, float]:
    if scale[0] > scale[1]:
        raise ValueError("should rise")
    return scale


def _in_order(stages: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
    ends = [0.0, *(stage[0] for stage in stages)]
    if any(a >= b for a, b in pairwise(ends)):
        raise ValueError("should end one after the other")
    for stage in stages:
        _rising((stage[2], stage[3]))
    return stages


def _any_loss(losses: dict[str, Any]) -> dict[str, Any]:
    if not losses:
        raise ValueError("should have at least one table like [losses.huber]")
    return losses


Crop = Annotated[int, Field(gt=0, multiple_of=32)]
Scale = Annotated[tuple[Positive, Positive], AfterValidator(_rising)]
Stages = Annotated[tuple[tuple[Share, Crop, Positive, Positive], ...], AfterValidator(_in_order)]
Losses = Annotated[dict[str, dict[str, Any]], AfterValidator(_any_loss)]
Beta = Annotated[float, Field(ge=0, lt=1)]
# A step's own seed is made of it, and must stay below 2 ** 64.
_Run = TypeVar("_Run", "TrainConfig", RepairRun)
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class TrainConfig:
    """A training run; all of it is stored with the weights.

    Attributes:
        architecture: "compact", "large", "unet", "unet-resblock" or "pix2pix".
        network: the architecture's own settings, such as ``decoder`` or ``width``.
        losses: by name, each with ``weight`` and settings of its own; docs/training.md lists them.
        data: folders, tar files or lists (``.csv``, rows of the split "train") of photographs.
        val: the same to validate on (rows of the split "val"): one half during the run, the other
            at its end, as ``vidcolor eval --half`` divides them.
        folds: of a cross-validation, 0 for none: a fold of ``data`` takes the place of ``val``.
        fold: the one that this run doesn't learn from, from 0; ``vidcolor train --folds`` sets it.
        pretrained: ImageNet weights of encoders; none starts from random ones.
        start: weights or a checkpoint to start from, as far as its tensors fit; "" for none.
        frozen: beginnings of the names of parameters that stay as they start.
        teacher: checkpoint or weights of a network whose colours are soft targets; "" for none.
        out: folder for checkpoints, log, pictures and weights.
        crop: side of the training crops in pixels, a multiple of the network's stride.
        scale: smallest and largest enlargement of a photograph before the crop.
        stretch: largest enlargement of one of a crop's sides over the other's.
        stages: of growing crops, in order: share of the run at which it ends, its crop, and its
            smallest and largest scale; empty is one stage of ``crop`` and ``scale``. Small crops
            of whole pictures teach as much per photograph at a fraction of the cost.
        batch_size: crops per step, over all processes.
        steps: length of the run.
        decay: share of the steps, at the end, over which the learning rate falls to zero.
        warmup: steps over which it rises.
        lr: learning rate of decoder and heads (AdamW).
        encoder_lr: learning rate of encoders that can start from pretrained weights.
        weight_decay: of AdamW, on weights of two and more dimensions: not on norms and biases.
        betas: of AdamW; adversarial runs like (0.5, 0.999).
        clip: largest norm of the gradient.
        ema: decay of the moving average of weights, per step.
        film: strength of the film-like wear, 0 to 1.
        film_share: share of pictures that get it.
        orthochromatic: share of pictures whose lightness is that of blue-sensitive to
            orthochromatic stock, with spectral weights drawn for each.
        balance: show photographs as often as the column ``weight`` of their list says.
        memory_gb: decoded photographs to keep in memory; the others are decoded when wanted.
        workers: threads that prepare batches; more for GPUs that would wait for one.
        saturation: factor on ab stored with the weights, 0 for none (1).
        cast: stored with the weights, see ``models.calm.Calm``.
        shadows, reds: likewise.
        decoding: what the written weights colorize by, "regression" or "annealed-mean" of the
            classification head.
        temperature: of the annealed mean.
        seed: of everything random.
        precision: "bf16" (autocast) or "fp32".
        compile: by torch.compile; pays off on GPUs and in long runs.
        validate_every: steps between validations.
        validate_on: number of validation pictures used then; all at the end.
        sample_every: steps between sample sheets and loss plots; the last at the end; 0 for none.
        save_every: steps between checkpoints.
        patience: validations without a better one after which the run ends; 0 for never. What
            counts is ab RMSE at the best saturation.
        keep: whose weights stay at the end: "last", or "best" for those of the best validation.
    """

    architecture: str = "compact"
    network: dict[str, Any] = field(default_factory=dict)
    losses: Losses = field(
        default_factory=lambda: {"huber": {"weight": 1.0}, "classification": {"weight": 0.15}}
    )
    data: tuple[str, ...] = ()
    val: str = ""
    folds: CountOrNone = 0
    fold: CountOrNone = 0
    pretrained: tuple[str, ...] = ()
    start: str = ""
    frozen: tuple[str, ...] = ()
    teacher: str = ""
    out: str = "runs/compact"
    crop: Crop = 128
    scale: Scale = (0.8, 1.6)
    stretch: Annotated[float, Field(ge=1)] = 1.0
    stages: Stages = ()
    batch_size: Count = 32
    steps: Count = 8000
    decay: Share = 0.25
    warmup: CountOrNone = 200
    lr: Positive = 1e-3
    encoder_lr: NotNegative = 2e-4
    weight_decay: NotNegative = 0.02
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    clip: Positive = 1.0
    ema: Share = 0.998
    film: Share = 0.5
    film_share: Share = 0.5
    orthochromatic: Share = 0.0
    balance: bool = False
    memory_gb: NotNegative = 8.0
    workers: Count = 1
    saturation: NotNegative = 0.0
    cast: Share = 0.0
    shadows: Share = 0.0
    reds: Share = 0.0
    decoding: Literal["regression", "annealed-mean"] = "regression"
    temperature: Positive = 0.38
    seed: Seed = 1
    precision: Literal["bf16", "fp32"] = "bf16"
    compile: bool = False
    validate_every: Count = 500
    validate_on: Count = 200
    sample_every: CountOrNone = 500
    save_every: Count = 250
    patience: CountOrNone = 0
    keep: Literal["last", "best"] = "last"

    def crop_at(self, step: int) -> tuple[int, tuple[float, float]]:
        """Side of the crops, and range of their scale, at a step."""
        for until, crop, low, high in self.stages:
            if step < until * self.steps:
                return crop, (low, high)
        return self.crop, self.scale

    @property
    def crops(self) -> list[int]:
        """All sides of crops that the run has."""
        return [self.crop, *(stage[1] for stage in self.stages)]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def load_config(path: Path, **overrides: Any) -> TrainConfig:  # noqa: ANN401 - one per setting
    """Read a TOML file; ``overrides`` that are not None win.

    Raises:
        InputError: if the file can't be read.
        OptionError: for unknown settings or values that they can't take: file, line, name, value.
    """
    return _load(TrainConfig, path, overrides)


def load_repair_config(path: Path, **overrides: Any) -> RepairRun:  # noqa: ANN401 - one per setting
    """The same for a file with ``kind = "repair"``.

    Raises:
        InputError, OptionError: see ``load_config``.
    """
    return _load(RepairRun, path, overrides)


def is_of_repair(path: Path) -> bool:
    """Whether a TOML file is for a repair network.

    Raises:
        InputError: if the file can't be read.
    """
    return _read(path)[1].get("kind") == "repair"


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: can't read this training configuration: {why}") from error


def _load(kind: type[_Run], path: Path, overrides: dict[str, Any]) -> _Run:
    text, values = _read(path)
    given = {name: value for name, value in overrides.items() if value is not None}
    values |= given
    for name in ("data", "pretrained") if kind is TrainConfig else ("data",):
        if isinstance(values.get(name), str):
            values[name] = [values[name]] if values[name] else []
    try:
        return kind(**{name: _frozen(value) for name, value in values.items()})
    except ValidationError as error:
        known = sorted(f.name for f in fields(kind))
        said = describe(error, known)
        place = place_of(error)
        if place and place[0] in given:
            raise OptionError(said) from error
        line = line_of(text, place)
        where = f"{path}:{line}" if line else str(path)
        raise OptionError(f"{where}: {said}") from error


def _frozen(value: Any) -> Any:  # noqa: ANN401 - whatever TOML holds
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value
