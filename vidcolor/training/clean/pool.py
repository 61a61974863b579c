"""Looks at every photograph of a pool, and decides which stay.

What is kept of each is a vector, a thumbnail and figures, some 3 KB: 50,000 take 150 MB.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from vidcolor.data.photos import Photo, decode_rgb
from vidcolor.data.sources import Entry
from vidcolor.engine.progress import Progress
from vidcolor.errors import InputError
from vidcolor.training.clean.clusters import (
    MIN_FOR_UMAP,
    NOISE,
    find_clusters,
    outliers,
    weights,
)
from vidcolor.training.clean.embedding import Embed, directions, squeezed
from vidcolor.training.clean.figures import Figures, measure
from vidcolor.training.clean.neighbours import find_neighbours, group_duplicates, thumb
from vidcolor.training.clean.reasons import BROKEN, DUPLICATE, OUTLIER, reason_of

_BATCH = 32


@dataclass(slots=True)
class Looked:
    """What is known of one photograph.

    Attributes:
        entry: where it is.
        figures: None where it doesn't decode.
        reason: why it is left out, "" where it is kept.
        like: with near duplicates: the one that is kept.
        cluster: its number, -1 for none.
        weight: how often it should be seen in training, 1 on average.
    """

    entry: Entry
    figures: Figures | None
    reason: str
    like: Entry | None = None
    cluster: int = NOISE
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a thread makes of one file."""

    figures: Figures
    thumb: np.ndarray[tuple[int], np.dtype[np.float16]]
    small: Photo


class Cleaner:
    """Goes over a pool.

    Args:
        embed: makes vectors of pictures.
        threads: that decode.
        drop_outliers: leave out pictures that are unlike all others.
        seed: of the clusters.
        progress: is told what is done.
    """

    def __init__(
        self, embed: Embed, progress: Progress, *, threads: int = 2, drop_outliers: bool = False,
        seed: int = 0,
    ) -> None:  # fmt: skip
        self._embed, self._progress = embed, progress
        self._threads, self._drop, self._seed = threads, drop_outliers, seed
        self._vectors: list[np.ndarray[tuple[int, int], np.dtype[np.float32]]] = []
        self._thumbs: list[np.ndarray[tuple[int], np.dtype[np.float16]]] = []

    def clean(self, entries: Sequence[Entry]) -> list[Looked]:
        """All photographs, in the order given.

        Raises:
            InputError: there are none.
        """
        if not entries:
            raise InputError("no photographs to look at")
        self._progress.start(len(entries), "photographs", "looking")
        looked = [one for part in self._in_batches(entries) for one in self._take(*part)]
        good = [i for i, one in enumerate(looked) if not one.reason]
        if len(good) > 1:
            self._compare([looked[i] for i in good])
        return looked

    def _in_batches(
        self, entries: Sequence[Entry]
    ) -> Iterator[tuple[Sequence[Entry], list[_Seen | None]]]:
        """The next batch is decoded while one is embedded."""
        with ThreadPoolExecutor(self._threads) as pool:
            waiting: tuple[Sequence[Entry], list[Future[_Seen | None]]] | None = None
            for first in range(0, len(entries), _BATCH):
                part = entries[first : first + _BATCH]
                coming = part, [pool.submit(_look, entry) for entry in part]
                if waiting is not None:
                    yield waiting[0], [future.result() for future in waiting[1]]
                waiting = coming
            if waiting is not None:
                yield waiting[0], [future.result() for future in waiting[1]]

    def _take(self, part: Sequence[Entry], seen: Sequence[_Seen | None]) -> list[Looked]:
        """Judge a batch by figures; the good ones get vectors."""
        looked = [
            Looked(e, None, BROKEN) if s is None else Looked(e, s.figures, reason_of(s.figures))
            for e, s in zip(part, seen, strict=True)
        ]
        good = [s for s, one in zip(seen, looked, strict=True) if s is not None and not one.reason]
        if good:
            self._vectors.append(self._embed([s.small for s in good]))
            self._thumbs += [s.thumb for s in good]
        self._progress.advance(len(part))
        return looked

    def _compare(self, good: Sequence[Looked]) -> None:
        """Near duplicates, then clusters and outliers of the others."""
        unit = directions(np.concatenate(self._vectors))
        self._progress.start(len(good), "photographs", "comparing")
        near = find_neighbours(unit, step=self._progress.advance)
        thumbs = np.stack(self._thumbs).astype(np.float32)
        for number, kept in group_duplicates(near, thumbs, [_area(one) for one in good]).items():
            good[number].reason, good[number].like = DUPLICATE, good[kept].entry
        rest = [i for i, one in enumerate(good) if not one.reason]
        if len(rest) < MIN_FOR_UMAP:
            self._progress.message(
                f"{len(rest)} photographs are too few for UMAP: clusters by main components"
            )
        else:
            self._progress.message(f"clustering {len(rest)} photographs by UMAP and HDBSCAN")
        labels = find_clusters(unit[rest], seed=self._seed)
        # A picture's duplicates would make it look less alone than it is.
        distance = find_neighbours(unit[rest], step=lambda _: None).distance
        for i, label, weight, far in zip(
            rest, labels.tolist(), weights(labels).tolist(), outliers(labels, distance), strict=True
        ):
            good[i].cluster, good[i].weight = label, weight
            if far and self._drop:
                good[i].reason = OUTLIER


def counts(looked: Sequence[Looked]) -> Counter[str]:
    """How many are left out for each reason."""
    return Counter(one.reason for one in looked if one.reason)


def _look(entry: Entry) -> _Seen | None:
    try:
        blob = entry.read()
    except OSError:
        return None
    photo = decode_rgb(blob) if _is_whole(blob) else None
    if photo is None:
        return None
    return _Seen(measure(photo), thumb(photo).astype(np.float16), squeezed(photo))


def _is_whole(blob: bytes) -> bool:
    """Whether a JPEG or PNG file reaches its end: OpenCV fills what is missing with grey."""
    if blob.startswith(b"\xff\xd8"):
        # Within compressed data no byte 255 is followed by either.
        return blob.rfind(b"\xff\xd9") > blob.rfind(b"\xff\xda")
    if blob.startswith(b"\x89PNG"):
        return blob.rfind(b"IEND") > 0
    return True


def _area(one: Looked) -> int:
    return one.figures.width * one.figures.height if one.figures else 0
