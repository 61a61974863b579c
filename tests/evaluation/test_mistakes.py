"""False and missing colour, evenness, and the scales of an error, on pictures made by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from vidcolor.evaluation.measures.mistakes import Mistakes, MistakeScores


def flat(a: float, b: float, height: int = 40, width: int = 60) -> Tensor:
    return torch.tensor([a, b]).view(2, 1, 1).repeat(1, height, width)


def scores(*pairs: tuple[Tensor, Tensor]) -> MistakeScores:
    mistakes = Mistakes()
    for shown, true in pairs:
        mistakes.add(shown, true)
    return mistakes.scores()


def test_false_colour_is_a_share_of_the_truly_grey_pixels_of_all_pictures() -> None:
    true = flat(0.0, 0.0)
    true[0, :, 30:] = 30.0  # coloured: these pixels don't count
    shown = flat(0.0, 14.0)
    shown[1, :10, :30] = 11.0  # a quarter of the grey half is below what is seen as a colour
    # The second picture is grey all over and shown grey: 2,400 pixels beside 1,200.
    result = scores((shown, true), (flat(3.0, 3.0), flat(0.0, 7.0)))
    assert result.false_colour == pytest.approx(900 / 3600)


def test_missing_colour_is_a_share_of_the_truly_coloured_pixels() -> None:
    true = flat(0.0, 21.0)
    true[1, :20] = 19.0  # not coloured enough to count
    shown = flat(7.0, 0.0)
    shown[0, 20:, :15] = 9.0
    assert scores((shown, true)).missing_colour == pytest.approx(45 / 60)
    assert math.isnan(scores((flat(0, 0), flat(0, 19))).missing_colour)
    assert math.isnan(scores((flat(0, 0), flat(0, 9))).false_colour)


def test_unevenness_is_the_spread_within_even_cells_over_their_chroma() -> None:
    # Cells are 4 pixels wide; stripes of 2 have both colours in each: 16 and 24, 4 from 20.
    stripes = flat(0.0, 16.0)
    stripes.view(2, 40, 15, 4)[1, :, :, 2:] = 24.0
    even = scores((stripes, flat(5.0, 5.0)))
    assert even.unevenness == pytest.approx(4.0 / 20.0)
    # Where the truth itself is striped, stripes are right and don't count.
    assert math.isnan(scores((stripes, stripes)).unevenness)
    # One colour has no spread, however wrong; grey has no chroma to compare with.
    assert scores((flat(30, 0), flat(0, 0))).unevenness == 0.0
    assert math.isnan(scores((flat(0, 0), flat(0, 0))).unevenness)


def test_steps_between_even_cells_are_no_unevenness() -> None:
    shown = flat(0.0, 10.0)
    shown[1, :, 20:] = 40.0  # at the edge of a cell
    assert scores((shown, flat(0.0, 0.0))).unevenness == 0.0


def test_an_error_is_split_into_scene_layout_and_the_rest() -> None:
    true = flat(0.0, 0.0)
    assert scores((flat(3.0, 4.0), true)).scene_error == pytest.approx(1.0)
    halves = flat(2.0, 0.0)
    halves[0, :, 30:] = -2.0
    result = scores((halves, true))
    assert result.scene_error == pytest.approx(0.0)
    assert result.layout_error == pytest.approx(1.0)
    checks = flat(1.0, 0.0)
    checks[0, ::2] = -1.0
    result = scores((checks, true))
    assert result.scene_error == pytest.approx(0.0)
    assert result.layout_error == pytest.approx(0.0)
    # 3 everywhere and 4 by halves: 9 of 25 and 16 of 25.
    both = flat(3.0, 0.0)
    both[1, :20], both[1, 20:] = 4.0, -4.0
    result = scores((both, true))
    assert result.scene_error == pytest.approx(9 / 25)
    assert result.layout_error == pytest.approx(16 / 25)


def test_pictures_of_any_size_count() -> None:
    for height, width in ((1, 1), (3, 50), (7, 9), (161, 240)):
        result = scores((flat(20.0, 0.0, height, width), flat(0.0, 0.0, height, width)))
        assert result.false_colour == 1.0
        assert result.scene_error == pytest.approx(1.0)
        # The mean is all there is, up to rounding of float64 sums.
        assert result.layout_error == pytest.approx(0.0, abs=1e-12)
