"""Smoothing along motion: truer than what goes in, anew after cuts, the same in any batches."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage import data

from vidcolor.temporal import AbSmoother, CutDetector, Smoother
from vidcolor.temporal.motion import MotionSmoother

FPS = 25.0
SIDE, COARSE = 128, 32


def _lab_like(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """A picture's lightness ``(1, H, W)`` and two planes of colour in the range of ab."""
    rgb = torch.from_numpy(getattr(data, name)()[..., :3]).float().permute(2, 0, 1) / 255
    red, green, blue = rgb
    return rgb.mean(dim=0, keepdim=True), 80 * torch.stack((red - green, (red + green) / 2 - blue))


def _pan(name: str, count: int, *, speed: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """A camera that moves over a picture: lightness ``(N, 1, S, S)``, true ab at a quarter."""
    lightness, ab = _lab_like(name)
    spans = [slice(speed * i, speed * i + SIDE) for i in range(count)]
    seen = torch.stack([lightness[:, 100 : 100 + SIDE, span] for span in spans])
    true = torch.stack([ab[:, 100 : 100 + SIDE, span] for span in spans])
    return seen, F.avg_pool2d(true, SIDE // COARSE)


def _flicker(ab: torch.Tensor, seed: int = 3, size: float = 8.0) -> torch.Tensor:
    """Add noise that is smooth over the picture and new in each frame."""
    coarse = torch.randn(len(ab), 2, 4, 4, generator=torch.Generator().manual_seed(seed))
    return ab + size * F.interpolate(coarse, size=ab.shape[-2:], mode="bilinear")


def _times(count: int) -> list[float]:
    return [i / FPS for i in range(count)]


def _run(
    smoother: Smoother,
    seen: torch.Tensor,
    ab: torch.Tensor,
    cuts: Sequence[int] = (),
    sizes: Sequence[int] | None = None,
) -> torch.Tensor:
    parts, at = [], 0
    for size in sizes or [len(ab)]:
        span = slice(at, at + size)
        flags = [i in cuts for i in range(at, at + size)]
        parts.append(smoother.push(seen[span], ab[span], _times(len(ab))[span], flags))
        at += size
    return torch.cat([part for part in (*parts, smoother.flush()) if len(part)])


def _error(ab: torch.Tensor, true: torch.Tensor) -> float:
    return float((ab - true).norm(dim=1).mean())


def test_under_motion_flicker_goes_and_colours_stay_with_their_things() -> None:
    seen, true = _pan("astronaut", 24)
    noisy = _flicker(true)
    ours = _run(MotionSmoother(2.0), seen, noisy)
    plain = _run(AbSmoother(2.0), seen, noisy)
    assert ours.shape == noisy.shape
    # 24 draws of noise average to a fifth; frames at the ends see fewer, borders see none.
    assert _error(ours, true) < 0.45 * _error(noisy, true)
    # Without motion the mean smears: the reason for all this.
    assert _error(ours, true) < 0.6 * _error(plain, true)


def test_what_appears_from_behind_has_its_own_colour_at_once() -> None:
    """A red patch moves 4 pixels a frame over blue ground; what it uncovers must be blue."""
    ground, patch = _lab_like("coffee")[0][:, :SIDE, :SIDE], _lab_like("astronaut")[0]
    seen, ab = [], []
    for i in range(12):
        left = 16 + 4 * i
        frame, colour = ground.clone(), torch.tensor([0.0, -30.0]).view(2, 1, 1).expand(2, 128, 128)
        colour = colour.clone()
        frame[:, 40:88, left : left + 48] = patch[:, 60:108, 200:248]
        colour[:, 40:88, left : left + 48] = torch.tensor([40.0, 20.0]).view(2, 1, 1)
        seen.append(frame)
        ab.append(F.avg_pool2d(colour, 4))
    got = _run(MotionSmoother(2.0), torch.stack(seen), torch.stack(ab))
    for i in range(3, 12):
        uncovered = got[i, :, 12:20, 4 + i - 3 : 4 + i - 1]  # left free one to three frames ago
        # Red on blue would be 64 away; flow's edges are soft over a few pixels.
        assert (uncovered - torch.tensor([0.0, -30.0]).view(2, 1, 1)).norm(dim=0).mean() < 8
        inside = got[i, :, 12:20, 4 + i + 3 : 4 + i + 9]
        assert (inside - torch.tensor([40.0, 20.0]).view(2, 1, 1)).norm(dim=0).mean() < 8


def test_where_the_network_hesitates_the_usual_colour_counts_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One frame in five has the other of two plausible colours."""
    seen, _ = _pan("astronaut", 18)
    usual, other = (torch.tensor(ab).view(2, 1, 1) for ab in ([40.0, 20.0], [-20.0, 30.0]))
    ab = torch.stack([other if i % 5 == 2 else usual for i in range(18)])
    ab = ab.expand(18, 2, COARSE, COARSE)
    ours = _run(MotionSmoother(2.0), seen, ab)
    monkeypatch.setattr("vidcolor.temporal.motion._APART", 1e9)  # the plain mean
    plain = _run(MotionSmoother(2.0), seen, ab)
    # Borders aside, where nothing is known of neighbours. The first frames can't tell which colour
    # is the odd one, so a part of the mud stays: 8.8 for 10.6 units, 7.3 for 10.8 where it flipped.
    away, away_plain = (
        (x - usual).norm(dim=1)[:, 8:24, 8:24].mean(dim=(1, 2)) for x in (ours, plain)
    )
    assert away.mean() < 0.9 * away_plain.mean()
    assert away[2::5].mean() < 0.8 * away_plain[2::5].mean()


def test_a_cut_ends_past_and_future() -> None:
    first, ab_first = _pan("astronaut", 9)
    second, ab_second = _pan("coffee", 9)
    seen, ab = torch.cat((first, second)), _flicker(torch.cat((ab_first, ab_second)))
    both = _run(MotionSmoother(2.0), seen, ab, cuts=[9])
    alone = [_run(MotionSmoother(2.0), seen[s], ab[s]) for s in (slice(0, 9), slice(9, 18))]
    assert torch.equal(both, torch.cat(alone))


@pytest.mark.parametrize("sizes", [[1] * 23, [7, 7, 9], [22, 1]])
def test_batch_size_never_changes_what_comes_out(sizes: list[int]) -> None:
    seen, true = _pan("astronaut", 23)
    ab = _flicker(true)
    settings = {"look_ahead_frames": 6}
    whole = _run(MotionSmoother(1.0, **settings), seen, ab, cuts=[4, 5])
    assert torch.equal(_run(MotionSmoother(1.0, **settings), seen, ab, [4, 5], sizes), whole)


@pytest.mark.parametrize("frames", [0, 1, 5, 16])
def test_no_more_frames_wait_than_allowed(frames: int) -> None:
    seen, ab = _pan("astronaut", 20)
    smoother, given = MotionSmoother(1.0, look_ahead_frames=frames), 0
    for i in range(20):
        given += len(smoother.push(seen[i : i + 1], ab[i : i + 1], [i / FPS], [False]))
        assert i + 1 - given <= frames
    assert given + len(smoother.flush()) == 20
    assert len(smoother.flush()) == 0


def test_look_ahead_is_bounded_in_seconds_too() -> None:
    """A slide show: one frame in five seconds must not wait for 48 others."""
    seen, ab = _pan("astronaut", 6)
    smoother, given = MotionSmoother(1.0, look_ahead_s=1.0), 0
    for i in range(6):
        given += len(smoother.push(seen[i : i + 1], ab[i : i + 1], [5.0 * i], [False]))
        assert i + 1 - given <= 1


def test_zero_is_exactly_per_frame() -> None:
    seen, ab = _pan("astronaut", 3)
    smoother = MotionSmoother(0.0)
    assert smoother.push(seen, ab, _times(3), [False] * 3) is ab
    assert len(smoother.flush()) == 0


def test_a_still_picture_gives_the_mean_of_past_and_future_by_real_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vidcolor.temporal.motion._APART", 1e9)  # none of these levels is odd
    lightness = _lab_like("astronaut")[0][None, :, :SIDE, :SIDE].expand(9, 1, SIDE, SIDE)
    # Few enough to wait together, of one hue: so no chroma is lost, and none given back.
    levels = torch.tensor([10.0, 14, 9, 30, 12, 11, 18, 10, 16])
    ab = levels.view(-1, 1, 1, 1).expand(9, 2, COARSE, COARSE)
    got = _run(MotionSmoother(0.1), lightness, ab)
    for i, j in itertools.product((0, 4, 8), (3, 16)):
        weights = np.array([math.exp(-abs(i - k) / FPS / 0.1) for k in range(9)])
        want = float((weights * levels.numpy()).sum() / weights.sum())
        # Flow of a still picture is not zero to the last digit, nor trust one.
        assert float(got[i, 0, j, j]) == pytest.approx(want, rel=0.02)


def test_chroma_that_averaging_takes_is_given_back_without_flicker() -> None:
    """Two hues in turn: their mean is paler than both; brightness of colour must not jump."""
    lightness = _lab_like("astronaut")[0][None, :, :SIDE, :SIDE].expand(20, 1, SIDE, SIDE)
    hues = torch.tensor([[20.0, 0.0], [14.0, 14.0]])
    ab = hues[torch.arange(20) % 2].view(20, 2, 1, 1).expand(20, 2, COARSE, COARSE)
    chroma = _run(MotionSmoother(2.0), lightness, ab).norm(dim=1).mean(dim=(1, 2))
    assert float(chroma.mean()) > 0.97 * float(ab.norm(dim=1).mean())
    assert float((chroma[1:] - chroma[:-1]).abs().max()) < 0.3


def test_a_change_of_size_begins_anew() -> None:
    seen, ab = _pan("astronaut", 4)
    smoother = MotionSmoother(1.0)
    assert len(smoother.push(seen, ab, _times(4), [False] * 4)) == 0
    small = smoother.push(seen[..., :64], ab[..., :16], [0.2, 0.24, 0.28, 0.32], [False] * 4)
    assert small.shape[-1] == COARSE
    assert smoother.flush().shape == (4, 2, COARSE, 16)


def test_flicker_of_exposure_does_not_stop_it() -> None:
    """Exposure that jumps by a fifth is the normal state of old film."""
    seen, true = _pan("astronaut", 16)
    gains = torch.tensor([1.0, 0.8] * 8).view(-1, 1, 1, 1)
    noisy = _flicker(true)
    assert not any(CutDetector().push(seen * gains))
    steady = _error(_run(MotionSmoother(2.0), seen, noisy), true)
    assert _error(_run(MotionSmoother(2.0), seen * gains, noisy), true) < 1.25 * steady


def test_nothing_jumps_where_one_window_ends() -> None:
    """Nine frames wait, four leave: colours after frames 3, 7, 11 come from another window."""
    lightness = _lab_like("astronaut")[0][None, :, :SIDE, :SIDE].expand(40, 1, SIDE, SIDE)
    ab = _flicker(torch.full((40, 2, COARSE, COARSE), 20.0))
    got = _run(MotionSmoother(2.0, look_ahead_frames=8), lightness, ab)
    steps = (got[1:] - got[:-1]).norm(dim=1).mean(dim=(1, 2))[8:32]
    ends = torch.arange(8, 32) % 4 == 3
    # Without fading it is 18 times; single frames enter and leave at either place.
    assert float(steps[ends].mean()) < 1.6 * float(steps[~ends].mean())


def test_chroma_is_given_back_where_it_was_lost_and_nowhere_else() -> None:
    """Left, colours hold; right, two hues take turns, and their mean is paler than both."""
    lightness = _lab_like("astronaut")[0][None, :, :SIDE, :SIDE].expand(20, 1, SIDE, SIDE)
    hues = torch.tensor([[30.0, 0.0], [20.0, 22.4]])[torch.arange(20) % 2].view(20, 2, 1, 1)
    ab = torch.tensor([20.0, 10.0]).view(1, 2, 1, 1).repeat(20, 1, COARSE, COARSE)
    ab[..., COARSE // 2 :] = hues
    chroma = _run(MotionSmoother(2.0), lightness, ab).norm(dim=1)
    steady, flipping = chroma[..., : COARSE // 2 - 4], chroma[..., COARSE // 2 + 4 :]
    # Half precision of what waits is one in 2,000. One factor for the picture made it 1.04.
    assert float((steady / 500**0.5 - 1).abs().max()) < 2e-3
    # 29.9 and 30; the plain mean has 27.4.
    assert float(flipping.mean()) > 0.985 * 30
