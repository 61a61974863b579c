"""The networks' names, sizes and cost, and what is recognised as theirs; nothing is computed."""

from __future__ import annotations

import functools

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from vidcolor.errors import WeightsError
from vidcolor.models.families.deoldify import detect_deoldify, load_deoldify
from vidcolor.models.networks.published.deoldify import DeOldifyName, DeOldifyNet, build_deoldify

ENTRIES = {"artistic": 378, "stable": 754, "video": 754}
PARAMETERS = {"artistic": 63_646_881, "stable": 218_222_197, "video": 218_222_197}
GFLOP = {"artistic": 680, "video": 492}
NAMES: tuple[DeOldifyName, ...] = ("artistic", "stable", "video")


@functools.cache
def shape_only(name: DeOldifyName) -> DeOldifyNet:
    with torch.device("meta"):
        return build_deoldify(name)


@pytest.mark.parametrize("name", NAMES)
def test_entries_and_parameters_are_those_of_the_published_file(name: DeOldifyName) -> None:
    network = shape_only(name)
    assert len(network.state_dict()) == ENTRIES[name]
    assert sum(parameter.numel() for parameter in network.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", ["artistic", "video"])
def test_cost_at_render_factor_21_is_that_of_the_original(name: DeOldifyName) -> None:
    with FlopCounterMode(display=False) as counter:
        output = shape_only(name)(torch.empty(1, 3, 336, 336, device="meta"))
    assert output.shape == (1, 3, 336, 336)
    # Known to whole GFLOP; what is counted besides convolutions differs by less than one more.
    assert counter.get_total_flops() / 1e9 == pytest.approx(GFLOP[name], abs=2)


def test_networks_are_told_apart_by_structure_whatever_they_are_wrapped_in() -> None:
    artistic, video = shape_only("artistic").state_dict(), shape_only("video").state_dict()
    assert detect_deoldify(artistic) == "artistic"
    assert detect_deoldify({"model": video}) == "wide"
    assert detect_deoldify(shape_only("stable").state_dict()) == "wide"


def test_other_networks_are_not_taken_for_deoldify() -> None:
    assert detect_deoldify({}) is None
    assert detect_deoldify({"layers.0.0.weight": torch.zeros(64, 3, 7, 7)}) is None
    assert detect_deoldify({"model": "a name"}) is None
    other_width = shape_only("artistic").state_dict()
    other_width["layers.3.0.0.weight_orig"] = torch.empty(512, 256, 3, 3, device="meta")
    assert detect_deoldify(other_width) is None
    with pytest.raises(WeightsError, match="not weights of a DeOldify"):
        load_deoldify({"weight": torch.zeros(1)})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"layers.11.0.bias": None}, r"layers\.11\.0\.bias is missing"),
        ({"layers.99.bias": torch.zeros(3)}, r"layers\.99\.bias is unknown"),
        ({"layers.11.0.bias": torch.zeros(2)}, r"layers\.11\.0\.bias is \(2,\) instead of \(3,\)"),
    ],
)
def test_state_dicts_that_do_not_fit_are_refused_in_one_line(
    change: dict[str, torch.Tensor | None], said: str
) -> None:
    state = {**shape_only("artistic").state_dict(), **change}
    with pytest.raises(WeightsError, match=said) as caught:
        load_deoldify({name: value for name, value in state.items() if value is not None})
    assert "\n" not in str(caught.value)
