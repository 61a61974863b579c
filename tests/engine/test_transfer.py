"""Planes up to the device and home again: every code value, at every depth."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from vidcolor.engine.coloring.transfer import start_download, upload
from vidcolor.types import LumaFrame, Plane

CPU = torch.device("cpu")


def frame(luma: Plane, depth: int) -> LumaFrame:
    return LumaFrame(luma, depth, full_range=True, pts=7, time_base=Fraction(1, 24))


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
@pytest.mark.parametrize("depth", [8, 10, 16])
def test_every_code_comes_home(device: str, depth: int) -> None:
    dtype = torch.uint8 if depth == 8 else torch.int32
    codes = torch.arange(1 << depth, dtype=torch.int32).view(-1, 16)
    planes = [codes.flip(0), codes, codes[::2]]
    source = frame(codes[:1].numpy().astype(np.uint16), depth)
    home = start_download([p.to(device=device, dtype=dtype) for p in planes], source).wait()
    assert home.source is source
    for found, sent in zip(home.planes, planes, strict=True):
        assert found.dtype == (np.uint8 if depth == 8 else np.uint16)
        assert np.array_equal(found.astype(np.int32), sent.numpy())


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_luma_arrives_as_it_is(device: str, dtype: type) -> None:
    luma = np.arange(240, dtype=dtype).reshape(12, 20)
    there = upload(luma, torch.device(device))
    assert there.device.type == device
    assert np.array_equal(there.cpu().numpy(), luma)


def test_planes_that_are_cut_out_of_larger_ones_come_home_whole() -> None:
    large = torch.arange(12 * 20, dtype=torch.int32).view(12, 20)
    cut = large[1:9, 3:17]
    home = start_download(
        [cut, cut.to(torch.uint8), cut], frame(large.numpy().astype(np.uint16), 16)
    )
    y, u, _ = home.wait().planes
    assert np.array_equal(y, cut.numpy().astype(np.uint16))
    assert np.array_equal(u, cut.numpy().astype(np.uint8))
