"""Figures of stills against scikit-image on real pictures."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from skimage import color, data, metrics, transform

from vidcolor.evaluation.measures.ab_statistics import AbStatistics
from vidcolor.evaluation.measures.ciede2000 import ciede2000
from vidcolor.evaluation.measures.metrics import (
    BEST_PSNR_DB,
    histogram_similarity,
    masked_mean,
    psnr,
    ssim_map,
)
from vidcolor.evaluation.measures.scores import Meter, Truth

Rgb = npt.NDArray[np.uint8]


def as_planes(rgb: npt.NDArray[np.generic]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)


def washed_out(rgb: Rgb) -> Rgb:
    """Half way to grey, darker, and a tint: signed differences of both kinds."""
    grey = rgb.mean(axis=2, keepdims=True)
    mixed = rgb * 0.5 + grey * 0.4 + np.array([12.0, 0.0, -9.0])
    return mixed.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module", params=["astronaut", "coffee", "chelsea"])
def pair(request: pytest.FixtureRequest) -> tuple[Rgb, Rgb]:
    truth = np.ascontiguousarray(getattr(data, request.param)()[40:240, 30:280])
    return washed_out(truth), truth


def test_psnr_as_scikit_image_has_it(pair: tuple[Rgb, Rgb]) -> None:
    rgb, truth = pair
    want = metrics.peak_signal_noise_ratio(truth, rgb, data_range=255)
    assert psnr(as_planes(rgb), as_planes(truth)) == pytest.approx(want, rel=1e-12)
    # The trap: differences of uint8 wrap around, and the figure comes out otherwise.
    wrapped = 10 * np.log10(255**2 / ((rgb - truth).astype(float) ** 2).mean())
    assert abs(wrapped - want) > 1.0


def test_identical_pictures_have_a_finite_psnr() -> None:
    rgb = as_planes(data.chelsea())
    assert psnr(rgb, rgb) == BEST_PSNR_DB


def test_ssim_as_scikit_image_has_it(pair: tuple[Rgb, Rgb]) -> None:
    rgb, truth = pair
    want, whole = metrics.structural_similarity(truth, rgb, channel_axis=2, full=True)
    similarity = ssim_map(as_planes(rgb), as_planes(truth))
    assert float(similarity.mean()) == pytest.approx(want, rel=1e-10)
    mask = np.zeros(truth.shape[:2], bool)
    mask[20:90, 30:100] = True
    ours = masked_mean(similarity, torch.from_numpy(mask))
    assert ours == pytest.approx(whole.mean(axis=2)[mask].mean(), rel=1e-10)
    assert abs(ours - want) > 1e-3


def test_ssim_of_tiny_pictures_is_not_a_number() -> None:
    tiny = torch.zeros(3, 6, 40)
    meter = Meter("tiny")
    meter.add(tiny, Truth(tiny))
    assert math.isnan(meter.scores().ssim)
    nowhere = torch.zeros(9, 9, dtype=torch.bool)
    assert math.isnan(masked_mean(torch.ones(3, 3), nowhere))


def test_ciede2000_as_scikit_image_has_it(pair: tuple[Rgb, Rgb]) -> None:
    lab = [color.rgb2lab(x) for x in pair]
    want = color.deltaE_ciede2000(lab[1], lab[0])
    got = ciede2000(as_planes(lab[0]), as_planes(lab[1])).numpy()
    assert np.allclose(got, want, atol=1e-9)
    # In float32, as the evaluation runs it: far below what anybody could see.
    single = ciede2000(as_planes(lab[0]).float(), as_planes(lab[1]).float()).numpy()
    assert np.abs(single - want).max() < 2e-3


def test_ciede2000_on_the_pairs_made_to_break_it() -> None:
    """From table 1 of Sharma et al.: hues across 0 degrees, greys, the blue region."""
    table = np.array([
        [50.0, 2.6772, -79.7751, 50.0, 0.0, -82.7485, 2.0425],
        [50.0, 0.0, 0.0, 50.0, -1.0, 2.0, 2.3669],
        [50.0, 2.49, -0.001, 50.0, -2.49, 0.0009, 7.1792],
        [50.0, 2.49, -0.001, 50.0, -2.49, 0.0011, 7.2195],
        [50.0, 2.5, 0.0, 50.0, 0.0, -2.5, 4.3065],
        [50.0, 2.5, 0.0, 73.0, 25.0, -18.0, 27.1492],
        [60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644],
        [2.0776, 0.0795, -1.135, 0.9033, -0.0636, -0.5514, 0.9082],
    ])  # fmt: skip
    first, second = (torch.from_numpy(table[:, at : at + 3].T)[:, :, None] for at in (0, 3))
    assert np.allclose(ciede2000(first, second)[:, 0].numpy(), table[:, 6], atol=5e-5)
    assert torch.equal(ciede2000(first, second), ciede2000(second, first))


def test_histogram_similarity_is_its_definition(pair: tuple[Rgb, Rgb]) -> None:
    rgb, truth = (as_planes(x) for x in pair)
    hists = [
        np.histogramdd(x.reshape(-1, 3), bins=8, range=[(0, 256)] * 3)[0] / (x.size / 3)
        for x in pair
    ]
    want = np.minimum(*hists).sum()
    assert histogram_similarity(rgb, truth) == pytest.approx(want, rel=1e-12)
    assert want < 0.9
    # Where colours are does not matter: turned upside down it is the same picture.
    turned = as_planes(transform.rotate(pair[1], 180, preserve_range=True).round().astype(np.uint8))
    assert histogram_similarity(turned, truth) == pytest.approx(1.0, abs=1e-6)


def test_a_truth_without_colour_gives_no_ratios() -> None:
    statistics = AbStatistics()
    # What is left of ab where grey goes from RGB to Lab.
    statistics.add(torch.full((2, 8, 8), 20.0), torch.full((2, 8, 8), 0.005), (30.0, 1e-5))
    scores = statistics.scores()
    ratios = (scores.rmse_ratio, scores.rmse_ratio_best, scores.correlation)
    assert all(math.isnan(ratio) for ratio in (*ratios, scores.colourfulness_ratio))
    assert scores.colourfulness == 30.0


def test_no_saturation_makes_opposite_hues_right() -> None:
    truth = torch.tensor([10.0, -20.0]).view(2, 1, 1) * torch.rand(1, 8, 8)
    statistics = AbStatistics()
    statistics.add(-0.5 * truth, truth)
    scores = statistics.scores()
    assert (scores.best_saturation, scores.rmse_ratio_best) == (0.0, 1.0)
    assert scores.correlation == pytest.approx(-1.0)


class _OfAppleGpu(torch.Tensor):
    """A tensor with what Apple's GPUs say to float64."""

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., torch.Tensor],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> torch.Tensor:
        if func is torch.Tensor.double:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        with torch._C.DisableTorchFunctionSubclass():
            result = func(*args, **(kwargs or {}))
            return result.as_subclass(torch.Tensor) if func is torch.Tensor.cpu else result


def test_ab_is_summed_where_there_is_float64() -> None:
    generator = torch.Generator().manual_seed(3)
    ab, truth = torch.randn(2, 2, 6, 8, generator=generator) * 20
    plain, apple = AbStatistics(), AbStatistics()
    plain.add(ab, truth)
    apple.add(ab.as_subclass(_OfAppleGpu), truth.as_subclass(_OfAppleGpu))
    assert apple.scores() == plain.scores()
