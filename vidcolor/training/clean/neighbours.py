"""Each picture's nearest others, and groups of near duplicates among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch

from vidcolor.data.photos import Photo
from vidcolor.training.clean.embedding import Vectors

_ROWS = 512  # at once; with 50,000 pictures a block of cosines takes 100 MB
_MOST = 16
_THUMB_PX = 24

_ALIKE = ((0.88, 0.9), (0.75, 0.975), (-2.0, 0.999))
"""Cosine and correlation above which two pictures are the same; one may make up for the other.

The last is for copies in pools of a few pictures, whose mean says nothing. Horizons alone bring
0.96 of correlation, and what stands in the same place on another day 0.85 of cosine.
"""

Thumbs = npt.NDArray[np.float32]
"""``(N, 576)``: small grey pictures with mean 0 and length 1."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest of each picture.

    Attributes:
        index: ``(N, k)`` int64, the nearest first, the picture itself left out.
        cosine: ``(N, k)`` float32, theirs.
    """

    index: npt.NDArray[np.int64]
    cosine: Vectors

    @property
    def distance(self) -> npt.NDArray[np.float32]:
        """``(N,)``: mean of 1 - cosine over the nearest, 0 where there are none."""
        if not self.cosine.shape[1]:
            return np.zeros(len(self.cosine), np.float32)
        return np.asarray(1.0 - self.cosine.mean(axis=1), dtype=np.float32)


def find_neighbours(unit: Vectors, *, step: Callable[[int], None]) -> Neighbours:
    """Compare all with all, a block at a time.

    Args:
        unit: unit vectors.
        step: told after each block how many rows it had.
    """
    every = torch.from_numpy(unit)
    count = min(_MOST, len(unit) - 1)
    index, cosine = [], []
    for first in range(0, len(unit), _ROWS):
        block = every[first : first + _ROWS] @ every.T
        rows = torch.arange(len(block))
        block[rows, rows + first] = -2.0
        best = block.topk(count, dim=1)
        index.append(best.indices.numpy())
        cosine.append(best.values.numpy())
        step(len(block))
    return Neighbours(np.concatenate(index), np.concatenate(cosine))


def thumb(photo: Photo) -> Thumbs:
    """The ``(576,)`` thumbnail of a picture."""
    grey = cv2.cvtColor(
        cv2.resize(photo, (_THUMB_PX, _THUMB_PX), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY
    ).astype(np.float32)
    grey -= grey.mean()
    return np.asarray(grey / max(float(np.linalg.norm(grey)), 1e-6), np.float32).ravel()


def group_duplicates(near: Neighbours, thumbs: Thumbs, areas: Sequence[int]) -> dict[int, int]:
    """Near duplicates, mirrored ones included.

    Pairs with a high cosine count if their thumbnails correlate too (``_ALIKE``): alike in what
    they show and in where it is. Pairs that share a picture are one group.

    Args:
        near: nearest others.
        thumbs: of all pictures.
        areas: in pixels; the largest of a group is kept, of several the first.

    Returns:
        From each picture to leave out to the one that is kept.
    """
    parent = list(range(len(thumbs)))
    count, most = near.index.shape
    first, second = np.repeat(np.arange(count), most), near.index.ravel()
    cosine, correlation = near.cosine.ravel(), _correlation(thumbs, first, second)
    same = np.any([(cosine > c) & (correlation > r) for c, r in _ALIKE], axis=0)
    for a, b in zip(first[same].tolist(), second[same].tolist(), strict=True):
        parent[_root(parent, a)] = _root(parent, b)
    groups: dict[int, list[int]] = {}
    for number in range(len(parent)):
        groups.setdefault(_root(parent, number), []).append(number)
    found: dict[int, int] = {}
    for members in groups.values():
        best = max(members, key=lambda n: (areas[n], -n))
        found |= {n: best for n in members if n != best}
    return found


def _correlation(
    thumbs: Thumbs, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Of pairs, the larger of as they are and mirrored."""
    result = np.empty(len(first), np.float32)
    for start in range(0, len(first), _ROWS):
        part = slice(start, start + _ROWS)
        a, b = thumbs[first[part]], thumbs[second[part]]
        mirrored = b.reshape(-1, _THUMB_PX, _THUMB_PX)[:, :, ::-1].reshape(b.shape)
        result[part] = np.maximum((a * b).sum(axis=1), (a * mirrored).sum(axis=1))
    return result


def _root(parent: list[int], n: int) -> int:
    while parent[n] != n:
        parent[n] = parent[parent[n]]
        n = parent[n]
    return n
