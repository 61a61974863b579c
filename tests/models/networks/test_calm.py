"""Chroma taken where colours are least to be believed: how much, where, and out of the file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import vidcolor
from vidcolor.models.calm import DARK, LOUD, Calm
from vidcolor.models.contract import ModelInput
from vidcolor.models.weights.store import bundled_path

RED, GREEN, YELLOW = (30.0, 0.0), (-30.0, 0.0), (0.0, 30.0)


def _picture(*colours: tuple[float, float]) -> Tensor:
    """Upright stripes of these colours, all as wide."""
    return torch.tensor(colours).T[None, :, None, :].expand(1, 2, 8, len(colours))


def _grey(level: float, width: int = 1) -> Tensor:
    return torch.full((1, 1, 32, 4 * width), level)


def _kept(ab: Tensor, calmed: Tensor) -> list[float]:
    """Chroma after over chroma before, stripe by stripe."""
    return (calmed.norm(dim=1) / ab.norm(dim=1))[0, 0].tolist()


def test_nothing_said_changes_nothing() -> None:
    ab = torch.randn(2, 2, 8, 8) * 20.0
    assert Calm.read({}) == Calm()
    assert torch.equal(Calm()(ab, torch.rand(2, 1, 32, 32)), ab)


def test_hues_stay_and_no_chroma_is_added() -> None:
    torch.manual_seed(0)
    ab = torch.randn(3, 2, 8, 8) * 20.0 + 5.0
    calmed = Calm(cast=0.5, shadows=0.5, reds=0.5)(ab, torch.rand(3, 1, 32, 32))
    cross = ab[:, 0] * calmed[:, 1] - ab[:, 1] * calmed[:, 0]
    assert cross.abs().max() < 1e-3  # of products up to a thousand, in float32
    assert ((ab * calmed).sum(dim=1) > 0).all()
    assert (calmed.norm(dim=1) <= ab.norm(dim=1)).all()
    assert calmed.norm(dim=1).mean() < 0.95 * ab.norm(dim=1).mean()


def test_a_cast_loses_its_share_and_what_differs_from_it_less() -> None:
    calm = Calm(cast=0.4)
    one = _picture(YELLOW, YELLOW)
    assert _kept(one, calm(one, _grey(0.7, 2))) == pytest.approx([0.6, 0.6], abs=1e-5)
    # The mean is (0, 5): yellow itself loses 0.4 * 5 / 30; blue lies across the circle.
    varied = _picture((0.0, 30.0), (0.0, -20.0))
    assert _kept(varied, calm(varied, _grey(0.7, 2))) == pytest.approx([14 / 15, 1.0], abs=1e-5)
    grey = _picture((0.0, 0.0), YELLOW)
    assert calm(grey, _grey(0.7, 2))[..., 0].abs().max() == 0.0  # no tint of the opposite colour


def test_dark_red_is_calmed_but_neither_dark_green_nor_light_red() -> None:
    calm, ab = Calm(shadows=0.6), _picture(RED, GREEN)
    assert _kept(ab, calm(ab, _grey(0.0, 2))) == pytest.approx([0.4, 1.0], abs=1e-5)
    assert _kept(ab, calm(ab, _grey(DARK / 2, 2))) == pytest.approx([0.7, 1.0], abs=1e-5)
    assert _kept(ab, calm(ab, _grey(DARK, 2))) == pytest.approx([1.0, 1.0], abs=1e-5)


def test_loud_red_to_orange_is_calmed_but_neither_what_is_quiet_nor_other_hues() -> None:
    calm, far = Calm(reds=0.5), LOUD + 20.0
    hues = torch.tensor([-60.0, -20.0, 15.0, 50.0, 57.5, 65.0, 110.0, 200.0]).deg2rad()
    loud = far * torch.stack([hues.cos(), hues.sin()])[None, :, None]
    all_of_it = (LOUD + 10.0) / far
    wanted = [1.0, all_of_it, all_of_it, all_of_it, 1.0, 1.0, 1.0, 1.0]
    kept = _kept(loud, calm(loud, _grey(0.5, 2)))
    assert all_of_it < kept[4] < 1.0  # between the two
    assert [*kept[:4], 1.0, *kept[5:]] == pytest.approx(wanted, abs=1e-5)
    quiet = loud * LOUD / far
    assert _kept(quiet, calm(quiet, _grey(0.5, 2))) == pytest.approx([1.0] * 8, abs=1e-5)


def test_each_picture_of_a_batch_is_calmed_by_itself() -> None:
    pictures = [_picture(YELLOW, GREEN), _picture(RED, RED)]
    levels = [_grey(0.1, 2), _grey(0.5, 2)]
    calm = Calm(cast=0.3, shadows=0.3, reds=0.3)
    alone = torch.cat([calm(p, g) for p, g in zip(pictures, levels, strict=True)])
    together = calm(torch.cat(pictures), torch.cat(levels))
    assert (together - alone).abs().max() < 1e-5  # float32 sums of other lengths


@pytest.mark.parametrize("size", [(64, 64), (33, 50)])
def test_what_a_file_says_is_done(tmp_path: Path, size: tuple[int, int]) -> None:
    """At sizes that are padded inside too: padding has no part in the picture's mean."""
    tensors = load_file(bundled_path("compact.safetensors"))
    said = {"saturation": "1.5", "cast": "0.3", "shadows": "0.6", "reds": "0.5"}
    for name, metadata in {"plain": {}, "calm": said}.items():
        save_file(tensors, tmp_path / f"{name}.safetensors", metadata=metadata)
    plain, calm = (
        vidcolor.load_model(tmp_path / f"{name}.safetensors", "cpu", "fp32")
        for name in ("plain", "calm")
    )
    torch.manual_seed(5)
    x = torch.rand(2, 1, *size)
    ab = plain(ModelInput(x)).ab
    expected = Calm(cast=0.3, shadows=0.6, reds=0.5)(ab, x) * 1.5
    # float32 with several threads: a process's first call may round otherwise (3e-4 seen, of 20)
    found = calm.finishing(calm(ModelInput(x)).ab, x)
    assert (found - expected).abs().max() < 2e-3
    assert (expected - ab * 1.5).abs().max() > 0.1  # it does something here


def test_the_shipped_network_is_calmed() -> None:
    calm = vidcolor.load_model("compact", "cpu", "fp32").finishing.calm
    assert calm.cast > 0.0
    assert calm.shadows > 0.0
    assert calm.reds > 0.0
