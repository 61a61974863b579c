"""Lab against scikit-image, and exactness."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import color as skcolor

from vidcolor.color import (
    grey_to_lightness,
    join_rgb,
    lab_to_linear,
    lab_to_rgb,
    lightness_to_grey,
    linear_to_srgb,
    luma_to_lightness,
    rgb_to_lab,
)
from vidcolor.color.gamut import linear_in_gamut


def _all_colours(step: int) -> torch.Tensor:
    ticks = torch.arange(0, 256, step, dtype=torch.uint8)
    grid = torch.stack(torch.meshgrid(ticks, ticks, ticks, indexing="ij"), dim=0)
    return grid.reshape(1, 3, len(ticks), -1)


def test_lab_agrees_with_scikit_image() -> None:
    rgb = _all_colours(5)
    ours = rgb_to_lab(rgb.float() / 255)[0].permute(1, 2, 0).numpy()
    theirs = skcolor.rgb2lab(rgb[0].permute(1, 2, 0).numpy())
    # 2e-4 is the bar; float32 against float64 leaves 6e-5.
    assert np.abs(ours - theirs).max() < 2e-4


def test_uint8_survives_lab_exactly() -> None:
    for part in _all_colours(3).split(12, dim=2):
        lab = rgb_to_lab(part.float() / 255)
        back = join_rgb(lab[:, :1] / 100, lab[:, 1:])
        assert torch.equal(back, part)


def test_lab_to_rgb_inverts_rgb_to_lab() -> None:
    rgb = torch.rand(2, 3, 40, 50, generator=torch.Generator().manual_seed(1))
    # float32 through two cubes and two powers: a few parts in a million.
    assert torch.allclose(lab_to_rgb(rgb_to_lab(rgb)), rgb, atol=2e-5)


def test_grey_and_lightness_are_inverse() -> None:
    grey = torch.linspace(0, 1, 4096)
    assert torch.allclose(lightness_to_grey(grey_to_lightness(grey)), grey, atol=2e-6)


def test_gamut_mapping_keeps_lightness_and_hue_and_only_lowers_chroma() -> None:
    generator = torch.Generator().manual_seed(2)
    lightness = torch.rand(1, 1, 64, 64, generator=generator)
    ab = torch.randn(1, 2, 64, 64, generator=generator) * 60
    linear = torch.cat(linear_in_gamut(lightness, ab), dim=1)
    shown = rgb_to_lab(linear_to_srgb(linear))
    assert (shown[:, :1] / 100 - lightness).abs().max() < 2e-5
    mapped = shown[:, 1:]
    # The tolerance of the search is 5e-5 of linear light.
    assert linear.min() > -1e-4
    assert linear.max() < 1 + 1e-4
    factor = mapped.norm(dim=1) / ab.norm(dim=1)
    assert factor.max() <= 1 + 1e-3  # float32, back from linear light
    cross = ab[:, 0] * mapped[:, 1] - ab[:, 1] * mapped[:, 0]
    assert (cross / ab.norm(dim=1)).abs().max() < 0.02  # Lab units: the same hue
    outside = (lab_to_linear(lightness, ab).amin(1) < -0.01) | (
        lab_to_linear(lightness, ab).amax(1) > 1.01
    )
    # The search ends in a secant, nearly exact but at the gamut's edges, where it halves 8 times.
    for more, share in ((1 / 4096, 0.995), (1 / 128, 1.0)):
        larger = lab_to_linear(lightness, mapped + ab * more)
        still_outside = (larger.amin(1) < -5e-5) | (larger.amax(1) > 1 + 5e-5)
        fits_no_more = still_outside[outside].float().mean()
        assert fits_no_more >= share, "chroma was lowered further than needed"


def test_gamut_mapping_leaves_what_fits_untouched() -> None:
    rgb = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    lab = rgb_to_lab(rgb)
    linear = torch.cat(linear_in_gamut(lab[:, :1] / 100, lab[:, 1:]), dim=1)
    assert torch.equal(linear, lab_to_linear(lab[:, :1] / 100, lab[:, 1:]))


@pytest.mark.parametrize("depth", [8, 9, 10, 12, 14, 16])
@pytest.mark.parametrize("full_range", [True, False])
def test_luma_tables_span_black_to_white(depth: int, full_range: bool) -> None:
    unit = 1 << (depth - 8)
    black, white = (0, (1 << depth) - 1) if full_range else (16 * unit, 235 * unit)
    middle = (black + white) // 2
    codes = torch.tensor([[black, middle, white]], dtype=torch.int32)
    got = luma_to_lightness(codes, depth=depth, full_range=full_range)[0]
    grey = (middle - black) / (white - black)
    want = skcolor.rgb2lab(np.full((1, 1, 3), grey))[0, 0, 0] / 100
    assert got[0] == pytest.approx(0, abs=1e-6)
    assert got[2] == pytest.approx(1, abs=1e-6)
    assert got[1] == pytest.approx(want, abs=1e-6)


def test_codes_outside_limited_range_are_clipped() -> None:
    codes = torch.tensor([[0, 255]], dtype=torch.uint8)
    got = luma_to_lightness(codes, depth=8, full_range=False)[0]
    assert got.tolist() == pytest.approx([0.0, 1.0], abs=1e-6)


def test_uint16_codes_are_taken_as_they_are() -> None:
    codes = torch.from_numpy(np.array([[0, 65535]], np.uint16))
    got = luma_to_lightness(codes, depth=16, full_range=True)[0]
    assert got.tolist() == pytest.approx([0.0, 1.0], abs=1e-6)
