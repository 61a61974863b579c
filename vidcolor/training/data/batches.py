"""Training batches, made ahead in threads of their own."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import count

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vidcolor.data.photos import Photo
from vidcolor.data.stock import orthochromatic
from vidcolor.data.wear import Worn, film_like
from vidcolor.training.config import TrainConfig
from vidcolor.training.data.augment import lab_of, random_crop


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step learns from.

    Attributes:
        lightness: ``(B, 1, crop, crop)`` float32, L*/100, worn: what the network sees.
        clean: the same before it was worn, from the true colours: what a teacher sees.
        dirt: ``(B, 1, crop, crop)`` float32 in [0, 1]: opacity of dirt and scratches drawn over it.
        ab: ``(B, 2, crop/s, crop/s)`` float32, the true colours at the network's output stride s.
    """

    lightness: Tensor
    clean: Tensor
    dirt: Tensor
    ab: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        if device.type == "cpu":
            return self
        pinned = device.type == "cuda"
        parts = [
            (t.pin_memory() if pinned else t).to(device, non_blocking=pinned)
            for t in (self.lightness, self.clean, self.dirt, self.ab)
        ]
        return Batch(*parts)


def batches(
    photos: Sequence[Photo],
    config: TrainConfig,
    output_stride: int,
    *,
    first_step: int = 0,
    rank: int = 0,
    world: int = 1,
) -> Iterator[Batch]:
    """Endless batches.

    Every picture's randomness comes from (seed, step, place in the batch) alone, so a resumed run
    sees the same pictures, and so do several processes together.

    Args:
        photos: to choose from.
        config: of the run; ``batch_size`` counts over all processes.
        output_stride: of the network.
        first_step: where to begin.
        rank: number of this process, which gets every ``world``-th picture of each batch.
        world: number of processes.
    """
    coming: deque[Future[Batch]] = deque()
    with ThreadPoolExecutor(config.workers) as pool:
        for step in count(first_step):
            coming.append(pool.submit(make_batch, photos, config, step, output_stride, rank, world))
            if len(coming) > config.workers:
                yield coming.popleft().result()


def make_batch(
    photos: Sequence[Photo],
    config: TrainConfig,
    step: int,
    output_stride: int,
    rank: int = 0,
    world: int = 1,
) -> Batch:
    """The batch of one step; see ``batches``."""
    places = range(rank, config.batch_size, world)
    side, scale = config.crop_at(step)
    seen = np.empty((len(places), 1, side, side), np.float32)
    clean = np.empty_like(seen)
    dirt = np.zeros_like(seen)
    few = side // output_stride
    ab = np.empty((len(places), few, few, 2), np.float32)
    for i, place in enumerate(places):
        rng = np.random.default_rng((config.seed, step, place))
        photo = photos[_pick(len(photos), config, step * config.batch_size + place)]
        rgb = random_crop(photo, side, scale, rng, config.stretch)
        clean[i, 0], true = lab_of(rgb)
        ab[i] = cv2.resize(true, (few, few), interpolation=cv2.INTER_AREA)
        worn = _worn(rgb, clean[i, 0], config, rng)
        seen[i, 0], dirt[i, 0] = worn.lightness, worn.dirt
    colour = torch.from_numpy(ab).permute(0, 3, 1, 2).contiguous()
    return Batch(torch.from_numpy(seen), torch.from_numpy(clean), torch.from_numpy(dirt), colour)


def _worn(
    rgb: Photo, clean: npt.NDArray[np.float32], config: TrainConfig, rng: np.random.Generator
) -> Worn:
    """What the network sees of a crop."""
    # A share of 0 draws nothing: such runs repeat those of versions without stock.
    if config.orthochromatic and rng.random() < config.orthochromatic:
        clean = orthochromatic(rgb, rng)
    if rng.random() < config.film_share:
        return film_like(clean, config.film, rng)
    return Worn(clean, np.zeros_like(clean))


def _pick(photos: int, config: TrainConfig, position: int) -> int:
    """Every photograph once per epoch, in an order of the epoch's own."""
    epoch, place = divmod(position, photos)
    return int(_order(photos, config.seed, epoch)[place])


@lru_cache(maxsize=4)
def _order(photos: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng((seed, epoch, photos)).permutation(photos)
