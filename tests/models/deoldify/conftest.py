"""Fixtures: a network with drawn weights, as published and as the engine gets it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from deoldify_recordings import Recording, read_recording

from vidcolor.models.families.deoldify import DeOldifyColorizer, load_deoldify


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def artistic() -> Recording:
    """The small network: 64 M parameters."""
    return read_recording("artistic")


@pytest.fixture(scope="module")
def colorizer(artistic: Recording) -> DeOldifyColorizer:
    """The small network as the engine gets it. Not to be changed."""
    return load_deoldify(artistic.state)
