"""Number formats of trained networks: as measured, else those that can't overflow."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import vidcolor
from vidcolor.models.families.own import recognise_own
from vidcolor.models.loading import spec_of
from vidcolor.models.networks.own.compact import CompactConfig, CompactNet
from vidcolor.models.weights.safe_load import Checkpoint
from vidcolor.models.weights.store import bundled_path
from vidcolor.training.precision import safe_precisions

BOTH, WIDE = ("bf16", "fp16", "fp32"), ("bf16", "fp32")


@pytest.mark.parametrize(
    ("said", "cuda"),
    [(None, WIDE), ("bf16,fp16", BOTH), ("bf16", WIDE), ("", ("fp32",)), ("fp16", BOTH[1:])],
)
def test_a_files_word_is_taken_and_float16_is_never_assumed(
    tmp_path: Path, said: str | None, cuda: tuple[str, ...]
) -> None:
    path = tmp_path / "own.safetensors"
    metadata = {"architecture": "compact"} | ({} if said is None else {"precisions": said})
    save_file(load_file(bundled_path("compact.safetensors")), path, metadata=metadata)
    assert spec_of(path).precisions["cuda"] == cuda


def test_networks_that_ship_were_measured() -> None:
    for name in ("compact", "large"):
        assert vidcolor.load_model(name, "cpu", "fp32").spec.precisions["cuda"] == BOTH


def _checkpoint(loud: float = 1.0) -> Checkpoint:
    torch.manual_seed(1)
    network = CompactNet(CompactConfig(decoder=(32, 24, 16, 8)))
    with torch.no_grad():
        network.encoder.stem.weight.mul_(loud)  # type: ignore[union-attr, operator]
        network.encoder.stem.bias.mul_(loud)  # type: ignore[union-attr, operator]
        network.regress.weight.div_(loud)
    return Checkpoint(dict(network.state_dict()), {"architecture": "compact"})


def test_an_ordinary_network_is_safe_and_one_that_overflows_is_not() -> None:
    pictures = [torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(2))]
    assert recognise_own(_checkpoint()) is not None
    assert safe_precisions(_checkpoint(), pictures) == ("bf16", "fp16")
    # Activations a million times as large: beyond float16's 65504, well within bfloat16's range.
    assert safe_precisions(_checkpoint(1e6), pictures) == ("bf16",)
