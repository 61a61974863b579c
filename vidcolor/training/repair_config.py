"""What a training run of a repair network is made of, read from a TOML file."""

from __future__ import annotations

from dataclasses import asdict, field
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from vidcolor.training.settings import STRICT, Count, CountOrNone, NotNegative, Positive, Share


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class RepairRun:
    """A training run of ``RepairNet``; all of it is stored with the weights.

    Attributes:
        kind: tells such a configuration from one of a network that colorizes.
        network: ``detect`` and ``fill``, channels of both stages.
        data: folders, tar files or lists (``.csv``, rows of the split "train") of photographs.
        val: the same to validate on (rows of the split "val").
        folds: of a cross-validation, 0 for none: a fold of ``data`` takes the place of ``val``.
        fold: the one that this run doesn't learn from, from 0; ``vidcolor train --folds`` sets it.
        pretrained: ImageNet weights of the encoder that helps to find damage.
        start: weights or a checkpoint to start from; "" for random weights.
        out: folder for checkpoint, log and weights.
        crop: side of the training crops in pixels.
        scale: smallest and largest enlargement of a photograph before the crop.
        batch_size: crops per step.
        fill_every: steps from one that also trains the stage that fills to the next.
        steps: length of the run.
        decay: share of the steps, at the end, over which the learning rate falls to zero.
        warmup: steps over which it rises.
        lr: learning rate (AdamW).
        encoder_lr: of the encoder that starts from pretrained weights.
        weight_decay: of AdamW.
        clip: largest norm of the gradient.
        ema: decay of the moving average of weights, per step.
        film: strength of the film-like wear under the damage, 0 to 1, which is not repaired.
        film_share: share of pictures that get it.
        texture_share: share of pictures on textured paper, likewise.
        strength: weakest and strongest damage, see ``data.damage``.
        whole_share: share of pictures without any damage.
        l1, mse, ssim: weights of the losses within the mask.
        perceptual: weight of the perceptual loss over the filled picture.
        backbone: weights of the MobileNet EdgeTPU encoder that it compares by.
        seed: of everything random.
        workers: threads that prepare batches.
        memory_gb: decoded photographs to keep in memory.
        validate_every: steps between validations.
        validate_on: number of validation pictures.
        save_every: steps between checkpoints.
        patience: validations without a better one after which the run ends; 0 for never.
        keep: whose weights stay at the end: "last" or "best".
    """

    kind: Literal["repair"]
    network: dict[str, Any] = field(default_factory=dict)
    data: tuple[str, ...] = ()
    val: str = ""
    folds: CountOrNone = 0
    fold: CountOrNone = 0
    pretrained: str = ""
    start: str = ""
    out: str = "runs/repair"
    crop: Annotated[int, Field(gt=0, multiple_of=32)] = 128
    scale: tuple[Positive, Positive] = (0.8, 2.0)
    batch_size: Count = 8
    fill_every: Count = 1
    steps: Count = 8000
    decay: Share = 0.4
    warmup: CountOrNone = 100
    lr: Positive = 2e-3
    encoder_lr: NotNegative = 2e-4
    weight_decay: NotNegative = 0.01
    clip: Positive = 1.0
    ema: Share = 0.998
    film: Share = 0.8
    film_share: Share = 0.5
    texture_share: Share = 0.2
    strength: tuple[Share, Share] = (0.1, 1.0)
    whole_share: Share = 0.1
    l1: NotNegative = 1.0
    mse: NotNegative = 4.0
    ssim: NotNegative = 0.1
    perceptual: NotNegative = 0.0
    backbone: str = ""
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 1
    workers: Count = 1
    memory_gb: NotNegative = 0.0
    validate_every: Count = 500
    validate_on: Count = 60
    save_every: Count = 100
    patience: CountOrNone = 0
    keep: Literal["last", "best"] = "best"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)
