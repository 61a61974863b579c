"""Lightness as orthochromatic and blue-sensitive stock recorded it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vidcolor.color import rgb_to_lab
from vidcolor.data.stock import draw_weights, lightness_on_stock
from vidcolor.training.data.augment import lab_of


def test_red_is_dark_blue_is_bright_and_grey_stays() -> None:
    rgb = np.array([[[200, 20, 20], [20, 20, 200], [128, 128, 128]]], np.uint8)
    plain = lab_of(rgb)[0][0]
    for seed in range(50):
        stock = lightness_on_stock(rgb, draw_weights(np.random.default_rng(seed)))[0]
        assert stock[0] < plain[0] - 0.1
        assert stock[1] > plain[1] + 0.1
        assert stock[2] == pytest.approx(plain[2], abs=1e-3)  # float32


def test_weights_differ_from_picture_to_picture_and_repeat_by_seed() -> None:
    drawn = np.array([draw_weights(np.random.default_rng(seed)) for seed in range(200)])
    assert np.allclose(drawn.sum(axis=1), 1.0, atol=1e-6)
    assert (drawn >= 0).all()
    assert drawn[:, 0].max() <= 0.06
    assert np.ptp(drawn[:, 1]) > 0.4  # from blue-sensitive to orthochromatic
    assert np.array_equal(draw_weights(np.random.default_rng(7)), drawn[7])


def test_exposure_sums_linear_light() -> None:
    """Against the same sum in float64, by vidcolor.color."""
    rgb = np.random.default_rng(1).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    weights = np.array([0.05, 0.45, 0.5], np.float32)
    codes = rgb / 255.0
    linear = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
    exposure = linear @ weights.astype(np.float64)
    back = np.where(exposure <= 0.0031308, exposure * 12.92, 1.055 * exposure ** (1 / 2.4) - 0.055)
    grey = torch.from_numpy(back).float()[None, None].expand(1, 3, -1, -1)
    want = rgb_to_lab(grey)[0, 0].numpy() / 100.0
    # OpenCV interpolates the cube root: a hundredth of L* at most.
    assert np.abs(lightness_on_stock(rgb, weights) - want).max() < 1e-3
