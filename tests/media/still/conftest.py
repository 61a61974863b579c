"""Pictures to read: drawn here, so that every sample's right value is known."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pillow_heif
import pytest
import tifffile
from PIL import Image

pillow_heif.register_heif_opener()

Array = npt.NDArray[Any]


@pytest.fixture(scope="session")
def gray() -> Array:
    """A 48x64 gray picture that looks different however it is turned or mirrored."""
    rows, columns = np.mgrid[0:48, 0:64]
    picture = 20 + 2 * columns + rows
    picture[4:12, 4:20] = 230
    return picture.astype(np.uint8)


@pytest.fixture(scope="session")
def rgb(gray: Array) -> Array:
    """Colours all over the range, 48x64."""
    return np.stack([gray, gray[::-1], gray[:, ::-1]], axis=-1)


@pytest.fixture(scope="session")
def deep(rgb: Array) -> Array:
    """16-bit RGB whose lower bytes are not a copy of the upper ones."""
    noise = np.random.default_rng(0).integers(0, 256, rgb.shape)
    return (rgb.astype(np.uint16) << 8) + noise.astype(np.uint16)


@pytest.fixture(scope="session")
def save() -> Callable[..., bytes]:
    """``save(array, format, **options)``: encode with Pillow."""

    def encode(array: Array, kind: str, *, mode: str | None = None, **options: Any) -> bytes:  # noqa: ANN401
        image = Image.fromarray(array)
        if mode is not None and mode != image.mode:
            image = image.convert(mode)
        stream = io.BytesIO()
        image.save(stream, kind, **options)
        return stream.getvalue()

    return encode


@pytest.fixture(scope="session")
def tiff() -> Callable[..., bytes]:
    """``tiff(array, **options)``: encode with tifffile."""

    def encode(array: Array, **options: Any) -> bytes:  # noqa: ANN401
        stream = io.BytesIO()
        tifffile.imwrite(stream, array, metadata=None, **options)
        return stream.getvalue()

    return encode
