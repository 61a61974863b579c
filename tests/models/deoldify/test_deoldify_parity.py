"""Ours against recorded outputs of the original package: the same weights, the same photo.

The recordings are small (``reference/record.py small``), at 48 x 80: odd multiples of 16 in both
directions, where the decoder must follow sizes that the body rounded up. The full proof, at full
size and with the original itself, is ``test_deoldify_reference.py``.
"""

from __future__ import annotations

import torch
from deoldify_recordings import Recording, read_recording
from torch import nn

from vidcolor.models.families.deoldify import load_deoldify
from vidcolor.models.networks.published.deoldify import DeOldifyName, build_deoldify

TOLERANCE = 1e-3  # the requirement; rounding alone gives some 1e-5, and the recording 5e-5


def as_published(name: DeOldifyName, recording: Recording) -> nn.Module:
    with torch.device("meta"):
        network = build_deoldify(name)
    network.load_state_dict(recording.state, strict=True, assign=True)
    return network


def worst(found: torch.Tensor, recording: Recording) -> float:
    return float((found - recording.output).abs().max())


def test_recording_shows_something(artistic: Recording) -> None:
    # A saturated or flat output would be equal whatever the network computes.
    assert artistic.output.abs().max() < 2.99
    assert artistic.output.std(dim=(2, 3)).min() > 0.3


def test_artistic_equals_the_original(artistic: Recording) -> None:
    network = as_published("artistic", artistic)
    assert worst(network(artistic.inputs), artistic) < TOLERANCE


def test_folded_artistic_equals_the_original(artistic: Recording) -> None:
    network = load_deoldify({"model": artistic.state}).network
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    assert worst(network(artistic.inputs), artistic) < TOLERANCE


def test_wide_equals_the_original_as_published_and_folded() -> None:
    recording = read_recording("video")  # 0.9 GB: not kept for other tests
    network = as_published("video", recording)
    assert worst(network(recording.inputs), recording) < TOLERANCE
    folded = load_deoldify(recording.state).network
    assert worst(folded(recording.inputs), recording) < TOLERANCE


def test_loading_leaves_the_state_dict_as_it_was(artistic: Recording) -> None:
    before = {name: float(value.double().sum()) for name, value in artistic.state.items()}
    load_deoldify(artistic.state)
    assert before == {name: float(value.double().sum()) for name, value in artistic.state.items()}
