"""Planes: decoded as a player does, they show the source's lightness and the network's colour."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import color as skcolor
from skimage import data

from vidcolor.color import join_planes, rgb_to_lab
from vidcolor.types import PlanarFormat

MATRICES = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}


def _decode(
    planes: tuple[torch.Tensor, ...], target: PlanarFormat, size: tuple[int, int]
) -> np.ndarray:
    """RGB in float64, straight from ITU-T H.273, chroma repeated over its block."""
    unit = 1 << (target.depth - 8)
    top = (1 << target.depth) - 1
    y, cb, cr = (p[0].numpy().astype(np.float64) for p in planes)
    middle = 1 << (target.depth - 1)
    if target.full_range:
        y, cb, cr = y / top, (cb - middle) / top, (cr - middle) / top
    else:
        y, cb, cr = (
            (y / unit - 16) / 219,
            (cb - middle) / (224 * unit),
            (cr - middle) / (224 * unit),
        )
    across, down = 1 << target.chroma_shift[0], 1 << target.chroma_shift[1]
    cb, cr = (c.repeat(down, 0).repeat(across, 1)[: size[0], : size[1]] for c in (cb, cr))
    kr, kb = MATRICES[target.matrix]
    r, b = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
    g = (y - kr * r - kb * b) / (1 - kr - kb)
    return np.clip(np.stack((r, g, b), -1), 0, 1)


@pytest.mark.parametrize("matrix", sorted(MATRICES))
@pytest.mark.parametrize(
    ("pix_fmt", "depth", "shift"),
    [
        ("yuv420p", 8, (1, 1)),
        ("yuv422p10le", 10, (1, 0)),
        ("yuv444p", 8, (0, 0)),
        ("yuv410p", 8, (2, 2)),
    ],
)
@pytest.mark.parametrize("full_range", [False, True])
def test_lightness_survives(
    pix_fmt: str, depth: int, shift: tuple[int, int], full_range: bool, matrix: int
) -> None:
    photo = torch.from_numpy(data.astronaut()[:241, 100:331].copy()).permute(2, 0, 1)[None]
    lab = rgb_to_lab(photo.float() / 255)
    target = PlanarFormat(pix_fmt, "yuv", depth, shift, full_range, matrix)
    lively = lab[:, 1:] * 1.3
    rgb = _decode(join_planes(lab[:, :1] / 100, lively, target), target, (241, 231))
    error = np.abs(skcolor.rgb2lab(rgb)[..., 0] - lab[0, 0].numpy())
    # The bars: 0.3 and 1.0. Rounding luma to 8 bit limited alone gives 0.1 and 0.25.
    assert error.mean() < 0.15
    assert np.quantile(error, 0.999) < 0.6


def test_colour_survives_where_chroma_is_whole() -> None:
    photo = torch.from_numpy(data.coffee()[:200:2, :300:2].copy()).permute(2, 0, 1)[None]
    lab = rgb_to_lab(photo.float() / 255)
    target = PlanarFormat("yuv444p16le", "yuv", 16, (0, 0), True, 1)
    rgb = _decode(join_planes(lab[:, :1] / 100, lab[:, 1:], target), target, (100, 150))
    # 16 bits: only float32 is left, except at colours that touch the gamut's border.
    assert np.abs(skcolor.rgb2lab(rgb) - lab[0].permute(1, 2, 0).numpy()).max() < 0.1


def test_black_and_white_stay_neutral() -> None:
    lightness = torch.zeros(1, 1, 16, 16)
    lightness[..., 8:] = 1.0
    ab = torch.full((1, 2, 4, 4), 40.0)
    y, cb, cr = join_planes(lightness, ab, PlanarFormat("yuv420p"))
    assert set(y.unique().tolist()) == {16, 235}
    assert (cb.int() - 128).abs().max() <= 1
    assert (cr.int() - 128).abs().max() <= 1


def test_grey_in_grey_out() -> None:
    codes = torch.arange(16, 236).view(1, 1, 1, -1).expand(1, 1, 4, -1)
    from vidcolor.color import luma_to_lightness

    lightness = luma_to_lightness(codes, depth=8, full_range=False)
    y, cb, cr = join_planes(lightness, torch.zeros(1, 2, 2, 2), PlanarFormat("yuv420p"))
    assert torch.equal(y[0, 0].int(), codes[0, 0, 0].int())
    assert cb.unique().tolist() == cr.unique().tolist() == [128]


def test_rgb_planes_and_unknown_matrix() -> None:
    lightness, ab = torch.full((1, 1, 5, 7), 0.5), torch.zeros(1, 2, 2, 2)
    r, g, b = join_planes(lightness, ab, PlanarFormat("rgb48le", "rgb", 16, (0, 0), True, 1))
    assert r.shape == (1, 5, 7)
    # Grey of L* 50 is 0.4663 in sRGB; the white point's rounding allows one code in ten thousand.
    assert (r.float().mean() / 65535).item() == pytest.approx(0.46633, abs=2e-4)
    assert (r - g).abs().max() <= 12
    assert (g - b).abs().max() <= 12
    with pytest.raises(ValueError, match="matrix"):
        join_planes(lightness, ab, PlanarFormat("yuv420p", matrix=2))


def test_captions_stay_white_on_strong_colour() -> None:
    lightness = torch.full((1, 1, 40, 64), 0.35)
    lightness[..., 11:29:3, 5:59:4] = 1.0  # strokes of one pixel, off the chroma grid
    ab = torch.full((1, 2, 10, 16), 45.0)
    target = PlanarFormat("yuv420p")
    rgb = _decode(join_planes(lightness, ab, target), target, (40, 64))
    lab = skcolor.rgb2lab(rgb)
    white = lightness[0, 0].numpy() == 1.0
    assert lab[white][:, 0].min() > 99.0
    # One code of Cb and Cr, limited range, is 1.2 units of a or b at white, rounded either way.
    assert np.abs(lab[white][:, 1:]).max() < 2.5
    far = np.zeros((40, 64), bool)
    far[:8] = True
    assert lab[far][:, 1:].min() > 30, "colour was lost far from the captions"


def test_hue_is_kept_where_chroma_is_lowered() -> None:
    generator = torch.Generator().manual_seed(4)
    lightness = torch.rand(1, 1, 32, 32, generator=generator).repeat_interleave(2, -1)
    lightness = lightness.repeat_interleave(2, -2) * 0.9 + 0.05
    ab = torch.randn(1, 2, 32, 32, generator=generator) * 50
    target = PlanarFormat("yuv420p10le", "yuv", 10, (1, 1), False, 1)
    rgb = _decode(join_planes(lightness, ab, target), target, (64, 64))
    shown = skcolor.rgb2lab(rgb)[::2, ::2, 1:]
    meant = ab[0].permute(1, 2, 0).numpy()
    chroma = np.linalg.norm(shown, axis=-1)
    angle = np.arctan2(shown[..., 1], shown[..., 0]) - np.arctan2(meant[..., 1], meant[..., 0])
    sideways = chroma * np.abs(np.sin(angle))
    # Rounding of 10-bit codes alone moves a and b by 0.3.
    assert np.quantile(sideways, 0.99) < 1.0
    assert (chroma <= np.linalg.norm(meant, axis=-1) + 1.0).all()


def test_strips_and_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from vidcolor.color import planes

    photo = torch.from_numpy(data.astronaut()[:203, 100:331].copy()).permute(2, 0, 1)[None]
    lab = rgb_to_lab(torch.cat((photo, photo.flip(-1))).float() / 255)
    lightness, ab = lab[:, :1] / 100, lab[:, 1:, ::4, ::4] * 1.3
    target = PlanarFormat("yuv410p", "yuv", 8, (2, 2), False, 6)
    whole = join_planes(lightness, ab, target)
    monkeypatch.setattr(planes, "_STRIP_PIXELS", 5000)
    for strip, plane in zip(join_planes(lightness, ab, target), whole, strict=True):
        # Vectorised and left-over pixels may round apart in float32: seldom, and by one code.
        difference = (strip.int() - plane.int()).abs()
        assert difference.max() <= 1
        assert difference.float().mean() < 1e-3
    assert whole[0].shape == (2, 203, 231)
    assert whole[1].shape == (2, 51, 58)
    last = join_planes(lightness[1:], ab[1:], target)
    for alone, plane in zip(last, whole, strict=True):
        assert (alone[0].int() - plane[1].int()).abs().max() <= 1


@pytest.mark.parametrize("chroma", [1.0, 1.3])
@pytest.mark.parametrize(("pix_fmt", "depth"), [("yuv420p10le", 10), ("yuv420p12le", 12)])
def test_deep_planes_keep_the_lightness_of_every_pixel(
    pix_fmt: str, depth: int, chroma: float
) -> None:
    """Pixels of a block share chroma, and each has its own lightness."""
    photo = torch.from_numpy(data.astronaut()[:400, :400].copy()).permute(2, 0, 1)[None]
    lab = rgb_to_lab(photo.float() / 255)
    noise = 0.02 * torch.randn(1, 1, 400, 400, generator=torch.Generator().manual_seed(8))
    lightness = (lab[:, :1] / 100 + noise).clamp(0, 1)
    target = PlanarFormat(pix_fmt, "yuv", depth, (1, 1), False, 1)
    rgb = _decode(join_planes(lightness, lab[:, 1:] * chroma, target), target, (400, 400))
    error = np.abs(skcolor.rgb2lab(rgb)[..., 0] - 100 * lightness[0, 0].numpy())
    # Rounding to 10 bits alone gives 0.06 and 0.07. One correction for a block gave 0.2 to 0.25 and
    # 0.4 to 0.54, and 1.0 at most.
    assert np.quantile(error, 0.99) < 0.08
    assert np.quantile(error, 0.999) < 0.15
    assert error.max() < 0.5
