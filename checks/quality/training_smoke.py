"""Train every shipped configuration for about a minute, and show that its loss falls.

    python checks quality/training_smoke [--seconds 60] [--data FOLDER_OR_TAR] [CONFIG...]

Batches are small (8 crops) so that a minute on one CPU core is some dozens of steps; all else is as
configured. Configurations that start from another run's checkpoint get that of compact's minute;
perceptual loss takes the MobileNet encoder, since VGG weights are the user's.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from vidcolor.training.config import TrainConfig, load_config
from vidcolor.training.distributed import join_world
from vidcolor.training.run.loop import Trainer

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "vidcolor" / "training" / "configs"
SHARED = ROOT / ".." / "shared"
ENCODER = SHARED / "pretrained" / "mobilenet_edgetpu_075.safetensors"
NAMES = (
    "compact", "large", "large-third", "unet", "unet-resblock", "pix2pix", "compact-gan",
    "compact-wgan", "compact-student", "compact-perceptual",
)  # fmt: skip
"""compact comes first: others start from it."""
FROM_COMPACT = ("compact-gan", "compact-wgan", "compact-perceptual")
TAUGHT = ("compact-student", "large", "large-third")
FROM_ENCODER = ("compact", *TAUGHT)


class TimeIsUp(Exception):  # noqa: N818 - no error
    """Raised between two steps."""


def main() -> None:
    """Run all, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--seconds", type=float, default=60.0, help="CPU seconds for each")
    parser.add_argument("--data", default=str(SHARED / "train" / "train-05.tar"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start = ""
        for name in dict.fromkeys(["compact", *options.names]):
            config = shortened(name, options.data, Path(folder), start)
            run(name, config, options.seconds)
            start = start or str(Path(config.out) / "checkpoint.pt")


def shortened(name: str, data: str, folder: Path, start: str) -> TrainConfig:
    """A shipped configuration with small batches, and what it starts from."""
    config = load_config(CONFIGS / f"{name}.toml")
    losses = {k: dict(v) for k, v in config.losses.items()}
    if "perceptual" in losses:
        losses["perceptual"] |= {"backbone": "mobilenet", "weights": str(ENCODER)}
    return dataclasses.replace(
        config,
        data=(data,),
        out=str(folder / name),
        losses=losses,
        batch_size=8,
        warmup=10,
        sample_every=0,
        pretrained=(str(ENCODER),) if name in FROM_ENCODER else (),
        start=start if name in FROM_COMPACT else "",
        teacher=start if name in TAUGHT else "",
    )


def run(name: str, config: TrainConfig, seconds: float) -> None:
    """Train until the time is up; print each figure's mean at the start and at the end."""
    trainer = Trainer(config, join_world(torch.device("cpu")))
    log: list[dict[str, float]] = []
    begun = time.process_time()

    def report(_: int, measured: dict[str, float]) -> None:
        log.append(measured)
        if time.process_time() - begun > seconds:
            raise TimeIsUp

    try:
        trainer.run(report)
    except TimeIsUp:
        trainer.save()
    part = max(1, len(log) // 5)
    figures = []
    for key in [k for k in log[0] if k not in ("rate", "gradient")]:
        values = [m[key] for m in log if key in m]
        figures.append(f"{key} {np.mean(values[:part]):.3f} -> {np.mean(values[-part:]):.3f}")
    per_step = (time.process_time() - begun) / len(log)
    print(f"{name:20} {len(log):4} steps, {per_step:.2f} s each: {', '.join(figures)}")
