"""A few photographs to train on, and a small run."""

from __future__ import annotations

import dataclasses
import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from run_config import MakeConfig
from skimage import data

from vidcolor.training.config import TrainConfig


def add_png(tar: tarfile.TarFile, name: str, rgb: np.ndarray) -> None:
    blob = cv2.imencode(".png", rgb[:, :, ::-1])[1].tobytes()
    info = tarfile.TarInfo(name)
    info.size = len(blob)
    tar.addfile(info, io.BytesIO(blob))


@pytest.fixture(scope="session")
def photos_tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve colour crops and one grey picture."""
    path = tmp_path_factory.mktemp("train") / "photos.tar"
    with tarfile.open(path, "w") as tar:
        for number in range(12):
            photo = (data.astronaut(), data.coffee(), data.chelsea())[number % 3]
            part = np.ascontiguousarray(photo[number : number + 200, :200])
            add_png(tar, f"{number:02}.png", part)
        grey = data.astronaut()[:160, :160].mean(axis=2).astype(np.uint8)
        add_png(tar, "grey.png", np.stack([grey] * 3, axis=2))
    return path


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
