"""Drawn damage: always the same for a seed, and its mask says where it is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vidcolor.data.damage import damaged, textured
from vidcolor.data.film_damage import dirty_film

Plane = npt.NDArray[np.float32]


def _picture(height: int = 96, width: int = 128) -> Plane:
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.asarray(0.5 + 0.2 * np.sin(rows / 9) + 0.2 * np.cos(columns / 13), np.float32)


def test_same_seed_gives_the_same_damage_and_strength_0_none() -> None:
    whole = _picture()
    one, other = (damaged(whole, 0.8, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.lightness, other.lightness)
    none = damaged(whole, 0.0, np.random.default_rng(5))
    assert np.array_equal(none.lightness, whole)
    assert not none.mask.any()


def test_mask_holds_all_that_changes_visibly_and_little_else() -> None:
    whole = _picture()
    for seed in range(12):
        drawn = damaged(whole, 1.0, np.random.default_rng(seed))
        change = np.abs(drawn.lightness - whole)
        # 0.1 is far above what counts as seen (0.04), so that soft edges are no matter.
        assert (drawn.mask | (change < 0.1)).all()
        assert change[drawn.mask].mean() > 0.05
        assert drawn.lightness.min() >= 0.0
        assert drawn.lightness.max() <= 1.0


def test_texture_covers_the_picture_faintly() -> None:
    whole = _picture()
    change = np.abs(textured(whole, np.random.default_rng(1)) - whole)
    assert change.max() > 0.0
    # 0.03 of grain at four standard deviations
    assert change.max() < 0.12


def test_dust_lasts_one_frame_and_a_scratch_stays() -> None:
    frames = [_picture(240, 320)] * 60
    drawn = list(dirty_film(frames, 3, dust=4.0, scratches=2.0, flicker=0.0))
    for before, now in zip(drawn, drawn[1:], strict=False):
        both = before.dust & now.dust
        assert both.sum() < 0.2 * max(now.dust.sum(), 50)  # specks may lie over each other
    with_lines = [each.scratches.any() for each in drawn]
    runs = "".join("x" if there else " " for there in with_lines).split()
    assert max(map(len, runs)) >= 20  # the shortest that is drawn
    seen = np.abs(drawn[30].lightness - drawn[30].whole) > 0.05
    assert (drawn[30].dust | drawn[30].scratches)[seen].all()
