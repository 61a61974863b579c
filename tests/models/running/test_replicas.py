"""Several devices share a batch; two copies on the CPU stand in for two GPUs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vidcolor.engine.coloring.batching import default_batch_size
from vidcolor.engine.options import ColorizeOptions
from vidcolor.errors import DeviceError, OptionError
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ModelInput, Prediction
from vidcolor.models.families.family import Built
from vidcolor.models.families.registry import find_spec
from vidcolor.models.running.device import resolve_devices
from vidcolor.models.running.replicas import ReplicatedColorizer, place

CPU = torch.device("cpu")


class Shift(nn.Module):
    """A network whose result tells which frame it saw, and that counts frames."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))
        self.seen: list[int] = []

    def forward(self, inputs: ModelInput) -> Prediction:
        self.seen.append(len(inputs))
        return Prediction(inputs.lightness.repeat(1, 2, 1, 1) * self.weight)


def placed(label: str, devices: list[torch.device]) -> Colorizer:
    spec = find_spec("compact")
    return place(Built(Shift()), spec, label=label, devices=devices, dtype=torch.float32)


def frames(count: int) -> ModelInput:
    numbers = torch.arange(count, dtype=torch.float32)
    return ModelInput(numbers.view(-1, 1, 1, 1).expand(-1, 1, 4, 6) / 100)


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_frames_come_back_in_order_whatever_their_number(count: int) -> None:
    one = place(
        Built(Shift()), find_spec("compact"), label="one", devices=[CPU], dtype=torch.float32
    )
    three = place(
        Built(Shift()), find_spec("compact"), label="three", devices=[CPU] * 3, dtype=torch.float32
    )
    assert isinstance(three, ReplicatedColorizer) and not isinstance(one, ReplicatedColorizer)
    assert torch.equal(three(frames(count)).ab, one(frames(count)).ab)


def test_every_copy_does_its_part() -> None:
    model = place(
        Built(Shift()), find_spec("compact"), label="two", devices=[CPU, CPU], dtype=torch.float32
    )
    assert isinstance(model, ReplicatedColorizer)
    model(frames(5))
    networks = [part.network for part in model.parts]
    assert [network.seen for network in networks] == [[3], [2]]
    assert networks[0].weight.data_ptr() != networks[1].weight.data_ptr()


def test_each_device_gets_a_whole_batch() -> None:
    one = place(
        Built(Shift()), find_spec("compact"), label="one", devices=[CPU], dtype=torch.float32
    )
    two = place(
        Built(Shift()), find_spec("compact"), label="two", devices=[CPU, CPU], dtype=torch.float32
    )
    pixels = 64 * 48
    assert default_batch_size(two, pixels) == 2 * default_batch_size(one, pixels)
    assert two.device_label == "cpu,cpu" and one.device_label == "cpu"


def test_lists_of_devices() -> None:
    assert resolve_devices("cpu") == [CPU]
    assert resolve_devices("cpu,cpu") == [CPU, CPU]
    with pytest.raises(DeviceError, match="unknown device"):
        resolve_devices("cpu,gpu")


@pytest.mark.parametrize("device", ["cpu,", ",cpu", "auto,cpu", "cuda:0;cuda:1", "cuda:", "cpucpu"])
def test_lists_that_make_no_sense_are_refused_at_once(device: str) -> None:
    with pytest.raises(OptionError, match="device"):
        ColorizeOptions(device=device)


def test_lists_of_gpus_are_accepted() -> None:
    assert ColorizeOptions(device="cuda:0,cuda:1").device == "cuda:0,cuda:1"
