"""Photos are joined in strips: their colours are those of a resize of the whole, and no aliases."""

from __future__ import annotations

import pytest
import torch

from vidcolor.color import resize
from vidcolor.engine.coloring.picture import _strip


@pytest.mark.parametrize("size", [(700, 900), (300, 900), (700, 200), (300, 200), (560, 560)])
def test_strips_of_a_photo_are_those_of_the_whole(size: tuple[int, int]) -> None:
    """DeOldify gives 560x560; photos may be smaller along either side."""
    ab = torch.randn(1, 2, 560, 560, generator=torch.Generator().manual_seed(6)) * 30
    ends = [0, 100, 150, size[0]]
    strips = [
        _strip(ab, size, top, bottom) for top, bottom in zip(ends[:-1], ends[1:], strict=True)
    ]
    # float32: the place of a row is rounded once.
    assert (torch.cat(strips, dim=2) - resize(ab, size)).abs().max() < 5e-3
