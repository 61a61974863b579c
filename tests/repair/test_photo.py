"""Photographs: what is damaged is filled, all else is kept exactly."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from vidcolor.errors import OptionError
from vidcolor.models.networks.damage.repair import RepairConfig, RepairNet, smooth_fill
from vidcolor.repair.network import Repairer, load_repairer
from vidcolor.repair.photo import repair_photo, threshold


@pytest.fixture(scope="module")
def small() -> Repairer:
    """Random weights: what is kept must be kept whatever the network says."""
    torch.manual_seed(1)
    network = RepairNet(RepairConfig(detect=(8, 8, 8), fill=(8, 8, 8)))
    return Repairer(network.prepare(torch.device("cpu")), torch.device("cpu"))


def _ramp(dtype: type[np.unsignedinteger[npt.NBitBase]] = np.uint8) -> npt.NDArray[np.uint16]:
    top = np.iinfo(dtype).max
    rows, columns = np.mgrid[0:90, 0:120]
    return np.asarray((0.2 + 0.5 * columns / 120 + 0.2 * rows / 90) * top, dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_codes_outside_the_mask_are_the_sources(small: Repairer, dtype: type[np.uint8]) -> None:
    luma = _ramp(dtype)
    mask = np.zeros(luma.shape, bool)
    mask[20:40, 30:50] = True
    made, touched = repair_photo(luma, small, mask=mask)
    assert made.dtype == luma.dtype
    assert np.array_equal(touched, mask)
    assert np.array_equal(made[~mask], luma[~mask])
    found, touched = repair_photo(luma, small)
    assert np.array_equal(found[~touched], luma[~touched])


def test_a_mask_of_another_size_is_refused(small: Repairer) -> None:
    with pytest.raises(OptionError, match="60x40 pixels, the photo 120x90"):
        repair_photo(_ramp(), small, mask=np.zeros((40, 60), bool))


def test_what_ships_fills_a_scratch_that_is_given() -> None:
    luma = _ramp().astype(np.uint8)
    drawn = cv2.line(np.zeros_like(luma), (5, 10), (110, 80), 255, 3)
    scratched = np.where(drawn > 0, np.uint8(255), luma)
    made, _ = repair_photo(scratched, load_repairer(), mask=drawn > 0)
    error = np.abs(made.astype(int) - luma)[drawn > 0].mean()
    assert error < 0.1 * np.abs(scratched.astype(int) - luma)[drawn > 0].mean()


def test_tiles_join_without_seams() -> None:
    """A picture of several tiles: where they meet, there is no more step than elsewhere."""
    repairer = load_repairer()
    plane = np.tile(np.linspace(0.2, 0.8, 1000, dtype=np.float32), (560, 1))
    mask = np.zeros(plane.shape, bool)
    mask[:, 360:420] = mask[370:400] = True
    made = repairer.fill(plane, mask)
    steps = np.abs(np.diff(made, axis=1))
    # the first tiles meet at column 384, in the middle of the hole
    assert steps[:, 383].max() <= 1.5 * steps[:, 361:419].max()
    assert np.array_equal(made[~mask], plane[~mask])


def test_smooth_fill_keeps_what_is_known_and_fills_all_of_a_hole() -> None:
    x = torch.rand(1, 1, 37, 61)
    mask = torch.zeros_like(x)
    mask[..., 5:30, 10:50] = 1.0
    filled = smooth_fill(x, mask)
    assert torch.equal(filled[mask == 0], x[mask == 0])
    assert filled[mask > 0].min() > 0.05  # a mean of the values around, never 0
    flat = smooth_fill(torch.full_like(x, 0.3), mask)
    assert torch.allclose(flat, torch.full_like(x, 0.3), atol=1e-5)


def test_more_strength_means_a_lower_threshold() -> None:
    assert threshold(0.0) > threshold(0.5) > threshold(1.0)
    assert threshold(0.5) == pytest.approx(0.8, abs=0.01)
