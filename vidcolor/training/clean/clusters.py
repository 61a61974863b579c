"""Clusters of pictures that show the same kind of thing, and those that are like no other.

UMAP (McInnes et al., 2018) brings the vectors to few dimensions, in which HDBSCAN (Campello et al.,
2013) finds clusters of any shape and number.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from vidcolor.training.clean.embedding import Vectors

MIN_FOR_UMAP = 50
"""Of fewer pictures no map can be learnt: their vectors are clustered by main components."""

NOISE = -1
"""The label of pictures in no cluster."""

_UMAP_NEIGHBOURS = 15
_DIMENSIONS = 5
_COMPONENTS = 50
_SHARE = 200  # a cluster has at least a two-hundredth of all pictures, and 5
_PARTS, _MANY = 8, 1000  # of many pictures no cluster has more than an eighth
_FAR = 0.01
_LEAST = 5

Labels = npt.NDArray[np.int64]
"""``(N,)``: number of the cluster, ``NOISE`` for none."""


def find_clusters(unit: Vectors, *, seed: int = 0) -> Labels:
    """Cluster pictures.

    Args:
        unit: ``(N, C)`` unit vectors.
        seed: of UMAP.
    """
    if len(unit) < 2 * _LEAST:
        return np.full(len(unit), NOISE, np.int64)
    few = _main_components(unit)
    return _hdbscan(few if len(unit) < MIN_FOR_UMAP else _umap(few, seed))


def outliers(labels: Labels, distance: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Pictures in no cluster that are also among the hundredth farthest from their nearest others.

    HDBSCAN alone puts a fifth of all pictures into no cluster, most of them good ones. Of up to 100
    pictures none is an outlier.

    Args:
        labels: from ``find_clusters``.
        distance: see ``Neighbours.distance``.
    """
    limit = np.quantile(distance, 1.0 - _FAR, method="higher")
    return np.asarray((labels == NOISE) & (distance > limit))


def weights(labels: Labels) -> npt.NDArray[np.float64]:
    """How often each picture should be seen for its clusters to be balanced.

    The square root of how much rarer its cluster is than the middle one, within 1/2 and 2: full
    balance would show the few pictures of small clusters too often. 1 outside of clusters.
    """
    names, counts = np.unique(labels[labels != NOISE], return_counts=True)
    result = np.ones(len(labels))
    for name, count in zip(names, counts, strict=True):
        result[labels == name] = np.clip(np.sqrt(np.median(counts) / count), 0.5, 2.0)
    return result


def _main_components(unit: Vectors) -> Vectors:
    few = _COMPONENTS if len(unit) >= MIN_FOR_UMAP else _DIMENSIONS
    axes = np.linalg.eigh(np.cov(unit.T))[1]  # the last have the largest variance
    return np.asarray((unit - unit.mean(axis=0)) @ axes[:, -few:], np.float32)


def _umap(vectors: Vectors, seed: int) -> Vectors:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a seed means one thread
        from umap import UMAP

        mapping = UMAP(
            n_neighbors=_UMAP_NEIGHBOURS, n_components=_DIMENSIONS, min_dist=0.0, init="pca",
            random_state=seed,
        )  # fmt: skip
        return np.asarray(mapping.fit_transform(vectors), np.float32)


def _hdbscan(vectors: Vectors) -> Labels:
    from sklearn.cluster import HDBSCAN

    # Unlimited, the largest had 58 % of a mixed pool. The tree needs memory for the pictures only,
    # "brute" for all pairs.
    found = HDBSCAN(
        min_cluster_size=max(_LEAST, len(vectors) // _SHARE), min_samples=_LEAST,
        max_cluster_size=len(vectors) // _PARTS if len(vectors) >= _MANY else None,
        algorithm="kd_tree", copy=False,
    )  # fmt: skip
    return np.asarray(found.fit_predict(vectors.astype(np.float64)), np.int64)
