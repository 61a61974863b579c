"""Masks of photographs: read from any picture, written as 8-bit grey PNG."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.errors import OutputError
from vidcolor.media.files.atomic import complete_file
from vidcolor.media.still.read import read_still


def read_mask(path: Path) -> npt.NDArray[np.bool_]:
    """Where a picture is at least mid-grey, ``(H, W)``.

    Raises:
        InputError: it is missing, or no picture.
    """
    still = read_still(path)
    return np.asarray(still.luma >= (1 << (still.depth - 1)))


def write_mask(path: Path, mask: npt.NDArray[np.bool_]) -> None:
    """Write a mask, white where it is set.

    Raises:
        OutputError: it can't be written.
    """
    done, data = cv2.imencode(".png", mask.view(np.uint8) * np.uint8(255))
    if not done:
        raise OutputError(f"{path}: the mask can't be stored as PNG")
    with complete_file(path) as part:
        part.write_bytes(data.tobytes())
