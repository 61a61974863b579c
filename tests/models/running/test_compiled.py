"""``--compile``: the same colours, and a way on where compiling fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from vidcolor.models.contract import ModelInput, Prediction
from vidcolor.models.families.family import Built
from vidcolor.models.families.registry import find_spec
from vidcolor.models.running.compiled import CompiledNetwork, compile_model
from vidcolor.models.running.replicas import place

CPU = torch.device("cpu")


class Small(nn.Module):
    """A network of two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        convolutions = nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1)
        self.layers = nn.Sequential(*convolutions)

    def forward(self, inputs: ModelInput) -> Prediction:
        ab = self.layers(inputs.lightness)
        return Prediction(ab, ab * 2.0 if inputs.wants_features else None)


def network() -> nn.Module:
    torch.manual_seed(0)
    return Small().eval()


@pytest.fixture(autouse=True)
def _fresh_compiler() -> None:
    torch.compiler.reset()


def test_smaller_batches_are_filled_up_and_cropped() -> None:
    plain = network()
    shapes: list[int] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[Any]) -> Callable[..., Any]:
        def run(*arguments: torch.Tensor) -> object:
            shapes.append(max(len(a) for a in arguments if a.ndim == 4 and a.shape[1] == 1))
            return graph(*arguments)

        return run

    compiled = CompiledNetwork(plain, backend=backend)  # type: ignore[arg-type]
    frames = ModelInput(torch.rand(5, 1, 8, 8), wants_features=True)
    with torch.inference_mode():
        for part in (frames[:4], frames[4:]):
            # the same numbers; threads may share a batch otherwise, and add in another order
            found, wanted = compiled(part), plain(part)
            assert torch.allclose(found.ab, wanted.ab, atol=1e-6)
            assert torch.allclose(found.features, wanted.features, atol=1e-6)
    assert compiled.is_compiled is True
    assert shapes == [4, 4]  # one shape is compiled, and no other


def test_what_cannot_be_compiled_runs_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    def backend(graph: torch.fx.GraphModule, inputs: list[Any]) -> Callable[..., Any]:
        raise RuntimeError("no compiler on this machine")

    plain = network()
    compiled = CompiledNetwork(plain, backend=backend)  # type: ignore[arg-type]
    frames = ModelInput(torch.rand(3, 1, 8, 8))
    with caplog.at_level(logging.WARNING), torch.inference_mode():
        assert torch.equal(compiled(frames).ab, plain(frames).ab)
        assert torch.equal(compiled(frames[:1]).ab, plain(frames[:1]).ab)
    assert compiled.is_compiled is False
    assert sum("going on without" in line for line in caplog.messages) == 1


def test_every_copy_is_compiled() -> None:
    model = place(
        Built(network()), find_spec("compact"), label="two", devices=[CPU, CPU], dtype=torch.float32
    )
    compile_model(model)
    assert all(isinstance(part.network, CompiledNetwork) for part in model.parts)  # type: ignore[attr-defined]


class ShortOfMemory(nn.Module):
    """Takes no more than four pictures at once, as a GPU that is nearly full."""

    def forward(self, inputs: ModelInput) -> Prediction:
        if len(inputs.lightness) > 4:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return Prediction(inputs.lightness.expand(-1, 2, -1, -1))


def test_a_batch_that_did_not_fit_is_not_filled_up_to_again() -> None:
    compiled = CompiledNetwork(ShortOfMemory(), backend="eager")
    frames = ModelInput(torch.rand(8, 1, 8, 8))
    with torch.inference_mode():
        compiled(frames[:1])
        compiled(frames[:2])
        assert compiled.is_compiled is True
        with pytest.raises(torch.cuda.OutOfMemoryError):
            compiled(frames)
        assert len(compiled(frames[:4])) == 4


def test_the_single_picture_that_measures_memory_is_not_compiled_for() -> None:
    compiled = CompiledNetwork(network(), backend="eager")
    frames = ModelInput(torch.rand(3, 1, 8, 8))
    with torch.inference_mode():
        compiled(frames[:1])
        assert compiled.is_compiled is None
        compiled(frames[:1])  # where frames come one by one, the second is worth it
        assert compiled.is_compiled is True
