"""What the tests of photos share."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

Array = npt.NDArray[Any]
COMMENT = "vidcolor 0.1.0, model compact"


def luma(rgb: Array) -> Array:
    """BT.601 by the book, in floating point."""
    weights = np.array([0.299, 0.587, 0.114])
    return rgb.astype(np.float64) @ weights


def tint(codes: Array) -> Array:
    """A fake colouring of a gray picture."""
    half = codes // 2
    return np.stack([codes, half, codes - half // 2], axis=-1)


def lightness(image: Image.Image, profile: bytes | None) -> Array:
    """L* of a picture through its profile (sRGB where there is none), as a viewer would see it."""
    source = (
        ImageCms.createProfile("sRGB")
        if profile is None
        else ImageCms.ImageCmsProfile(io.BytesIO(profile))
    )
    lab = ImageCms.profileToProfile(image, source, ImageCms.createProfile("LAB"), outputMode="LAB")
    assert lab is not None
    return np.asarray(lab)[..., 0].astype(np.float64) * (100 / 255)


def shared_photos() -> Path:
    """Real photos beside the project; skips where they are missing."""
    folder = Path(__file__).resolve().parents[3] / "../shared/media/photos"
    if not folder.is_dir():
        pytest.skip("../shared/media/photos isn't there: this test needs real photos")
    return folder


def shared_field() -> Path:
    """Files from practice beside the project; skips where they are missing."""
    folder = Path(__file__).resolve().parents[3] / "../shared/field"
    if not folder.is_dir():
        pytest.skip("../shared/field isn't there: this test needs files from practice")
    return folder
