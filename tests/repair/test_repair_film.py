"""Dust goes, the scene stays: the filter that repairs films."""

from __future__ import annotations

import numpy as np
import pytest
from repair_films import Codes, marked, scene, speck, through

from vidcolor.repair.film import FilmRepair
from vidcolor.repair.network import Mask
from vidcolor.types import Plane


@pytest.fixture(scope="module")
def clean() -> list[Codes]:
    return scene(9)


def _repaired(frames: list[Plane], *, depth: int = 8) -> tuple[list[Plane], list[Mask]]:
    masks: list[Mask] = []
    filtering = FilmRepair(on_mask=lambda _, mask: masks.append(mask))
    return through(filtering, marked(frames, depth=depth)), masks


def test_dust_is_filled_along_the_motion_and_the_rest_is_kept_exactly(clean: list[Codes]) -> None:
    dirty: list[Plane] = [*clean]
    dirty[4] = speck(speck(clean[4], 30, 60), 80, 100, value=0)
    made, masks = _repaired(dirty)
    assert masks[4][32, 62] and masks[4][82, 102]
    before = np.abs(dirty[4].astype(int) - clean[4])[masks[4]].mean()
    after = np.abs(made[4].astype(int) - clean[4])[masks[4]].mean()
    assert after < 0.1 * before  # two neighbours' mean: only grain and rounding differ
    for luma, source, mask in zip(made, dirty, masks, strict=True):
        assert np.array_equal(luma[~mask], source[~mask])


def test_dust_on_the_first_and_the_last_frame_of_a_shot_goes(clean: list[Codes]) -> None:
    dirty: list[Plane] = [*clean]
    dirty[0], dirty[8] = speck(clean[0], 30, 60), speck(clean[8], 80, 90, value=0)
    made, masks = _repaired(dirty)
    assert masks[0][32, 62] and masks[8][82, 92]
    assert not any(mask.any() for mask in masks[1:8])
    for at in (0, 8):
        before = np.abs(dirty[at].astype(int) - clean[at])[masks[at]].mean()
        after = np.abs(made[at].astype(int) - clean[at])[masks[at]].mean()
        assert after < 0.1 * before  # as above


def test_a_clean_film_stays_as_it_is(clean: list[Codes]) -> None:
    made, masks = _repaired([*clean])
    assert all(np.array_equal(a, b) for a, b in zip(made, clean, strict=True))
    assert not any(mask.any() for mask in masks)


def test_sixteen_bit_codes_are_filled_at_their_own_depth(clean: list[Codes]) -> None:
    deep: list[Plane] = [frame.astype(np.uint16) * 4 + 1 for frame in clean]
    dirty = [*deep]
    dirty[4] = speck(deep[4], 30, 60, value=1023)
    made, masks = _repaired(dirty, depth=10)
    assert made[4].dtype == np.uint16
    inside = masks[4]
    assert inside[32, 62]
    # Within 5 % of the range: the scene's own detail over half a frame's motion.
    assert np.abs(made[4][inside].astype(int) - deep[4][inside]).mean() < 51


def test_a_thing_that_flies_past_stays(clean: list[Codes]) -> None:
    flying: list[Plane] = [speck(frame, 50, 20 + 12 * at, side=6) for at, frame in enumerate(clean)]
    _, masks = _repaired(flying)
    touched = [mask[50:56, 20 + 12 * at : 26 + 12 * at].mean() for at, mask in enumerate(masks)]
    assert np.mean(touched) < 0.2


def test_a_flash_and_a_subtitle_stay(clean: list[Codes]) -> None:
    frames: list[Plane] = [*clean]
    frames[3] = np.minimum(clean[3].astype(int) + 60, 255).astype(np.uint8)
    for at in range(5, 9):
        frames[at] = speck(speck(clean[at], 100, 40, side=6), 100, 60, side=6)
    made, _ = _repaired(frames)
    assert all(np.array_equal(a, b) for a, b in zip(made, frames, strict=True))


def test_dust_on_a_frame_that_is_shown_twice_is_no_thing_of_the_scene(clean: list[Codes]) -> None:
    dirty = speck(clean[4], 30, 60)
    frames: list[Plane] = [*clean[:4], dirty, dirty, *clean[5:]]
    made, masks = _repaired(frames)
    assert masks[4][32, 62] and masks[5][32, 62]
    assert np.array_equal(made[4], made[5])


def test_batches_and_the_begin_of_a_span_dont_matter(clean: list[Codes]) -> None:
    dirty: list[Plane] = [*clean]
    for at, (row, column) in enumerate([(20, 30), (40, 90), (60, 50), (70, 120)], start=3):
        dirty[at] = speck(clean[at], row, column)
    whole = through(FilmRepair(), marked(dirty))
    single, filtering = list[Plane](), FilmRepair()
    for frame in marked(dirty):
        single += [each.frame.luma for each in filtering.push([frame])]
    single += [each.frame.luma for each in filtering.flush()]
    assert all(np.array_equal(a, b) for a, b in zip(whole, single, strict=True))
    first = 5 - FilmRepair.memory_frames
    span = through(FilmRepair(), marked(dirty)[first:])
    assert all(np.array_equal(a, b) for a, b in zip(whole[5:], span[5 - first :], strict=True))
