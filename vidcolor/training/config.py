"""What a training run is made of: one frozen dataclass, read from a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from vidcolor.errors import InputError, OptionError


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """A training run; all of it is stored with the weights.

    Attributes:
        data: folders or tar files of colour photographs.
        val: tar or folder of photographs to validate on.
        pretrained: the encoder's ImageNet weights, or "" to start from random ones.
        out: folder for checkpoints, log and weights.
        decoder: channels of the decoder at strides 32, 16, 8 and 4.
        crop: side of the training crops in pixels, a multiple of 32.
        scale: smallest and largest enlargement of a photograph before the crop.
        stages: of growing crops, in order: share of the run at which it ends, its crop, and its
            smallest and largest scale; empty is one stage of ``crop`` and ``scale``. Small crops
            of whole pictures teach as much per photograph at a fraction of the cost.
        batch_size: crops per step.
        steps: length of the run.
        decay: share of the steps, at the end, over which the learning rate falls to zero.
        warmup: steps over which it rises.
        lr: learning rate of decoder and heads (AdamW).
        encoder_lr: learning rate of the pretrained encoder.
        weight_decay: of AdamW.
        huber: weight of the Huber loss on the regression head.
        huber_delta: ab distance at which that loss turns from square to straight.
        classification: weight of the cross-entropy over ab bins.
        ema: decay of the moving average of weights, per step.
        film: strength of the film-like augmentation, 0 to 1.
        saturation: factor on ab stored with the weights, 0 to find it on the validation set.
        seed: of everything random.
        precision: "bf16" (autocast) or "fp32".
        validate_every: steps between validations.
        validate_on: number of validation pictures used then; all at the end.
        save_every: steps between checkpoints.
    """

    data: tuple[str, ...] = ()
    val: str = ""
    pretrained: str = ""
    out: str = "runs/compact"
    decoder: tuple[int, int, int, int] = (256, 192, 128, 64)
    crop: int = 128
    scale: tuple[float, float] = (0.8, 1.6)
    stages: tuple[tuple[float, int, float, float], ...] = ()
    batch_size: int = 32
    steps: int = 8000
    decay: float = 0.25
    warmup: int = 200
    lr: float = 1e-3
    encoder_lr: float = 2e-4
    weight_decay: float = 0.02
    huber: float = 1.0
    huber_delta: float = 12.0
    classification: float = 0.15
    ema: float = 0.998
    film: float = 0.5
    saturation: float = 0.0
    seed: int = 1
    precision: str = "bf16"
    validate_every: int = 500
    validate_on: int = 200
    save_every: int = 250

    def __post_init__(self) -> None:
        for crop in (self.crop, *(stage[1] for stage in self.stages)):
            if crop % 32 or crop <= 0:
                raise OptionError(f"crop must be a positive multiple of 32, got {crop}")
        if self.precision not in ("bf16", "fp32"):
            raise OptionError(f"precision must be bf16 or fp32, got {self.precision = }")
        if self.steps <= 0 or self.batch_size <= 0:
            raise OptionError(
                f"steps and batch_size must be positive, got {self.steps = }, {self.batch_size = }"
            )

    def crop_at(self, step: int) -> tuple[int, tuple[float, float]]:
        """Side of the crops, and range of their scale, at a step."""
        for until, crop, low, high in self.stages:
            if step < until * self.steps:
                return crop, (low, high)
        return self.crop, self.scale

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
    values = {k: _frozen(v) for k, v in values.items()}
    return replace(TrainConfig(**values), **{k: v for k, v in overrides.items() if v is not None})


def _frozen(value: Any) -> Any:  # noqa: ANN401 - whatever TOML holds
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value
