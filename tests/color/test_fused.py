"""The join by compiled loops gives what the tensors' arithmetic gives."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from vidcolor.color import fused, join_planes
from vidcolor.types import PlanarFormat

pytest.importorskip("numba", reason="numba is not installed")

FORMATS = {
    "4:2:0": PlanarFormat("yuv420p"),
    "4:2:2, full range, BT.601": PlanarFormat(
        "yuvj422p", chroma_shift=(1, 0), full_range=True, matrix=6
    ),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("strength", [15.0, 80.0])
def test_compiled_join_is_the_join(
    name: str, strength: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = torch.Generator().manual_seed(4)
    size = (361, 403)  # odd: blocks are filled up
    shapes = F.interpolate(torch.rand(1, 1, 20, 30, generator=chance), size=size, mode="bilinear")
    lightness = (1.2 * shapes - 0.1 + 0.02 * torch.randn(1, 1, *size, generator=chance)).clamp(0, 1)
    lightness[..., :40, :] = 0.0  # a black bar
    ab = (torch.rand(1, 2, 60, 70, generator=chance) - 0.5) * 2 * strength  # 80: far outside sRGB
    found = join_planes(lightness, ab, FORMATS[name])
    with monkeypatch.context() as patch:
        patch.setattr(fused, "_has_numba", lambda: False)
        wanted = join_planes(lightness, ab, FORMATS[name])
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        apart = (ours.int() - theirs.int()).abs()
        # sums are rounded in another order: a code on the edge between two falls to either side
        assert int(apart.max()) <= 1
        assert float((apart > 0).float().mean()) < 5e-4
