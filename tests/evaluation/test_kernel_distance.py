"""KID: the estimate against plain loops, what it means, and the features it is taken on."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
import torch
from skimage import data
from torch import Tensor, nn

from vidcolor.evaluation.measures.kernel_distance import (
    KernelDistance,
    kernel_distance,
    pooled_features,
)
from vidcolor.evaluation.measures.perceptual import ENCODER, find_backbones


def by_loops(results: Tensor, truths: Tensor) -> float:
    """Gretton et al. 2012, lemma 6, with the kernel of Binkowski et al. 2018."""
    x, y = results.double(), truths.double()
    n, d = x.shape

    def k(u: Tensor, v: Tensor) -> float:
        return float((u @ v / d + 1.0) ** 3)

    total = sum(
        k(x[i], x[j]) + k(y[i], y[j]) - k(x[i], y[j]) - k(x[j], y[i])
        for i, j in itertools.permutations(range(n), 2)
    )
    return total / (n * (n - 1))


def test_the_estimate_is_the_formula() -> None:
    generator = torch.Generator().manual_seed(1)
    x, y = (torch.randn(7, 5, generator=generator) for _ in range(2))
    assert kernel_distance(x, y) == pytest.approx(by_loops(x, y), rel=1e-9)
    meter = KernelDistance()
    for pair in zip(x, y, strict=True):
        meter.add(*(each[None] for each in pair))
    assert meter.value == pytest.approx(kernel_distance(x, y))


def test_it_is_nothing_for_the_same_and_grows_with_the_distance() -> None:
    generator = torch.Generator().manual_seed(2)
    x, y = (torch.randn(400, 8, generator=generator) for _ in range(2))
    assert kernel_distance(x, x) == pytest.approx(0.0, abs=1e-12)
    near, far = kernel_distance(x, y), kernel_distance(x, y + 1.0)
    # Unbiased: two samples of one distribution are 0 apart but for chance, of either sign. Its
    # size: with 400 samples a standard deviation of about 0.01 (200 seeds).
    assert abs(near) < 0.05
    assert far > 1.0


def test_one_picture_says_nothing() -> None:
    meter = KernelDistance()
    assert math.isnan(meter.value)
    meter.add(torch.ones(1, 3), torch.ones(1, 3))
    assert math.isnan(meter.value)


class Backbone(nn.Module):
    """Gives the picture itself at every stride."""

    def forward(self, rgb: Tensor) -> list[Tensor]:
        assert rgb.shape[-2] % 32 == rgb.shape[-1] % 32 == 0
        return [rgb * 16.0] * 4


def test_features_are_means_and_deviations_at_three_strides() -> None:
    picture = torch.zeros(1, 3, 64, 96)
    picture[:, 0] = 255.0
    picture[:, 1, :32] = 255.0
    features = pooled_features(Backbone())(picture)
    assert features.shape == (1, 18)
    assert features[0, :9].tolist() == pytest.approx([1.0, 0.5, 0.0] * 3)
    assert features[0, 9:].tolist() == pytest.approx([0.0, 0.5, 0.0] * 3)
    assert pooled_features(Backbone())(torch.zeros(1, 3, 50, 33)).shape == (1, 18)


def test_on_the_encoder_grey_is_farther_than_pale(shared_dir: Path) -> None:
    folder = shared_dir / "pretrained"
    if not (folder / ENCODER).is_file():
        pytest.skip("needs the encoder that training starts from")
    features = find_backbones("found", folder).kid
    assert features is not None
    grey, pale = KernelDistance(), KernelDistance()
    names = ("astronaut", "coffee", "chelsea", "rocket", "immunohistochemistry", "retina")
    for name in names:
        photo = torch.from_numpy(getattr(data, name)()[:200, :240]).permute(2, 0, 1)[None].float()
        mean = photo.mean(dim=1, keepdim=True).expand_as(photo)
        grey.add(features(mean), features(photo))
        pale.add(features(0.2 * mean + 0.8 * photo), features(photo))
    assert grey.value > 2 * abs(pale.value)


def test_a_missing_encoder_is_said_where_it_was_looked_for(tmp_path: Path) -> None:
    found = find_backbones("found", tmp_path)
    assert found.kid is None
    assert found.notes[-1] == f"KID skipped: no {ENCODER} in {tmp_path}"
