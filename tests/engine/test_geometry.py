"""Working sizes and orientation."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from vidcolor.engine.coloring.colorist import side_by_side
from vidcolor.engine.coloring.geometry import as_stored, upright, working_size
from vidcolor.media.pixels.orientation import (
    is_mirrored,
    matrix_orientation,
    rotation,
    turn_upright,
)
from vidcolor.models.families.registry import MODELS
from vidcolor.models.spec import WorkingSize

ASPECT = WorkingSize(shape="aspect", video=16, image=16, multiple=32)


@pytest.mark.parametrize(
    ("width", "height", "sar", "want"),
    [
        (640, 480, Fraction(1), (256, 352)),
        (480, 640, Fraction(1), (352, 256)),
        (720, 576, Fraction(16, 15), (256, 352)),
        (100, 100, Fraction(1), (256, 256)),
        (1, 1, Fraction(1), (256, 256)),
        (4000, 20, Fraction(1), (32, 1536)),
    ],
)
def test_short_side_rules_and_shape_is_kept(
    width: int, height: int, sar: Fraction, want: tuple[int, int]
) -> None:
    assert working_size(ASPECT, width, height, render_factor=16, sar=sar) == want


def test_deoldify_works_on_the_original_square() -> None:
    spec = MODELS["deoldify-video"].working_size
    assert working_size(spec, 1920, 1080, render_factor=spec.video) == (336, 336)
    assert working_size(spec, 1920, 1080, render_factor=spec.image) == (560, 560)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_turning_back_undoes_turning(rotation: int) -> None:
    x = torch.rand(2, 2, 3, 5)
    assert torch.equal(as_stored(upright(x, rotation), rotation), x)


def test_ninety_degrees_turns_clockwise() -> None:
    stored = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert upright(stored, 90).tolist() == [[[[3.0, 1.0], [4.0, 2.0]]]]


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_grey_is_left_as_shown_whatever_the_rotation(rotation: int, mirrored: bool) -> None:
    def shown(x: torch.Tensor) -> torch.Tensor:
        turned = upright(x, rotation)
        return turned.flip(3) if mirrored else turned

    lightness, ab = torch.rand(1, 1, 4, 6), torch.full((1, 2, 4, 6), 9.0)
    pair_l, pair_ab = side_by_side(lightness, lightness * 0.5, ab, rotation, is_mirrored=mirrored)
    shown_l, shown_ab = shown(pair_l), shown(pair_ab)
    half = shown_ab.shape[3] // 2
    assert torch.equal(shown_l[..., :half], shown(lightness))
    assert torch.equal(shown_l[..., half:], shown(lightness * 0.5))
    assert shown_ab[..., :half].abs().max() == 0
    assert shown_ab[..., half:].min() == 9.0


@pytest.mark.parametrize(
    "rows",
    [
        (1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0),
        (-1, 0, 0, 1), (0, 1, 1, 0), (1, 0, 0, -1), (0, -1, -1, 0),
    ],
)  # fmt: skip
def test_turning_makes_mirrored_films_upright_too(rows: tuple[int, int, int, int]) -> None:
    """Numbered images are turned by another path, which knows the mirror."""
    a, b, c, d = (65536 * factor for factor in rows)
    matrix = (a, b, 0, c, d, 0, 0, 0, 1 << 30)
    stored = np.arange(12).reshape(3, 4)
    shown = upright(torch.from_numpy(stored)[None, None], rotation(matrix))[0, 0].numpy()
    if is_mirrored(matrix):
        shown = shown[:, ::-1]
    assert np.array_equal(shown, turn_upright(stored, matrix_orientation(matrix)))
