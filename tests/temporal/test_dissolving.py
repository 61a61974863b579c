"""Dissolves get the mix of both shots' colours, whatever the network made of them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from skimage import data

from vidcolor.color import grey_to_lightness, lab_to_rgb, lightness_to_grey, rgb_to_lab
from vidcolor.temporal import PerFrame
from vidcolor.temporal.blend import find_blend
from vidcolor.temporal.dissolving import REACH_FRAMES, DissolveSmoother
from vidcolor.temporal.motion import MotionSmoother

FRAMES, LAST, FIRST, MIDDLE = 70, 25, 45, 36
"""Of the film; of the dissolve: the last frame before it, the first behind it, its middle."""
FPS = 24.0


def _shot(name: str, pace: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A pan over a photograph, ``1 / pace`` pixels a frame: lightness and its own ab, a quarter."""
    rgb = torch.from_numpy(getattr(data, name)()[..., :3]).float().permute(2, 0, 1)[None] / 255
    lab = rgb_to_lab(F.interpolate(rgb, size=(144, 224), mode="area"))[0]
    parts = [lab[:, 36:108, 20 + n // pace : 148 + n // pace] for n in range(FRAMES)]
    return torch.stack(parts)[:, :1] / 100.0, torch.stack([F.avg_pool2d(p[1:], 4) for p in parts])


def _film(last: int, first: int, *, is_soft: bool = False) -> tuple[torch.Tensor, ...]:
    """Lightness of a film with a dissolve, the network's ab, and the true ab."""
    (old_l, old_ab), (new_l, new_ab) = _shot("astronaut", 2), _shot("coffee", 3)
    share = ((torch.arange(FRAMES) - last) / (first - last)).clamp(0.0, 1.0)
    share = share * share * (3.0 - 2.0 * share) if is_soft else share
    share = share.view(-1, 1, 1, 1).float()
    seen = grey_to_lightness(torch.lerp(lightness_to_grey(old_l), lightness_to_grey(new_l), share))
    pairs = ((old_l, old_ab), (new_l, new_ab))
    old, new = (lab_to_rgb(torch.cat((100.0 * F.avg_pool2d(li, 4), ab), 1)) for li, ab in pairs)
    true = rgb_to_lab(torch.lerp(old, new, share))[:, 1:]
    neither = torch.tensor([0.0, -40.0]).view(1, 2, 1, 1)  # the more, the less one shot is stronger
    guessed = torch.lerp(true, neither, (4.0 * share * (1.0 - share)).square())
    return seen, guessed, true


def _run(
    smoother: DissolveSmoother, seen: torch.Tensor, ab: torch.Tensor, middle: int, size: int = 8
) -> torch.Tensor:
    smoother.announce(middle, is_dissolve=True)
    parts = []
    for at in range(0, len(seen), size):
        numbers = range(at, min(at + size, len(seen)))
        seconds, cuts = [n / FPS for n in numbers], [n in (0, middle) for n in numbers]
        parts.append(smoother.push(seen[at : at + size], ab[at : at + size], seconds, cuts))
    return torch.cat([part for part in (*parts, smoother.flush()) if len(part)])


@pytest.mark.parametrize("is_soft", [False, True])
@pytest.mark.parametrize("middle", [MIDDLE - 4, MIDDLE, MIDDLE + 4])
def test_colours_are_those_of_both_shots(middle: int, is_soft: bool) -> None:
    seen, guessed, true = _film(LAST, FIRST, is_soft=is_soft)
    smoother = DissolveSmoother(PerFrame, reach=REACH_FRAMES)
    got = _run(smoother, seen, guessed, middle)
    inside = slice(LAST + 4, FIRST - 2)  # where it begins slowly, a frame or two are the network's
    error, usual = (
        (each[inside] - true[inside]).norm(dim=1).mean(dim=(1, 2)) for each in (got, guessed)
    )
    # parts that come into the picture within the dissolve aren't known from outside it
    assert error.max() < 5.0 < 0.1 * usual.max()
    assert error.mean() < 0.15 * usual.mean()
    # ends are found within two frames, of a soft dissolve later
    outside = [*range(LAST - 1), *range(FIRST + 2, FRAMES)]
    assert torch.equal(got[outside], guessed[outside])
    assert len(smoother.mixed) >= FIRST - LAST - 7


def test_each_shot_is_smoothed_as_if_it_were_alone() -> None:
    seen, guessed, true = _film(LAST, FIRST)
    got = _run(DissolveSmoother(lambda: MotionSmoother(2.0), reach=20), seen, guessed, MIDDLE)
    for part in (slice(0, LAST + 1), slice(FIRST, FRAMES)):
        alone, seconds = MotionSmoother(2.0), [n / FPS for n in range(FRAMES)[part]]
        cuts = [n == part.start for n in range(FRAMES)[part]]
        whole = [alone.push(seen[part], true[part], seconds, cuts), alone.flush()]
        assert torch.equal(got[part], torch.cat([each for each in whole if len(each)]))


@pytest.mark.parametrize("size", [1, 7, 70])
def test_batch_size_never_changes_what_comes_out(size: int) -> None:
    seen, guessed, _ = _film(LAST, FIRST)
    runs = [
        _run(DissolveSmoother(lambda: MotionSmoother(2.0), reach=20), seen, guessed, MIDDLE, each)
        for each in (5, size)
    ]
    assert torch.equal(*runs)


def test_no_more_frames_wait_than_it_says() -> None:
    seen, guessed, _ = _film(LAST, FIRST)
    smoother = DissolveSmoother(lambda: MotionSmoother(2.0, look_ahead_frames=16), reach=15)
    smoother.announce(MIDDLE, is_dissolve=True)
    given = most = 0
    for n in range(FRAMES):
        given += len(smoother.push(seen[n : n + 1], guessed[n : n + 1], [n / FPS], [n == MIDDLE]))
        most = max(most, n + 1 - given)
    assert 16 + 15 < most <= 16 + 3 * 15
    assert given + len(smoother.flush()) == FRAMES


@pytest.mark.parametrize(("last", "first"), [(10, 62), (35, 36)], ids=["long", "a cut"])
def test_what_is_no_whole_dissolve_stays_a_cut(last: int, first: int) -> None:
    seen, guessed, _ = _film(last, first)
    got = _run(DissolveSmoother(PerFrame, reach=20), seen, guessed, MIDDLE)
    assert torch.equal(got, guessed)


def test_a_pan_is_no_dissolve() -> None:
    seen, _ = _shot("chelsea", 1)
    assert find_blend(list(seen[:41]), 20) is None


def test_a_fade_that_was_undone_is_seen_as_it_was() -> None:
    """A dissolve may look like a fade: its mix is that of the frames as they are."""
    seen, guessed, _ = _film(LAST, FIRST)
    whole = _run(DissolveSmoother(PerFrame, reach=20), seen, guessed, MIDDLE)
    smoother, undone = DissolveSmoother(PerFrame, reach=20), seen.clone()
    for n in range(LAST + 3, MIDDLE):
        undone[n] = (seen[n] * 1.3).clamp(max=1.0)
        smoother.announce(n, plain=seen[n])
    assert torch.equal(_run(smoother, undone, guessed, MIDDLE), whole)
