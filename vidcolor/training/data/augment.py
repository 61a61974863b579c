"""Crops of photographs, and their Lab values."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.data.photos import Photo


def random_crop(
    photo: Photo,
    size: int,
    scale: tuple[float, float],
    rng: np.random.Generator,
    stretch: float = 1.0,
) -> Photo:
    """A square crop of the photograph enlarged by a random factor, flipped half of the time.

    Args:
        photo: ``(H, W, 3)`` RGB.
        size: side of the result in pixels.
        scale: smallest and largest enlargement; never more of the picture than there is.
        rng: source of chance.
        stretch: largest enlargement of one side over the other's.

    Returns:
        ``(size, size, 3)`` RGB.
    """
    height, width = photo.shape[:2]
    factor = float(np.exp(rng.uniform(np.log(scale[0]), np.log(scale[1]))))
    tall = float(np.exp(rng.uniform(-0.5, 0.5) * np.log(stretch))) if stretch > 1.0 else 1.0
    wanted = size / factor * np.array([tall, 1.0 / tall])
    # Both sides shrink alike where the photograph is too small for one.
    rows, columns = (int(s) for s in np.rint(wanted * min(1.0, *((height, width) / wanted))))
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    part = photo[top : top + rows, left : left + columns]
    way = cv2.INTER_AREA if min(rows, columns) > size else cv2.INTER_LINEAR
    crop = cv2.resize(part, (size, size), interpolation=way).astype(np.uint8, copy=False)
    return np.ascontiguousarray(crop[:, ::-1]) if rng.random() < 0.5 else crop


def lab_of(rgb: Photo) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Lightness and colour by OpenCV, within 0.4 of ``rgb_to_lab`` at a tenth of its time.

    Returns:
        ``(H, W)`` L*/100 and ``(H, W, 2)`` ab.
    """
    lab = cv2.cvtColor(rgb.astype(np.float32) * np.float32(1.0 / 255.0), cv2.COLOR_RGB2Lab)
    return (
        np.multiply(lab[..., 0], 0.01, dtype=np.float32),
        np.asarray(lab[..., 1:], dtype=np.float32),
    )
