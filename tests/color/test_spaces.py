"""Outputs tagged with other primaries and curves show the colours that were meant."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import color as skcolor
from skimage import data

from vidcolor.color import (
    join_planes,
    linear_to_srgb,
    luma_to_lightness,
    rgb_to_lab,
    srgb_to_linear,
)
from vidcolor.color.spaces import rgb_space, to_bt709
from vidcolor.types import PlanarFormat

TO_XYZ = {
    9: ((0.63696, 0.14462, 0.16888), (0.26270, 0.67800, 0.05930), (0.0, 0.02807, 1.06099)),
    12: ((0.48657, 0.26567, 0.19822), (0.22897, 0.69174, 0.07929), (0.0, 0.04511, 1.04394)),
    5: ((0.43062, 0.34154, 0.17831), (0.22204, 0.70664, 0.07132), (0.02019, 0.12955, 0.93909)),
    6: ((0.39359, 0.36525, 0.19163), (0.21241, 0.70104, 0.08654), (0.01874, 0.11193, 0.95816)),
}
"""Linear RGB to XYZ of D65 as published: BT.2020, Display P3, BT.470BG and SMPTE C (SMPTE 170M)."""

FROM_XYZ_TO_709 = np.array(
    ((3.2404542, -1.5371385, -0.4985314), (-0.9692660, 1.8760108, 0.0415560),
     (0.0556434, -0.2040259, 1.0572252))
)  # fmt: skip
MATRICES = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


def _codes(planes: tuple[torch.Tensor, ...], target: PlanarFormat) -> np.ndarray:
    """R'G'B' of 4:4:4 planes, full range, from ITU-T H.273."""
    top, middle = (1 << target.depth) - 1, 1 << (target.depth - 1)
    y, cb, cr = (plane[0].numpy().astype(np.float64) for plane in planes)
    y, cb, cr = y / top, (cb - middle) / top, (cr - middle) / top
    kr, kb = MATRICES[target.matrix]
    r, b = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
    return np.clip(np.stack((r, (y - kr * r - kb * b) / (1 - kr - kb), b), -1), 0, 1)


def _srgb_to_linear(code: np.ndarray) -> np.ndarray:
    return np.where(code > 0.04045, ((code + 0.055) / 1.055) ** 2.4, code / 12.92)


def _linear_to_srgb(light: np.ndarray) -> np.ndarray:
    light = np.clip(light, 0, 1)
    return np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, 12.92 * light)


def _photo(chroma: float = 1.0) -> torch.Tensor:
    rgb = torch.from_numpy(data.coffee()[:200:2, :300:2].copy()).permute(2, 0, 1)[None]
    lab = rgb_to_lab(rgb.float() / 255)
    return torch.cat((lab[:, :1], lab[:, 1:] * chroma), dim=1)


@pytest.mark.parametrize(("primaries", "matrix"), [(9, 9), (12, 1), (5, 5), (6, 6)])
def test_a_player_that_knows_the_primaries_shows_the_colour_that_was_meant(
    primaries: int, matrix: int
) -> None:
    lab = _photo()
    target = PlanarFormat(
        "yuv444p16le", "yuv", 16, (0, 0), True, matrix, primaries=primaries, transfer=1
    )
    codes = _codes(join_planes(lab[:, :1] / 100, lab[:, 1:], target), target)
    xyz = _srgb_to_linear(codes) @ np.array(TO_XYZ[primaries]).T
    shown = skcolor.rgb2lab(_linear_to_srgb(xyz @ FROM_XYZ_TO_709.T))
    error = np.abs(shown - lab[0].permute(1, 2, 0).numpy())
    # Matrices with 5 digits and white points of 4: 0.03. Shown without conversion chroma
    # of BT.2020 was off by 26 units. EBU and SMPTE primaries lack sRGB's strongest reds.
    assert np.quantile(error[..., 1:], 0.99) < 0.15
    assert error[..., 0].max() < 0.1


@pytest.mark.parametrize("primaries", [4, 5, 6, 7, 8, 9, 11, 12, 22])
@pytest.mark.parametrize(("transfer", "depth"), [(1, 8), (1, 10), (16, 10), (18, 10)])
def test_grey_stays_grey_in_all_primaries_and_curves(
    primaries: int, transfer: int, depth: int
) -> None:
    unit = 1 << (depth - 8)
    codes = torch.arange(16 * unit, 235 * unit + 1, unit).view(1, 1, 1, -1).expand(1, 1, 4, -1)
    target = PlanarFormat(
        "", "yuv", depth, (1, 1), False, 9, primaries=primaries, transfer=transfer
    )
    lightness = luma_to_lightness(codes, depth=depth, full_range=False)
    y, cb, cr = join_planes(lightness, torch.zeros(1, 2, 2, 2), target)
    # Codes come from a table of 16 bits.
    assert (y[0, 0].int() - codes[0, 0, 0]).abs().max() <= (0 if depth == 8 else 1)
    assert cb.unique().tolist() == cr.unique().tolist() == [128 * unit]


def _pq(code: np.ndarray) -> np.ndarray:
    root = code ** (1 / 78.84375)
    return (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (
        1 / 0.1593017578125
    )


def _hlg(code: np.ndarray) -> np.ndarray:
    high = (np.exp((code - 0.55991073) / 0.17883277) + 0.28466892) / 12
    return np.where(code > 0.5, high, code**2 / 3)


@pytest.mark.parametrize("shift", [(0, 0), (1, 1)])
@pytest.mark.parametrize(("transfer", "curve"), [(16, _pq), (18, _hlg)])
def test_hdr_keeps_the_light_of_each_pixel_and_shows_the_chromaticity(
    transfer: int, curve: object, shift: tuple[int, int]
) -> None:
    assert callable(curve)
    lab = _photo()
    target = PlanarFormat("", "yuv", 16, shift, True, 9, primaries=9, transfer=transfer)
    y, cb, cr = join_planes(lab[:, :1] / 100, lab[:, 1:], target)
    across, down = 1 << shift[0], 1 << shift[1]
    cb, cr = (
        c.repeat_interleave(down, -2).repeat_interleave(across, -1)[:, :100, :150] for c in (cb, cr)
    )
    light = curve(_codes((y, cb, cr), target))
    weights = np.array(TO_XYZ[9][1])
    grey = lab[0, 0].numpy() / 100
    grey_code = _linear_to_srgb(np.where(grey > 0.08, ((grey + 0.16) / 1.16) ** 3, grey / 9.033))
    ratio = (light @ weights) / np.maximum(curve(grey_code), 1e-9)
    bright = grey > 0.1
    # Sums of powers in float32; where a code is 0 or 1 nothing can be put right.
    assert np.quantile(np.abs(ratio[bright] - 1), 0.99) < 0.02
    if shift == (0, 0):
        meant = _srgb_to_linear(skcolor.lab2rgb(lab[0].permute(1, 2, 0).numpy()))
        xyz = meant @ np.linalg.inv(FROM_XYZ_TO_709).T
        xyz_shown = light @ np.array(TO_XYZ[9]).T
        xy, xy_shown = (part[..., :2] / part.sum(-1, keepdims=True) for part in (xyz, xyz_shown))
        # CIE xy; 0.004 is just noticeable in the best conditions.
        assert np.quantile(np.abs(xy - xy_shown)[bright], 0.99) < 0.002


def test_captions_stay_white_on_strong_colour_in_hlg() -> None:
    lightness = torch.full((1, 1, 40, 64), 0.35)
    lightness[..., 11:29:3, 5:59:4] = 1.0
    target = PlanarFormat("", "yuv", 10, (1, 1), False, 9, primaries=9, transfer=18)
    y, cb, cr = join_planes(lightness, torch.full((1, 2, 10, 16), 45.0), target)
    white = lightness[0, 0] == 1.0
    assert y[0][white].min() >= 939
    blocks = white.view(20, 2, 32, 2).any(dim=3).any(dim=1)
    # One code in a thousand of chroma is invisible.
    assert (cr[0][blocks] - 512).abs().max() <= 2
    assert (cr[0][:4] - 512).min() > 20, "colour was lost far from the captions"


@pytest.mark.parametrize("primaries", [6, 9, 12])
def test_codes_of_other_primaries_come_back_as_bt709(primaries: int) -> None:
    """There by this room's own way out, whose matrices the tests above hold against others'."""
    rgb = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(1)) * 0.6 + 0.2
    space = rgb_space(primaries, 1)
    there = space.convert(tuple(srgb_to_linear(rgb)))  # type: ignore[arg-type]
    codes = 255.0 * torch.stack([linear_to_srgb(channel) for channel in there])
    back = to_bt709(codes, primaries, white=255.0)
    assert (codes / 255.0 - rgb).abs().max() > 0.01
    assert (back / 255.0 - rgb).abs().max() < 1e-4  # float32, through two powers
    assert to_bt709(codes, 2, white=255.0) is codes
