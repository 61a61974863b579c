"""Pictures that a pool shouldn't have, and grey scenes that it should."""

from __future__ import annotations

import cv2
import numpy as np

from vidcolor.data.photos import Photo


def grey_of(photo: Photo) -> Photo:
    """Black and white."""
    return cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def toned(photo: Photo, ab: tuple[float, float]) -> Photo:
    """Toned alike in all mid-tones, not in black and white."""
    grey = grey_of(photo).astype(np.float32) / 255.0
    lab = cv2.cvtColor(grey, cv2.COLOR_RGB2Lab)
    lab[..., 1:] = np.array(ab) * np.minimum(1.0, 5.0 * np.minimum(grey, 1.0 - grey))[..., :1]
    return np.clip(np.rint(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB) * 255.0), 0, 255).astype(np.uint8)


def fog(photo: Photo) -> Photo:
    """The scene in fog: a quarter of its colour is left."""
    lab = cv2.cvtColor(photo.astype(np.float32) / 255.0, cv2.COLOR_RGB2Lab)
    lab[..., 0] = 45.0 + 0.4 * lab[..., 0]
    lab[..., 1:] = 0.15 * lab[..., 1:] + np.array([-0.5, -1.5])
    return np.clip(np.rint(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB) * 255.0), 0, 255).astype(np.uint8)


def drawing() -> Photo:
    """Rectangles and a circle in plain colours."""
    plain = np.full((240, 320, 3), (250, 240, 200), np.uint8)
    cv2.rectangle(plain, (20, 30), (140, 200), (200, 40, 30), -1)
    cv2.rectangle(plain, (180, 60), (300, 120), (30, 90, 200), -1)
    cv2.circle(plain, (230, 170), 40, (20, 150, 60), -1)
    return plain
