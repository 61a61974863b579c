"""Colours carried from key frames: where they land, which frames are keys, what waits."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from skimage import data
from torch import Tensor

from vidcolor.color import rgb_to_lab
from vidcolor.models.contract import ModelInput, Prediction
from vidcolor.temporal.carry import carry_back, carry_on, neighbour
from vidcolor.temporal.flow import FlowEstimator, confidence, warp
from vidcolor.temporal.sparse import ColoredFrames, SparseColoring, contrast

HEIGHT, WIDTH = 128, 192


def _photo(name: str) -> tuple[Tensor, Tensor]:
    rgb = torch.from_numpy(getattr(data, name)()).permute(2, 0, 1)[None].float() / 255
    lab = rgb_to_lab(rgb)
    return lab[:, :1] / 100, lab[:, 1:]


def _pan(name: str, count: int, step: int, *, coarser: int = 4) -> tuple[Tensor, Tensor]:
    """A camera that pans over a photo: lightness ``(N, 1, h, w)``, and true ab, coarser."""
    lightness, ab = _photo(name)
    cuts = [slice(20 + n * step, 20 + n * step + WIDTH) for n in range(count)]
    seen = torch.cat([lightness[..., 60 : 60 + HEIGHT, at] for at in cuts])
    true = torch.cat([ab[..., 60 : 60 + HEIGHT, at] for at in cuts])
    return seen, F.avg_pool2d(true, coarser)


class _Truth:
    """Stands where the network does, and gives frames their true colours; counts them."""

    def __init__(self, lightness: Tensor, ab: Tensor) -> None:
        self.lightness, self.ab, self.asked = lightness, ab, list[int]()

    def __call__(self, inputs: ModelInput) -> Prediction:
        found = [
            next(n for n, known in enumerate(self.lightness) if torch.equal(known, one))
            for one in inputs.lightness
        ]
        self.asked += found
        return Prediction(self.ab[found])


def _run(
    seen: Tensor, truth: _Truth, every: int | None, *, cuts: tuple[int, ...] = (),
    batches: tuple[int, ...] = (), longest: int = 12,
) -> Tensor:  # fmt: skip
    sparse, parts, at = SparseColoring(truth, every, longest=longest), list[ColoredFrames](), 0
    for size in batches or (len(seen),):
        numbers = range(at, at + size)
        times = [n / 24 for n in numbers]
        inputs = ModelInput(seen[at : at + size])
        parts.append(sparse.push(inputs, times, [n in cuts for n in numbers]))
        at += size
        assert sparse.waiting < longest
    parts.append(sparse.flush())
    lightness = torch.cat([p.lightness for p in parts if p.seconds])
    assert torch.equal(lightness, seen), "frames come out in another order"
    assert [t for p in parts for t in p.seconds] == [n / 24 for n in range(len(seen))]
    assert [n for n, cut in enumerate(c for p in parts for c in p.cuts) if cut] == list(cuts)
    return torch.cat([p.ab for p in parts if p.seconds])


@pytest.mark.parametrize("coarser", [4, 1])
def test_colours_follow_a_pan_from_both_sides(coarser: int) -> None:
    """Networks give ab at a quarter of their input (compact), or at all of it (DeOldify)."""
    seen, true = _pan("astronaut", 9, 4, coarser=coarser)
    truth = _Truth(seen, true)
    carried = _run(seen, truth, 8)
    assert truth.asked == [0, 8]
    error = (carried - true)[1:8].abs().mean(dim=(1, 2, 3))
    still = (true[[0, 0, 0, 0, 8, 8, 8]] - true[1:8]).abs().mean(dim=(1, 2, 3))
    # Worst in the middle: 16 px from either key, 4 px of ab's grid, half a pixel of flow's error.
    assert (error < 0.4 * still).all()
    assert error.max() < 3.0


def test_what_one_key_hides_the_other_shows() -> None:
    """A disc crosses the picture: behind it, colours come from the key where it isn't."""
    lightness, ab = _photo("coffee")
    ground, ground_ab = lightness[..., :HEIGHT, :WIDTH], ab[..., :HEIGHT, :WIDTH]
    rows = torch.arange(HEIGHT)[:, None] - 64
    texture = torch.rand(1, 1, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(3)) * 0.2
    frames, colors, discs = [], [], []
    for n in range(7):
        disc = (rows.square() + (torch.arange(WIDTH)[None] - 60 - 10 * n).square()) < 24**2
        moved = torch.roll(F.avg_pool2d(texture, 5, 1, 2), 10 * n, dims=3) + 0.75
        frames.append(torch.where(disc, moved, ground))
        colors.append(torch.where(disc, torch.tensor(60.0), ground_ab))
        discs.append(disc)
    seen, true = torch.cat(frames), F.avg_pool2d(torch.cat(colors), 4)
    carried = _run(seen, _Truth(seen, true), 6)
    uncovered = F.avg_pool2d((discs[0] & ~discs[3]).float()[None, None], 4)[0, 0] == 1
    wash = (carried[3] - true[3])[:, uncovered].abs().mean()
    # 2.4; from the first key alone 4.4, and 21 if nothing were carried.
    assert wash < 3.4, "the disc's colour of 60 stays where it was"


def test_chains_agree_with_the_motion_they_are_made_of() -> None:
    seen, _ = _pan("rocket", 6, 3)
    flow, frames = FlowEstimator(), []
    for n, one in enumerate(seen):
        frames.append(neighbour(flow, seen[n - 1] if n else None, one, (HEIGHT // 4, WIDTH // 4)))
    inside = (slice(None), slice(6, -6), slice(10, -10))
    # 3 px to the left per frame; a quarter of it on ab's grid.
    for found, ends in ((carry_on(frames), 0), (carry_back(frames), 5)):
        for n, way in enumerate(found):
            want = torch.tensor([(n - ends) * 0.75, 0.0])
            assert (way.to_key[inside].mean(dim=(1, 2)) - want).abs().max() < 0.25
            assert (way.from_key[inside].mean(dim=(1, 2)) + want).abs().max() < 0.25
            shown = warp(frames[ends].small, way.to_key)
            assert (shown - frames[n].small)[inside].abs().mean() < 0.03


@pytest.mark.parametrize("sizes", [(1,) * 20, (3, 3, 3, 3, 3, 5), (7, 13), (19, 1)])
@pytest.mark.parametrize("every", [4, None])
def test_batches_change_nothing(every: int | None, sizes: tuple[int, ...]) -> None:
    first, first_ab = _pan("astronaut", 11, 3)
    second, second_ab = _pan("coffee", 9, 2)
    seen, true = torch.cat((first, second)), torch.cat((first_ab, second_ab))
    whole, parts = _Truth(seen, true), _Truth(seen, true)
    expected = _run(seen, whole, every, cuts=(11,))
    assert torch.equal(_run(seen, parts, every, cuts=(11,), batches=sizes), expected)
    assert sorted(parts.asked) == sorted(whole.asked)


def test_every_nth_frame_since_the_cut_is_a_key_and_a_shots_last() -> None:
    seen, true = _pan("astronaut", 14, 2)
    truth = _Truth(seen, true)
    _run(seen, truth, 4, cuts=(6, 7))
    # 5 is next to a key, 13 is not
    assert sorted(truth.asked) == [0, 4, 6, 7, 11, 13]


def test_auto_needs_few_keys_where_nothing_moves_and_many_where_nothing_stays() -> None:
    light, ab = _photo("astronaut")
    still = light[..., :HEIGHT, :WIDTH].repeat(30, 1, 1, 1)
    colors = F.avg_pool2d(ab[..., :HEIGHT, :WIDTH], 4).repeat(30, 1, 1, 1)
    grain = torch.randn(still.shape, generator=torch.Generator().manual_seed(1)) * 0.02
    quiet = (still + grain).clamp(0, 1)
    calm = _Truth(quiet, colors)
    _run(quiet, calm, None)
    assert sorted(calm.asked) == [0, 12, 24, 29]
    noise = torch.rand(9, 1, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(2))
    wild = _Truth(noise, colors)
    _run(noise, wild, None)
    assert sorted(wild.asked) == list(range(9))
    # Where all is of one colour nothing can be carried astray.
    plain = _Truth(noise, torch.full_like(colors, 20.0))
    _run(noise, plain, None)
    assert plain.asked == [0, 8]


@pytest.mark.parametrize("every", [4, None])
def test_a_shot_ends_with_colours_of_its_own(every: int | None) -> None:
    """A spot too small for auto's mean over the frame closes at a shot's end (a mouth, say)."""
    light, ab = _photo("astronaut")
    seen = light[..., :HEIGHT, :WIDTH].repeat(8, 1, 1, 1)
    colors = torch.full((8, 2, HEIGHT // 4, WIDTH // 4), 20.0)
    spot = (slice(60, 64), slice(80, 88))
    seen[:6, :, *spot] = 0.05
    colors[:6, :, 15, 20:22] = -10.0
    carried = _run(seen, _Truth(seen, colors), every)
    assert torch.equal(carried[-1], colors[-1])


@pytest.mark.parametrize("size", [(56, 96), (336, 336)])
def test_contrast_is_where_colours_meet_whatever_the_grid(size: tuple[int, int]) -> None:
    ab = torch.zeros(2, *size)
    ab[:, :, size[1] // 2 :] = 30.0
    found = contrast(ab)[0]
    assert found[:, : size[1] // 4].max() < 1e-3
    # On the edge a box holds both colours, sqrt(2) * 15 from their mean; the box averages it once
    # more over nine columns, of which the outer ones lie farther from the edge.
    assert 8.0 < float(found[:, size[1] // 2].mean()) < 15 * 2**0.5


def test_a_film_without_frames_gives_none() -> None:
    sparse = SparseColoring(_Truth(torch.empty(0), torch.empty(0)), 4, longest=8)
    assert sparse.flush().seconds == []


class _Motion(FlowEstimator):
    """Finds the same flow everywhere: so far to the right, and so much less far back."""

    def __init__(self, error_px: float) -> None:
        super().__init__()
        self._found, self._error_px = 0, error_px

    def __call__(self, first: Tensor, second: Tensor) -> Tensor:  # noqa: ARG002
        self._found += 1
        flow = torch.zeros(2, *first.shape[-2:])
        flow[0] = -4.0 if self._found % 2 else 4.0 - self._error_px
        return flow


@pytest.mark.parametrize("error_px", [0.0, 0.5, 1.0, 2.0])
def test_the_same_motion_is_trusted_as_much_on_the_coarser_grid(error_px: float) -> None:
    lightness = torch.full((2, 1, 192, 256), 0.5)
    flow = _Motion(error_px)
    back, ahead = flow(lightness[1], lightness[0]), flow(lightness[0], lightness[1])
    fine = confidence(lightness[1], lightness[0], back, ahead)
    small = (48, 64)
    frames = [
        neighbour(_Motion(error_px), before, after, small)
        for before, after in ((None, lightness[0]), (lightness[0], lightness[1]))
    ]
    coarse = carry_on(frames)[1].trust
    # Trust falls over 4 px at the left border: one pixel of the coarse grid, and its neighbours.
    inner, inner_coarse = fine[..., 12:], coarse[..., 3:]
    assert float(inner_coarse.mean()) == pytest.approx(float(inner.mean()), abs=0.02)
    assert float(inner.mean()) == pytest.approx(
        {0.0: 1, 0.5: 1, 1.0: 0.36, 2.0: 0.01}[error_px], abs=0.1
    )
