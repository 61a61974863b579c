"""Damaged pictures to learn from, made ahead in threads of their own."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

import cv2
import numpy as np
import torch
from torch import Tensor

from vidcolor.data.damage import Plane, damaged, textured
from vidcolor.data.photos import Photo
from vidcolor.data.wear import film_like
from vidcolor.training.data.augment import random_crop
from vidcolor.training.repair_config import RepairRun

_VALIDATION_SEED = 0x0DA_A6E


@dataclass(frozen=True, slots=True)
class DamagedBatch:
    """What one step learns from.

    Attributes:
        damaged: ``(B, 1, H, W)`` float32, L*/100 in [0, 1].
        whole: the same without the damage, but with its texture and wear.
        mask: ``(B, 1, H, W)`` float32, 1 where it is damaged.
    """

    damaged: Tensor
    whole: Tensor
    mask: Tensor

    def to(self, device: torch.device) -> DamagedBatch:
        """The same on a device."""
        return DamagedBatch(*(t.to(device) for t in (self.damaged, self.whole, self.mask)))


def batches(
    photos: Sequence[Photo], config: RepairRun, *, first_step: int = 0
) -> Iterator[DamagedBatch]:
    """Endless batches; a picture's randomness comes from (seed, step, place in the batch) alone."""
    coming: deque[Future[DamagedBatch]] = deque()
    with ThreadPoolExecutor(config.workers) as pool:
        for step in count(first_step):
            coming.append(pool.submit(make_batch, photos, config, step))
            if len(coming) > config.workers:
                yield coming.popleft().result()


def make_batch(photos: Sequence[Photo], config: RepairRun, step: int) -> DamagedBatch:
    """The batch of one step; see ``batches``."""
    planes = []
    for place in range(config.batch_size):
        rng = np.random.default_rng((config.seed, step, place))
        photo = photos[int(rng.integers(len(photos)))]
        rgb = random_crop(photo, config.crop, config.scale, rng)
        planes.append(_example(lightness_of(rgb), config, rng))
    return _stacked(planes)


def validation_batch(photos: Sequence[Photo], config: RepairRun) -> Iterator[DamagedBatch]:
    """Crops of photographs with damage that is always the same; no wear, one at a time."""
    for number, photo in enumerate(photos):
        rng = np.random.default_rng((_VALIDATION_SEED, number))
        whole = lightness_of(random_crop(photo, config.crop, (1.0, 1.0), rng))
        found = damaged(whole, rng.uniform(*config.strength), rng)
        yield _stacked([(found.lightness, whole, found.mask.astype(np.float32))])


def lightness_of(rgb: Photo) -> Plane:
    """L*/100 of ``(H, W, 3)`` RGB, ``(H, W)`` float32 in steps of 1/255."""
    lightness = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[..., 0]
    return lightness.astype(np.float32) * np.float32(1.0 / 255.0)


def _example(
    whole: Plane, config: RepairRun, rng: np.random.Generator
) -> tuple[Plane, Plane, Plane]:
    if rng.random() < config.film_share:
        whole = film_like(whole, rng.uniform(0.0, config.film), rng, dirty=False).lightness
    if rng.random() < config.texture_share:
        whole = textured(whole, rng)
    strength = 0.0 if rng.random() < config.whole_share else rng.uniform(*config.strength)
    found = damaged(whole, strength, rng)
    seen = found.lightness
    if rng.random() < 0.3:  # scans are stored with losses
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(50, 95))]
        _, blob = cv2.imencode(".jpg", cv2.convertScaleAbs(seen, alpha=255.0), quality)
        decoded = np.asarray(cv2.imdecode(blob, cv2.IMREAD_GRAYSCALE))
        seen = decoded.astype(np.float32) * np.float32(1.0 / 255.0)
    return seen, whole, found.mask.astype(np.float32)


def _stacked(examples: list[tuple[Plane, Plane, Plane]]) -> DamagedBatch:
    seen, whole, mask = (np.stack(each)[:, None] for each in zip(*examples, strict=True))
    return DamagedBatch(torch.from_numpy(seen), torch.from_numpy(whole), torch.from_numpy(mask))
