"""A small network with random weights, and a small film."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vidcolor.bench.material import moving_picture
from vidcolor.media.write.grey_clip import write_grey_clip
from vidcolor.models.networks.own.compact import CompactConfig, CompactNet


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with random weights of a narrow compact network."""
    torch.manual_seed(0)
    config = CompactConfig(decoder=(16, 16, 8, 8))
    state = {name: t.contiguous() for name, t in CompactNet(config).state_dict().items()}
    path = tmp_path_factory.mktemp("weights") / "narrow.safetensors"
    save_file(state, path, metadata={"config": json.dumps(config.as_dict()), "saturation": "1.0"})
    return path


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames, 96 x 64, at 25 per second."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    write_grey_clip(path, moving_picture((96, 64), 12), Fraction(25))
    return path
