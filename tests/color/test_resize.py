"""Resampling against Pillow's: no aliases along either axis, plain bilinear where it grows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from vidcolor.color import join_planes, resize
from vidcolor.types import PlanarFormat


def _pillow(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    resized = Image.fromarray(plane).resize(size[::-1], Image.Resampling.BILINEAR)
    return np.asarray(resized)


@pytest.mark.parametrize("size", [(360, 100), (100, 360), (100, 90), (400, 400), (336, 50)])
def test_each_axis_is_judged_by_itself(size: tuple[int, int]) -> None:
    plane = np.random.default_rng(5).normal(0, 30, (336, 336)).astype(np.float32)
    ours = resize(torch.from_numpy(plane)[None, None], size)[0, 0].numpy()
    # Pillow antialiases each axis. float32 rounds the place of a sample, between values 60 apart.
    assert np.abs(ours - _pillow(plane, size)).max() < 5e-3


def test_the_same_size_costs_nothing() -> None:
    planes = torch.rand(1, 2, 5, 7)
    assert resize(planes, (5, 7)) is planes
    assert resize(planes.to(memory_format=torch.channels_last), (5, 7)).is_contiguous()


@pytest.mark.parametrize("size", [(720, 200), (200, 720)])
def test_fine_colour_averages_out_in_a_narrow_film(size: tuple[int, int]) -> None:
    """Chroma planes of 360x100 from 336x336: columns that alternate average to their mean."""
    ab = torch.zeros(1, 2, 336, 336)
    if size[1] < size[0]:
        ab[..., 0::2] = 30.0
    else:
        ab[..., 0::2, :] = 30.0
    cb, cr = join_planes(torch.full((1, 1, *size), 0.6), ab, PlanarFormat("yuv420p"))[1:]
    # Without the filter (here for one axis only) the columns beat: a standard deviation of 9 codes.
    assert cb[0, 2:-2, 2:-2].float().std() < 1.0
    assert cr[0, 2:-2, 2:-2].float().std() < 1.0
