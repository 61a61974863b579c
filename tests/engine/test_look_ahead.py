"""Colours that come late: order, bounds, cuts and ends, on real film."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from engine_films import Middle
from torch import Tensor

import vidcolor
from vidcolor import ColorizeOptions
from vidcolor.engine.run.sources import open_source
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ModelInput, Prediction
from vidcolor.types import LumaFrame

MEDIA = Path(__file__).resolve().parents[2] / "../shared/media/color_video"
WAYS = [("ema", 4), ("ema", "auto"), ("motion", 1), ("motion", 3), ("motion", "auto")]
LOOK_AHEAD = 16


class OneAtATime(Colorizer):
    """The shipped network, one frame per call: larger batches round float32 differently."""

    def forward(self, inputs: ModelInput) -> Prediction:
        """As ``Colorizer``."""
        alone = [super(OneAtATime, self).forward(one) for one in inputs.split(len(inputs))]
        return Prediction.concatenate(alone)


@pytest.fixture(scope="module")
def model() -> Colorizer:
    """The shipped network in float32."""
    loaded = vidcolor.load_model("compact", "cpu", "fp32")
    return OneAtATime(
        loaded.network,
        loaded.spec,
        label="compact",
        device=loaded.device,
        dtype=loaded.dtype,
        finishing=loaded.finishing,
    )


def _frames(name: str, count: int) -> list[LumaFrame]:
    path = MEDIA / name
    if not path.is_file():
        pytest.skip("../shared isn't there: this test needs real footage that isn't shipped")
    found: list[LumaFrame] = []
    with open_source(path, ColorizeOptions()) as source:
        for item in source:
            if isinstance(item, LumaFrame):
                found.append(item)
            if len(found) == count:
                break
    return found


@pytest.fixture(scope="module")
def film() -> list[LumaFrame]:
    """Ten frames of a running dog, a cut, and nine of a camel: 24 frames per second."""
    frames = _frames("davis_dog.mp4", 10) + _frames("davis_camel.mp4", 9)
    unit = frames[0].time_base
    step = round(1 / 24 / unit)
    return [dataclasses.replace(f, pts=n * step, time_base=unit) for n, f in enumerate(frames)]


def _middle(model: Colorizer, way: tuple[str, object], batch_size: int = 8) -> Middle:
    options = ColorizeOptions(stabilize=way[0], every=way[1])  # type: ignore[arg-type]
    return Middle(model, options, look_ahead=LOOK_AHEAD, batch_size=batch_size)


def _color(
    model: Colorizer, frames: Sequence[LumaFrame], way: tuple[str, object], batch_size: int = 8
) -> Tensor:
    return _middle(model, way, batch_size).all(frames, batch_size)


@pytest.mark.parametrize("way", WAYS)
def test_every_batch_size_gives_the_same_bytes(
    film: list[LumaFrame], model: Colorizer, way: tuple[str, object]
) -> None:
    whole = _color(model, film, way)
    assert len(whole) == len(film)
    for batch_size in (1, 3):
        assert torch.equal(_color(model, film, way, batch_size), whole)


@pytest.mark.parametrize("way", WAYS)
def test_a_cut_inside_the_window_lets_nothing_through(
    film: list[LumaFrame], model: Colorizer, way: tuple[str, object]
) -> None:
    """Each shot looks as if it were a film of its own, and no key frame is shared."""
    joined = _color(model, film, way)
    assert torch.equal(joined[:10], _color(model, film[:10], way))
    # Times since the shot's start: sums of float seconds differ in their last bits.
    assert torch.allclose(joined[10:], _color(model, film[10:], way), atol=1e-3)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_films_shorter_than_the_window_come_out_whole(
    film: list[LumaFrame], model: Colorizer, way: tuple[str, object], count: int
) -> None:
    ab = _color(model, film[:count], way)
    assert len(ab) == count
    assert ab.abs().mean(dim=(1, 2, 3)).min() > 1.0, "a frame is grey"


@pytest.mark.parametrize("way", WAYS)
def test_what_waits_is_bounded(
    film: list[LumaFrame], model: Colorizer, way: tuple[str, object]
) -> None:
    middle, waiting, most = _middle(model, way, batch_size=1), 0, 0
    for frame in film[:10] * 4:  # no cuts but those of the loop
        waiting += 1 - middle.push([frame]).count
        most = max(most, waiting)
    assert most <= LOOK_AHEAD
    assert waiting == sum(colors.count for colors in middle.flush())
    assert most > 0, "nothing ever waited: look-ahead is not tested here"


@pytest.mark.parametrize("every", [1, 4, "auto"])
@pytest.mark.parametrize("stabilize", ["motion", "ema", "off"])
def test_no_smoothing_is_the_same_whatever_the_kind(
    film: list[LumaFrame], model: Colorizer, every: object, stabilize: str
) -> None:
    def color(kind: str, smoothing: float | None) -> Tensor:
        options = ColorizeOptions(stabilize=kind, smoothing=smoothing, every=every)  # type: ignore[arg-type]
        middle = Middle(model, options, look_ahead=LOOK_AHEAD, batch_size=4)
        return middle.all(film[:5], 5)

    assert torch.equal(color(stabilize, 0.0), color("off", None))


def test_carried_colours_are_near_those_of_the_network(
    film: list[LumaFrame], model: Colorizer
) -> None:
    """Keys are the network's own; between them colours follow what moves."""
    own = _color(model, film, ("off", 1))
    carried = _color(model, film, ("off", 4))
    for key in (0, 4, 8, 10, 14, 18):
        assert torch.equal(carried[key], own[key]), key
    held = own[[0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 10, 10, 10, 10, 14, 14, 14, 14, 18]]
    between = [n for n in range(19) if n not in (0, 4, 8, 10, 14, 18)]
    error = (carried - own)[between].abs().mean()
    # Repeating the last key's colours, as if nothing moved, is what carrying has to beat.
    assert error < 0.8 * (held - own)[between].abs().mean()
