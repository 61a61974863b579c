"""Flow on real pictures with known motion, warping, and where confidence must be low."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from skimage import data

from vidcolor.errors import DependencyError, WeightsError
from vidcolor.temporal.flow import FlowEstimator, confidence, warp


def _grey(name: str = "astronaut") -> torch.Tensor:
    return torch.from_numpy(getattr(data, name)().mean(axis=2)).float().unsqueeze(0) / 255


def _pair(dx: int, dy: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two windows on one picture; what ``first`` shows at p, ``second`` shows at p + (dx, dy)."""
    whole, size, start = _grey(), 224, 100
    first = whole[:, start : start + size, start : start + size]
    second = whole[:, start - dy : start - dy + size, start - dx : start - dx + size]
    return first, second


def _both(first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    estimate = FlowEstimator()
    return estimate(first, second), estimate(second, first)


@pytest.mark.parametrize("preset", ["ultrafast", "fast", "medium"])
@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (3, 0), (-5, 4), (9, -7)])
def test_a_known_translation_is_found(preset: str, dx: int, dy: int) -> None:
    flow = FlowEstimator(preset=preset)(*_pair(dx, dy))  # type: ignore[arg-type]
    inner = flow[:, 24:-24, 24:-24].flatten(1).median(dim=1).values
    # DIS works on a quarter of the size with these presets: a quarter of a pixel is its grain.
    assert torch.allclose(inner, torch.tensor([dx, dy]).float(), atol=0.25)


def test_warping_by_the_flow_brings_the_second_frame_onto_the_first() -> None:
    first, second = _pair(6, -4)
    moved = warp(second, FlowEstimator()(first, second))
    inner = (slice(None), slice(16, -16), slice(16, -16))
    before = (second - first)[inner].abs().mean()
    # What is left is interpolation of fine texture.
    assert (moved - first)[inner].abs().mean() < 0.15 * before


def test_exposure_does_not_change_the_flow_much() -> None:
    first, second = _pair(5, 3)
    flow = FlowEstimator()(first, second * 0.8 + 0.05)[:, 24:-24, 24:-24]
    off = (flow - torch.tensor([5.0, 3.0])[:, None, None]).norm(dim=0)
    assert off.median() < 0.25


def test_warp_samples_between_pixels_and_replicates_the_border() -> None:
    x = torch.arange(6.0).expand(2, 4, 6).contiguous()
    half = torch.zeros(2, 4, 6)
    half[0] = 0.5
    assert torch.allclose(warp(x, half)[:, :, :5], x[:, :, :5] + 0.5, atol=1e-5)
    assert torch.equal(warp(x, half + 100)[0], torch.full((4, 6), 5.0))
    assert torch.equal(warp(x, torch.zeros(2, 4, 6)), x)


def test_confidence_is_high_where_things_only_move() -> None:
    first, second = _pair(4, 2)
    trust = confidence(first, second, *_both(first, second))
    assert trust.shape == (1, 224, 224)
    assert trust.min() >= 0
    assert trust.max() <= 1
    assert trust[:, 24:-24, 24:-24].mean() > 0.9


def test_confidence_is_low_where_something_comes_out_from_behind() -> None:
    """A patch moves 12 pixels over a still picture: what it uncovers was not there before."""
    ground, patch = _grey("coffee")[:, :224, :224], _grey()[:, 30:130, 180:280]
    frames = []
    for left in (60, 72):
        frame = ground.clone()
        frame[:, 60:160, left : left + 100] = patch
        frames.append(frame)
    before, now = frames
    forward, backward = _both(now, before)
    trust = confidence(now, before, forward, backward)
    assert trust[:, 70:150, 61:70].mean() < 0.3  # uncovered
    assert trust[:, 70:150, 90:150].mean() > 0.85  # the patch itself
    assert trust[:, 180:, :].mean() > 0.9  # still ground


def test_confidence_is_low_where_the_flow_leaves_the_picture() -> None:
    first, second = _pair(-12, 0)
    trust = confidence(first, second, *_both(first, second))
    assert trust[:, 20:-20, :6].mean() < 0.2
    assert trust[:, 20:-20, 30:-30].mean() > 0.9


def test_confidence_is_low_between_different_pictures_and_high_under_flicker() -> None:
    first, second = _pair(2, 1)
    other = _grey("coffee")[:, :224, :224]
    assert confidence(first, other, *_both(first, other)).mean() < 0.3
    flicker = second * 0.85 + 0.02
    assert confidence(first, flicker, *_both(first, flicker))[:, 24:-24, 24:-24].mean() > 0.8


@pytest.mark.parametrize("size", [(1, 1), (8, 40), (30, 16)])
def test_tiny_pictures_are_no_trouble(size: tuple[int, int]) -> None:
    frame = torch.rand(1, *size, generator=torch.Generator().manual_seed(0))
    forward = FlowEstimator()(frame, frame)
    assert forward.shape == (2, *size)
    assert confidence(frame, frame, forward, forward).shape == (1, *size)


def test_raft_without_torchvision_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(DependencyError, match="pip install torchvision"):
        FlowEstimator("raft", weights=Path("raft.pth"))


def _optical_flow() -> Any:  # noqa: ANN401 - a module that may be missing
    try:
        from torchvision.models import optical_flow
    except (ImportError, RuntimeError):
        pytest.skip("RAFT is optional, and torchvision isn't here or was built for another torch")
    return optical_flow


def test_raft_wants_weights_that_fit(tmp_path: Path) -> None:
    _optical_flow()
    wrong = tmp_path / "wrong.pth"
    wrong.write_bytes(b"no weights")
    for weights in (None, wrong):
        with pytest.raises(WeightsError, match="RAFT needs|not torchvision's"):
            FlowEstimator("raft", weights=weights)


def test_raft_runs_from_a_file_of_weights(tmp_path: Path) -> None:
    networks = _optical_flow()
    torch.save(networks.raft_small(weights=None).state_dict(), tmp_path / "small.pth")
    first, second = (frame[:, :60, :100] for frame in _pair(2, 1))
    # Untrained, so only that it runs, on pictures smaller than RAFT takes, and keeps their size.
    flow = FlowEstimator("raft", weights=tmp_path / "small.pth")(first, second)
    assert flow.shape == (2, 60, 100)
    assert flow.dtype == torch.float32
    assert flow.isfinite().all()
