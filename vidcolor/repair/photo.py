"""Repair of photographs: what is damaged is found, or given, and filled in; all else is kept."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.errors import OptionError
from vidcolor.repair.network import Mask, Plane, Repairer
from vidcolor.types import Plane as Codes

_LEAST_PX = 4
"""Specks of fewer pixels are grain."""


def repair_photo(
    luma: Codes, repairer: Repairer, *, strength: float = 0.5, mask: Mask | None = None
) -> tuple[Codes, Mask]:
    """Repair a photograph.

    Args:
        luma: ``(H, W)`` uint8 or uint16, full-range codes.
        repairer: the network.
        strength: 0 to 1: how readily something counts as damage.
        mask: ``(H, W)``, what is damaged; None finds it.

    Returns:
        The repaired codes, and the mask of what was filled in: outside of it every code is the
        source's.

    Raises:
        OptionError: the mask has another size.
    """
    white = np.float32(np.iinfo(luma.dtype).max)
    plane: Plane = luma.astype(np.float32) / white
    if mask is None:
        mask = find_damage(plane, repairer, strength=strength)
    elif mask.shape != luma.shape:
        have, want = (f"{shape[1]}x{shape[0]}" for shape in (mask.shape, luma.shape))
        raise OptionError(
            f"the mask has {have} pixels, the photo {want}: they must be the same",
            option="repair_mask",
        )
    if not mask.any():
        return luma, mask
    filled = np.rint(repairer.fill(plane, mask) * white).astype(luma.dtype)
    return np.where(mask, filled, luma), mask


def find_damage(plane: Plane, repairer: Repairer, *, strength: float = 0.5) -> Mask:
    """The mask of what is damaged, somewhat wider than it, without specks.

    Args:
        plane: ``(H, W)`` float32 in [0, 1].
        repairer: the network.
        strength: see ``repair_photo``.
    """
    found = (repairer.detect(plane) > threshold(strength)).view(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found, connectivity=8)
    large: npt.NDArray[np.bool_] = stats[:, cv2.CC_STAT_AREA] >= _LEAST_PX
    large[0] = False
    kept = large[labels].view(np.uint8)
    # Edges of damage are soft: what is left of them would show as an outline.
    return cv2.dilate(kept, np.ones((3, 3), np.uint8)).astype(bool)


def threshold(strength: float) -> float:
    """The probability from which on something is repaired: 0.8 at 0.5, less for more strength.

    Against 0.5 it takes less than half as much wrongly, and finds a quarter less (docs/repair.md).
    """
    return float(1.0 / (1.0 + np.exp(6.0 * (strength - 0.5) - 1.4)))
