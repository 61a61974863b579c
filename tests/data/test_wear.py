"""Film-like wear: in range, repeatable, and with a mask of its dirt."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from vidcolor.data.wear import film_like
from vidcolor.training.data.augment import lab_of


@pytest.fixture(scope="module")
def plane() -> np.ndarray:
    return lab_of(np.ascontiguousarray(data.astronaut()[:160, 100:260]))[0]


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_values_stay_in_range_and_pictures_stay_recognisable(
    plane: np.ndarray, strength: float
) -> None:
    likeness = []
    for seed in range(60):
        worn = film_like(plane, strength, np.random.default_rng(seed)).lightness
        assert worn.shape == plane.shape
        assert worn.dtype == np.float32
        assert np.isfinite(worn).all()
        assert worn.min() >= 0
        assert worn.max() <= 1
        likeness.append(np.corrcoef(worn.ravel(), plane.ravel())[0, 1])
    # Tone curves, dirt and blur move correlation by tenths; a scrambled picture has none.
    assert np.median(likeness) > 0.9
    assert min(likeness) > 0.5


def test_the_source_is_left_alone_and_chance_is_the_generators(plane: np.ndarray) -> None:
    before = plane.copy()
    a, b = (film_like(plane, 1.0, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(a.lightness, b.lightness)
    assert np.array_equal(a.dirt, b.dirt)
    assert np.array_equal(plane, before)
    assert film_like(plane, 0.0, np.random.default_rng(3)).lightness is plane


def test_stronger_is_worse(plane: np.ndarray) -> None:
    def loss(strength: float) -> float:
        worn = (film_like(plane, strength, np.random.default_rng(s)).lightness for s in range(40))
        return float(np.mean([np.abs(w - plane).mean() for w in worn]))

    assert 0 < loss(0.1) < loss(0.4) < loss(1.0)


def test_pictures_larger_than_the_stored_noise_are_covered() -> None:
    grey = np.full((700, 600), 0.5, np.float32)
    worn = film_like(grey, 1.0, np.random.default_rng(1)).lightness
    assert worn[600:, 520:].std() > 0


def test_the_mask_is_where_dirt_was_drawn() -> None:
    """On white, dark dirt is what is darkest; on black, bright dirt is what is brightest."""
    seen = 0
    for level in (0.0, 1.0):
        flat = np.full((128, 128), level, np.float32)
        for seed in range(80):
            worn = film_like(flat, 1.0, np.random.default_rng(seed))
            assert worn.dirt.shape == flat.shape
            assert worn.dirt.dtype == np.float32
            assert worn.dirt.min() >= 0
            assert worn.dirt.max() <= 1
            inside, outside = worn.dirt > 0.5, worn.dirt == 0
            if inside.sum() < 20:
                continue
            away = np.abs(worn.lightness - np.median(worn.lightness[outside]))
            # A quarter of lightness is beyond grain, vignette and codecs at any strength; dirt of
            # the film's own shade (bright on white) can't be seen.
            if np.median(away[inside]) > 0.25:
                seen += 1
                assert np.quantile(away[outside], 0.98) < 0.25
    assert seen >= 8  # of 160: most have no dirt, little of it, or dirt of their own shade


def test_most_worn_pictures_without_dirt_have_an_empty_mask(plane: np.ndarray) -> None:
    empty = [not film_like(plane, 0.4, np.random.default_rng(s)).dirt.any() for s in range(100)]
    # Dirt comes with a chance of 0.5 * 0.4; of these few draw none.
    assert 70 <= sum(empty) <= 95


def test_misplaced_blocks_take_their_dirt_along() -> None:
    """Blocks that a codec misplaced show another place, and so must the mask."""
    from vidcolor.data.wear import _mpeg

    moved = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        dirt = (rng.random((8, 8)) < 0.3).astype(np.float32).repeat(16, 0).repeat(16, 1)
        before = dirt.copy()
        worn = _mpeg(dirt.copy(), dirt, 1.0, rng)
        moved += not np.array_equal(dirt, before)
        # The mask was the picture: what moved in one moved in the other, but for JPEG ringing.
        assert (np.abs(worn - dirt) > 0.4).mean() < 0.02
    assert moved >= 15
