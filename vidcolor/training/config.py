"""What a training run is made of: one frozen dataclass, read from a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, get_type_hints

from vidcolor.errors import InputError, OptionError
from vidcolor.models._kinds import check_kind, check_least

_CHOICES = {"precision": ("bf16", "fp32"), "decoding": ("regression", "annealed-mean")}
_SHARES = ("decay", "ema", "film", "film_share", "orthochromatic", "cast", "shadows", "reds")
_POSITIVE = (
    "steps", "batch_size", "workers", "validate_every", "validate_on", "save_every", "lr", "clip",
    "temperature", "scale",
)  # fmt: skip
_NOT_NEGATIVE = (
    "encoder_lr", "weight_decay", "warmup", "sample_every", "memory_gb", "saturation", "seed",
    "betas",
)  # fmt: skip
_LARGEST_SEED = 2**32 - 1  # a step's own seed is made of it, and must stay below 2 ** 64


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """A training run; all of it is stored with the weights.

    Attributes:
        architecture: "compact", "large", "unet", "unet-resblock" or "pix2pix".
        network: the architecture's own settings, such as ``decoder`` or ``width``.
        losses: by name, each with ``weight`` and settings of its own; docs/training.md lists them.
        data: folders, tar files or lists (``.csv``, rows of the split "train") of photographs.
        val: the same to validate on (rows of the split "val").
        pretrained: ImageNet weights of encoders; none starts from random ones.
        start: weights or a checkpoint to start from, whatever of it fits; "" for none.
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
        weight_decay: of AdamW.
        betas: of AdamW; adversarial runs like (0.5, 0.999).
        clip: largest norm of the gradient.
        ema: decay of the moving average of weights, per step.
        film: strength of the film-like wear, 0 to 1.
        film_share: share of pictures that get it.
        orthochromatic: share of pictures whose lightness is that of stock that hardly sees red.
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
        sample_every: steps between sample sheets and loss plots; 0 for one at the end only.
        save_every: steps between checkpoints.
    """

    architecture: str = "compact"
    network: Mapping[str, Any] = field(default_factory=dict)
    losses: Mapping[str, Mapping[str, Any]] = field(
        default_factory=lambda: {"huber": {"weight": 1.0}, "classification": {"weight": 0.15}}
    )
    data: tuple[str, ...] = ()
    val: str = ""
    pretrained: tuple[str, ...] = ()
    start: str = ""
    frozen: tuple[str, ...] = ()
    teacher: str = ""
    out: str = "runs/compact"
    crop: int = 128
    scale: tuple[float, float] = (0.8, 1.6)
    stretch: float = 1.0
    stages: tuple[tuple[float, int, float, float], ...] = ()
    batch_size: int = 32
    steps: int = 8000
    decay: float = 0.25
    warmup: int = 200
    lr: float = 1e-3
    encoder_lr: float = 2e-4
    weight_decay: float = 0.02
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float = 1.0
    ema: float = 0.998
    film: float = 0.5
    film_share: float = 0.5
    orthochromatic: float = 0.0
    memory_gb: float = 8.0
    workers: int = 1
    saturation: float = 0.0
    cast: float = 0.0
    shadows: float = 0.0
    reds: float = 0.0
    decoding: str = "regression"
    temperature: float = 0.38
    seed: int = 1
    precision: str = "bf16"
    compile: bool = False
    validate_every: int = 500
    validate_on: int = 200
    sample_every: int = 500
    save_every: int = 250

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(TrainConfig).items():
            check_kind(name, getattr(self, name), kind)
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                given = getattr(self, name)
                raise OptionError(f"{name} must be {' or '.join(choices)}, got {given!r}")
        for name in (*_POSITIVE, *_NOT_NEGATIVE):
            check_least(name, getattr(self, name), zero=name in _NOT_NEGATIVE)
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise OptionError(f"{name} must be from 0 to 1, got {getattr(self, name)}")
        self._check_crops()
        if self.seed > _LARGEST_SEED:
            raise OptionError(f"seed must be at most {_LARGEST_SEED}, got {self.seed}")
        if max(self.betas) >= 1:
            raise OptionError(f"betas must be below 1, got {list(self.betas)}")
        if not self.losses:
            raise OptionError("no losses: give at least one table like [losses.huber]")
        for name, table in self.losses.items():
            if not isinstance(table, Mapping):
                raise OptionError(f"{name} must be a table, [losses.{name}], got {table!r}")

    def _check_crops(self) -> None:
        for crop in self.crops:
            if crop % 32 or crop <= 0:
                raise OptionError(f"crop must be a positive multiple of 32, got {crop}")
        for low, high in (self.scale, *(stage[2:] for stage in self.stages)):
            if not 0 < low <= high:
                raise OptionError(f"scale must rise from above 0, got [{low}, {high}]")
        ends = [0.0, *(stage[0] for stage in self.stages)]
        if ends[-1] > 1 or any(a >= b for a, b in pairwise(ends)):
            raise OptionError(f"stages must end one after the other, up to 1, got {ends[1:]}")
        if self.stretch < 1:
            raise OptionError(f"stretch must be at least 1, got {self.stretch}")

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
        OptionError: for unknown keys or senseless values.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: can't read this training configuration: {error}") from error
    known = {f.name for f in fields(TrainConfig)}
    if unknown := sorted(set(values) - known):
        raise OptionError(
            f"{path}: unknown setting {unknown[0]!r}; known are {', '.join(sorted(known))}"
        )
    for name in ("data", "pretrained"):
        if isinstance(values.get(name), str):
            values[name] = [values[name]] if values[name] else []
    values = {k: _frozen(v) for k, v in values.items()}
    config = TrainConfig(**values)
    return replace(config, **{k: v for k, v in overrides.items() if v is not None})


def _frozen(value: Any) -> Any:  # noqa: ANN401 - whatever TOML holds
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value
