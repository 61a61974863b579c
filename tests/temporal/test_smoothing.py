"""Exponential smoothing: its definition, its independence of batches, and cuts."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage import data

from vidcolor.temporal import AbSmoother, CutDetector

GREY = torch.empty(0)
"""Lightness, which this smoother doesn't look at."""


def _frames(count: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(count, 2, 6, 8, generator=torch.Generator().manual_seed(seed)) * 20


def _times(count: int, fps: float) -> list[float]:
    return [i / fps for i in range(count)]


def test_smoothing_is_the_weighted_mean_since_the_cut() -> None:
    ab, tau, fps = _frames(30), 0.2, 24.0
    cuts = [i == 12 for i in range(30)]
    got = AbSmoother(tau).push(GREY, ab, _times(30, fps), cuts)
    for last in (0, 5, 11, 12, 29):
        first = 12 if last >= 12 else 0
        weights = np.array([math.exp(-(last - i) / fps / tau) for i in range(first, last + 1)])
        want = np.tensordot(weights / weights.sum(), ab[first : last + 1].numpy(), axes=1)
        # float32 sums of thirty terms of size 20.
        assert np.abs(got[last].numpy() - want).max() < 1e-4


@pytest.mark.parametrize("sizes", [[30], [1] * 30, [7, 7, 7, 9], [29, 1]])
def test_batch_size_never_changes_what_comes_out(sizes: list[int]) -> None:
    ab, times = _frames(30), _times(30, 18.0)
    cuts = [i in (9, 10, 21) for i in range(30)]
    whole = AbSmoother(0.3).push(GREY, ab, times, cuts)
    smoother, parts, at = AbSmoother(0.3), [], 0
    for size in sizes:
        span = slice(at, at + size)
        parts.append(smoother.push(GREY, ab[span], times[span], cuts[span]))
        at += size
    assert torch.equal(torch.cat(parts), whole)


def test_zero_is_exactly_per_frame() -> None:
    ab = _frames(5)
    assert AbSmoother(0.0).push(GREY, ab, _times(5, 25), [False] * 5) is ab


def test_time_constant_means_the_same_at_any_frame_rate() -> None:
    """A step of colour is followed equally far after 0.2 s at 16 and at 60 frames per second."""
    levels = []
    for fps in (16.0, 60.0):
        before, after = int(3 * fps), round(0.2 * fps)
        ab = torch.cat((torch.zeros(before, 2, 1, 1), torch.full((after, 2, 1, 1), 10.0)))
        out = AbSmoother(0.2).push(GREY, ab, _times(len(ab), fps), [False] * len(ab))
        levels.append(float(out[-1, 0, 0, 0]))
    # Whole frames: at 16 fps the last one lies 0.1875 s after the step, which is 2.5 % off.
    assert levels[0] == pytest.approx(levels[1], rel=0.04)
    assert levels[1] == pytest.approx(10 * (1 - math.exp(-1)), rel=0.02)


def test_a_cut_forgets_the_past() -> None:
    ab = _frames(4)
    out = AbSmoother(5.0).push(GREY, ab, _times(4, 25), [False, False, True, False])
    assert torch.equal(out[2], ab[2])


def _shots() -> list[torch.Tensor]:
    names = ("astronaut", "coffee", "chelsea", "rocket")
    greys = [torch.from_numpy(getattr(data, n)().mean(axis=2)).float() / 255 for n in names]
    return [g[:300, :400].unsqueeze(0).unsqueeze(0) for g in greys]


def _film(shot: torch.Tensor, count: int, seed: int) -> list[torch.Tensor]:
    """A slow pan with grain and strong flicker of exposure."""
    rng = np.random.default_rng(seed)
    frames = []
    for i in range(count):
        gain = float(rng.uniform(0.7, 1.1))
        grain = torch.from_numpy(rng.normal(0, 0.04, (1, 1, 200, 280))).float()
        frames.append((shot[..., i : i + 200, 2 * i : 2 * i + 280] * gain + grain).clamp(0, 1))
    return frames


def test_cuts_are_found_and_exposure_flicker_is_none() -> None:
    film = [frame for n, shot in enumerate(_shots()) for frame in _film(shot, 24, n)]
    detector = CutDetector()
    found = [
        cut
        for start in range(0, len(film), 7)
        for cut in detector.push(torch.cat(film[start : start + 7]))
    ]
    assert [i for i, cut in enumerate(found) if cut] == [24, 48, 72]


def test_black_frames_and_slow_fades_are_no_cuts() -> None:
    shot = _shots()[0][..., :200, :280]
    fade = torch.cat([shot * level for level in np.linspace(1, 0, 25)] + [shot * 0] * 5)
    assert not any(CutDetector().push(fade))
