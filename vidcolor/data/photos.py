"""Colour photographs, decoded into memory up to a limit, from disk beyond it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import overload

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.data.sources import Entry, list_entries
from vidcolor.errors import InputError

logger = logging.getLogger(__name__)

Photo = npt.NDArray[np.uint8]
"""``(H, W, 3)`` RGB."""

Keep = Callable[[str], bool]
"""Whether a photograph counts, by its name."""

_LARGEST_SHORT_SIDE_PX = 256
_SMALLEST_SIDE_PX = 32
_MIN_MEAN_CHROMA = 4.0
_SAMPLES_PX = 4  # every so many pixels tell whether a picture is grey


class PhotoSet(Sequence[Photo]):
    """Photographs by number; those beyond the memory given are decoded when they are wanted.

    Grey and nearly grey pictures are left out, for they teach grey, unless a list says that they
    were looked at. Those that are decoded late are only found then: in place of a grey one comes
    the next that isn't.
    """

    def __init__(
        self, decoded: list[Photo], late: list[Entry], weights: list[float] | None = None
    ) -> None:
        self._decoded, self._late = decoded, late
        self.weights = weights or [1.0] * len(self)
        """How often each should be seen, relative to the others; from lists."""

    def __len__(self) -> int:
        return len(self._decoded) + len(self._late)

    @overload
    def __getitem__(self, index: int) -> Photo: ...
    @overload
    def __getitem__(self, index: slice) -> list[Photo]: ...
    def __getitem__(self, index: int | slice) -> Photo | list[Photo]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        for step in range(len(self)):
            photo = self._at((index + step) % len(self))
            if photo is not None:
                return photo
        raise InputError("no colour photographs are left; were files removed?")

    def _at(self, index: int) -> Photo | None:
        if index < len(self._decoded):
            return self._decoded[index]
        return _decode(self._late[index - len(self._decoded)])


def load_photos(
    sources: Sequence[str],
    *,
    split: str = "train",
    keep: Keep | None = None,
    memory_gb: float = 8.0,
) -> PhotoSet:
    """Photographs of folders, tar files and lists, in a fixed order.

    Large ones are reduced to a short side of 256 pixels.

    Args:
        sources: paths; see ``list_entries``.
        split: which rows of a list count.
        keep: by name, which photographs; None for all.
        memory_gb: how much to decode ahead.

    Raises:
        InputError: if a source is missing or no photograph is in any.
    """
    entries = [e for source in sources for e in list_entries(Path(source), split=split)]
    entries = [e for e in entries if keep is None or keep(e.name)]
    photos: list[Photo] = []
    weights: list[float] = []
    taken, room = 0, memory_gb * 1e9
    with ThreadPoolExecutor(2) as pool:
        while taken < len(entries) and room > 0:
            part = entries[taken : taken + 256]
            pairs = list(zip(pool.map(_decode, part), part, strict=True))
            new = [photo for photo, _ in pairs if photo is not None]
            photos += new
            weights += [entry.weight for photo, entry in pairs if photo is not None]
            room -= sum(p.nbytes for p in new)
            taken += len(part)
    found = PhotoSet(photos, entries[taken:], weights + [e.weight for e in entries[taken:]])
    if not photos and not entries[taken:]:
        raise InputError(f"no colour photographs in {', '.join(sources) or 'no source at all'}")
    logger.info("%d photographs, %d of them in memory", len(found), len(photos))
    return found


class Balanced(Sequence[Photo]):
    """Photographs as often as their weights say: each at least once, twice on average.

    Args:
        photos: with ``weights``.
    """

    def __init__(self, photos: PhotoSet) -> None:
        self._photos = photos
        wanted = np.cumsum(photos.weights) * (2.0 * len(photos) / sum(photos.weights))
        # Differences of rounded sums: the sum of all is right.
        times = np.diff(np.rint(wanted), prepend=0.0).astype(np.int64)
        self._index = np.repeat(np.arange(len(photos)), np.maximum(times, 1))

    def __len__(self) -> int:
        return len(self._index)

    @overload
    def __getitem__(self, index: int) -> Photo: ...
    @overload
    def __getitem__(self, index: slice) -> list[Photo]: ...
    def __getitem__(self, index: int | slice) -> Photo | list[Photo]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return self._photos[int(self._index[index])]


def decode_rgb(blob: bytes) -> Photo | None:
    """RGB of an encoded picture, None where it does not decode."""
    if not blob:
        return None
    bgr = cv2.imdecode(np.frombuffer(blob, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        return None
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def _decode(entry: Entry) -> Photo | None:
    try:
        photo = decode_rgb(entry.read())
    except OSError as error:
        logger.warning("%s: can't read %s: %s", entry.file, entry.name, error)
        return None
    if photo is None or min(photo.shape[:2]) < _SMALLEST_SIDE_PX:
        return None
    short = min(photo.shape[:2])
    if short > _LARGEST_SHORT_SIDE_PX:
        size = [round(n * _LARGEST_SHORT_SIDE_PX / short) for n in photo.shape[1::-1]]
        photo = cv2.resize(photo, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    return None if _is_grey(photo) and not entry.looked_at else photo


def _is_grey(photo: Photo) -> bool:
    few = photo[::_SAMPLES_PX, ::_SAMPLES_PX].astype(np.float32) / 255.0
    lab = cv2.cvtColor(few, cv2.COLOR_RGB2Lab)
    return float(np.hypot(lab[..., 1], lab[..., 2]).mean()) < _MIN_MEAN_CHROMA
