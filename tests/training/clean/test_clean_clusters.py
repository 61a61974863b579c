"""Neighbours, near duplicates, clusters and outliers, on vectors whose groups are known."""

from __future__ import annotations

import numpy as np
from skimage import data

from vidcolor.training.clean.clusters import NOISE, find_clusters, outliers, weights
from vidcolor.training.clean.embedding import directions
from vidcolor.training.clean.neighbours import find_neighbours, group_duplicates, thumb


def groups_of(*sizes: int, alone: int = 0) -> np.ndarray:
    """Vectors around a centre for each group, and some that are anywhere."""
    rng = np.random.default_rng(3)
    parts = [rng.normal(0, 1, 24) * 4 + rng.normal(0, 0.5, (size, 24)) for size in sizes]
    parts.append(rng.normal(0, 1, (alone, 24)) * 8)
    return directions(np.concatenate(parts).astype(np.float32))


def test_clusters_of_few_are_found_and_balanced() -> None:
    labels = find_clusters(groups_of(24, 12, 6))  # below the 50 that UMAP needs
    first, second, third = labels[:24], labels[24:36], labels[36:]
    assert len(set(labels.tolist())) == 3
    for part in (first, second, third):
        assert len(set(part.tolist())) == 1 and part[0] != NOISE
    # sqrt of 12 (the middle size) over 24, 12 and 6
    assert np.allclose(weights(labels)[[0, 24, 36]], [0.7071, 1.0, 1.4142], atol=1e-4)


def test_too_few_are_no_cluster() -> None:
    assert set(find_clusters(groups_of(4, 5)).tolist()) == {NOISE}


def test_outliers_are_in_no_cluster_and_far() -> None:
    labels = np.array([0] * 297 + [NOISE] * 3)
    distance = np.array([0.3 + 0.0001 * n for n in range(300)], np.float32)
    distance[[5, 298]] = 0.9, 0.8  # far, but in a cluster; far and in none
    # The hundredth of 300 are three: these and the last, which is the limit itself.
    assert np.flatnonzero(outliers(labels, distance)).tolist() == [298]
    assert not outliers(labels[-100:], distance[-100:]).any()


def test_neighbours_are_those_of_the_own_group_and_never_oneself() -> None:
    unit = groups_of(20, 20)
    done: list[int] = []
    near = find_neighbours(unit, step=done.append)
    assert sum(done) == 40
    assert near.index.shape == (40, 16)
    assert (near.index[:20] < 20).all() and (near.index[20:] >= 20).all()
    assert all(n not in row for n, row in enumerate(near.index.tolist()))


def test_duplicates_are_confirmed_by_thumbnails_and_the_largest_is_kept() -> None:
    astronaut, coffee = data.astronaut(), data.coffee()
    pictures = [
        astronaut[::2, ::2], astronaut, astronaut[:, ::-1], coffee, astronaut[:256, :256],
    ]  # fmt: skip
    same = np.ones((5, 8), np.float32) / np.sqrt(8.0)  # as if the encoder saw no difference
    near = find_neighbours(same, step=lambda _: None)
    areas = [p.shape[0] * p.shape[1] for p in pictures]
    found = group_duplicates(near, np.stack([thumb(p) for p in pictures]), areas)
    assert found == {0: 1, 2: 1}  # the mirrored one too; not another picture, not a part of one
