"""Worn photographs, stock that doesn't see red, and the two halves of a set."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
import torch
from skimage import data

from vidcolor.evaluation.halves import half_of
from vidcolor.evaluation.measures.scores import lab_of
from vidcolor.evaluation.photos import Contender, evaluate_photos, grey_of
from vidcolor.evaluation.worn import ORTHOCHROMATIC_SHARE, Wear, on_clean_lightness
from vidcolor.models.loading import load_model

Rgb = npt.NDArray[np.uint8]


def photo() -> Rgb:
    return np.ascontiguousarray(data.astronaut()[40:200, 120:300])  # type: ignore[no-untyped-call]


def planes() -> torch.Tensor:
    return torch.from_numpy(photo()).permute(2, 0, 1).float()


def test_wear_depends_on_seed_and_name_alone() -> None:
    wear = Wear(0.7, seed=1)
    first = wear.grey(planes(), "a.png").luma
    assert np.array_equal(first, wear.grey(planes(), "a.png").luma)
    assert not np.array_equal(first, wear.grey(planes(), "b.png").luma)
    assert not np.array_equal(first, Wear(0.7, seed=2).grey(planes(), "a.png").luma)
    assert first.shape == photo().shape[:2]
    assert not np.array_equal(first, grey_of(planes()).luma)


def test_a_share_of_the_pictures_is_on_orthochromatic_stock() -> None:
    red = torch.zeros(3, 32, 32)
    red[0] = 255.0
    # Hardly any wear, so that only the stock can make pure red (code 127 as grey) dark: 90 at most.
    shades = [float(Wear(1e-3).grey(red, f"{i}.png").luma.mean()) for i in range(400)]
    dark = np.mean([shade < 110 for shade in shades])
    # 400 throws: 0.06 is three standard deviations.
    assert dark == pytest.approx(ORTHOCHROMATIC_SHARE, abs=0.06)


def test_colours_are_compared_on_the_lightness_of_the_truth() -> None:
    truth = lab_of(planes())
    moved = on_clean_lightness(planes() * 0.8, truth[0] / 100.0)
    lab = lab_of(moved)
    # 8-bit codes; dark colours of the source don't always fit into the other's gamut.
    assert (lab[0] - truth[0]).abs().mean() < 0.5
    want = lab_of(planes() * 0.8)[1:]
    assert (lab[1:] - want).abs().mean() < 0.5


def test_wear_changes_colours_but_no_figure_of_lightness() -> None:
    everything: Rgb = data.astronaut()  # type: ignore[no-untyped-call]
    contender = Contender("ours", load_model("compact", "cpu", "fp32", kind="image"))

    def photos() -> Iterator[tuple[str, Rgb]]:
        for name, top in (("a.png", 0), ("b.png", 60), ("c.png", 120)):
            yield name, np.ascontiguousarray(everything[top : top + 160, 100:260])

    clean = evaluate_photos(photos, [contender])
    worn = evaluate_photos(photos, [contender], wear=Wear(1.0, seed=3))
    # The baselines see no difference.
    assert worn[0].flat() == clean[0].flat()
    # Better or worse is chance on three pictures.
    assert abs(worn[-1].ab.correlation - clean[-1].ab.correlation) > 1e-3
    # With its lightness worn, SSIM would fall to about half.
    assert worn[-1].ssim > 0.9


def test_halves_go_by_the_last_number_of_a_name() -> None:
    assert half_of("000124.webp") == "choose"
    assert half_of("deep/000125.webp") == "report"
    assert half_of("fsa_500_2017877356.webp") == "choose"
    assert half_of("v2.mp4/a1b.png") == "report"
    names = [f"{'abcdefgh'[i % 8]}{'xyzw' * (i // 8)}" for i in range(400)]
    share = np.mean([half_of(name) == "report" for name in names])
    # Names without numbers fall to either side: 0.1 is four standard deviations.
    assert share == pytest.approx(0.5, abs=0.1)
