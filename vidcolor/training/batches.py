"""Training batches, made one step ahead in a thread of their own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.color import rgb_to_lab
from vidcolor.models.networks.compact import OUTPUT_STRIDE
from vidcolor.training.augment import film_like, random_crop
from vidcolor.training.config import TrainConfig
from vidcolor.training.photos import Photo


def batches(
    photos: list[Photo], config: TrainConfig, *, first_step: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless pairs of lightness and true ab.

    Every step's randomness comes from (seed, step) alone, so a resumed run sees the same batches.

    Yields:
        ``(B, 1, crop, crop)`` L*/100 with film-like damage, and ``(B, 2, crop/4, crop/4)`` ab.
    """
    with ThreadPoolExecutor(1) as pool:
        step = first_step
        coming = pool.submit(make_batch, photos, config, step)
        while True:
            step += 1
            ready, coming = coming, pool.submit(make_batch, photos, config, step)
            yield ready.result()


def make_batch(photos: list[Photo], config: TrainConfig, step: int) -> tuple[Tensor, Tensor]:
    """The batch of one step; see ``batches``."""
    rng = np.random.default_rng((config.seed, step))
    picks = _epoch_picks(len(photos), config, step)
    side, scale = config.crop_at(step)
    crops = [random_crop(photos[i], side, scale, rng) for i in picks]
    rgb = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255.0
    lab = rgb_to_lab(rgb)
    generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
    lightness = film_like(lab[:, :1] / 100.0, config.film, generator)
    return lightness, F.avg_pool2d(lab[:, 1:], OUTPUT_STRIDE)


def _epoch_picks(count: int, config: TrainConfig, step: int) -> list[int]:
    """Every photograph once per epoch, in an order of the epoch's own."""
    picks = []
    for position in range(step * config.batch_size, (step + 1) * config.batch_size):
        epoch, place = divmod(position, count)
        picks.append(int(_order(count, config.seed, epoch)[place]))
    return picks


_orders: dict[tuple[int, int, int], np.ndarray] = {}


def _order(count: int, seed: int, epoch: int) -> np.ndarray:
    key = (count, seed, epoch)
    if key not in _orders:
        _orders.clear()
        _orders[key] = np.random.default_rng((seed, epoch, count)).permutation(count)
    return _orders[key]
