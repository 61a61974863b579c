"""A line that stays while the scene moves is a scratch."""

from __future__ import annotations

import numpy as np
from repair_films import marked, scene, through

from vidcolor.repair.film import FilmRepair
from vidcolor.repair.network import Mask
from vidcolor.repair.scratches import Line, fill_from_sides, find_lines, mask_of, stripes_of
from vidcolor.types import Plane


def test_a_scratch_over_a_moving_scene_is_filled_from_its_sides() -> None:
    clean = scene(9, step_px=3.0)
    dirty: list[Plane] = [frame.copy() for frame in clean]
    for frame in dirty:
        frame[:, 70:72] = 250
    masks: list[Mask] = []
    made = through(FilmRepair(on_mask=lambda _, mask: masks.append(mask)), marked(dirty))
    assert masks[4][:, 70:72].all()
    before = np.abs(dirty[4][:, 70:72].astype(int) - clean[4][:, 70:72]).mean()
    after = np.abs(made[4][:, 70:72].astype(int) - clean[4][:, 70:72]).mean()
    assert after < 0.2 * before  # the scene changes little over four pixels
    assert np.array_equal(made[4][~masks[4]], dirty[4][~masks[4]])


def test_a_line_that_moves_with_the_scene_is_not_asked_for() -> None:
    frames = scene(7, step_px=4.0)
    for at, frame in enumerate(frames):
        frame[:, 100 - 4 * at : 102 - 4 * at] = 250
    around = [stripes_of(frame) for frame in frames]
    assert find_lines(3, around, moves=lambda: True) == []


def test_in_a_still_scene_a_line_may_be_a_thing_and_stays() -> None:
    frames = [scene(1)[0]] * 5
    for frame in frames:
        frame[:, 80:82] = 250
    around = [stripes_of(frame) for frame in frames]
    (line,) = find_lines(2, around, moves=lambda: True)
    assert abs(line.column - 80.5) < 1.0
    assert find_lines(2, around, moves=lambda: False) == []


def test_sides_are_joined_straight_across_a_line() -> None:
    ramp = np.tile(np.arange(0, 160, 2, dtype=np.uint8), (20, 1))
    line = Line(column=40.0, lean=0.0, half=2)
    where = mask_of(line, ramp.shape)
    assert where.sum(axis=1).tolist() == [5] * 20
    scratched = np.where(where, np.uint8(255), ramp)
    assert np.allclose(fill_from_sides(scratched, line), ramp)
