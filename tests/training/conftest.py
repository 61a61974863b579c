"""A small run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from run_config import MakeConfig

from vidcolor.training.config import TrainConfig


@pytest.fixture
def config(photos_tar: Path, tmp_path: Path) -> MakeConfig:
    """Makes the configuration of a run of seconds: a small U-Net unless told otherwise."""
    base = TrainConfig(
        architecture="unet", network={"width": 4, "widest": 16}, losses={"huber": {}},
        data=(str(photos_tar),), val=str(photos_tar), out=str(tmp_path / "run"),
        crop=64, batch_size=4, steps=6, warmup=2, validate_every=3, validate_on=2, save_every=3,
        sample_every=0, precision="fp32",
    )  # fmt: skip

    def make(**changes: object) -> TrainConfig:
        return dataclasses.replace(base, **changes)

    return make
