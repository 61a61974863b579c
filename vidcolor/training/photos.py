"""Colour photographs from folders and tar files, held decoded in memory."""

from __future__ import annotations

import logging
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.errors import InputError

logger = logging.getLogger(__name__)

Photo = npt.NDArray[np.uint8]
"""``(H, W, 3)`` RGB."""

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
_LARGEST_SHORT_SIDE_PX = 256
_MIN_MEAN_CHROMA = 4.0


def load_photos(sources: tuple[str, ...], *, limit: int | None = None) -> list[Photo]:
    """Decode all photographs of some folders or tar files, in a fixed order.

    Grey and nearly grey pictures are left out (they teach grey), and large ones are reduced to a
    short side of 256.

    Raises:
        InputError: if a source is missing or no photograph is in any.
    """
    encoded = [blob for source in sources for blob in _read(Path(source))]
    with ThreadPoolExecutor(2) as pool:
        photos = [p for p in pool.map(_decode, encoded[:limit]) if p is not None]
    if not photos:
        raise InputError(f"no colour photographs in {', '.join(sources) or 'no source at all'}")
    logger.info("%d photographs of %d files", len(photos), len(encoded))
    return photos


def iter_named(source: Path) -> Iterator[tuple[str, bytes]]:
    """Names and encoded bytes of the pictures in a folder or tar file, sorted by name.

    Raises:
        InputError: if the source can't be read.
    """
    if source.is_dir():
        for path in sorted(p for p in source.rglob("*") if p.suffix.lower() in _SUFFIXES):
            yield str(path.relative_to(source)), path.read_bytes()
        return
    try:
        with tarfile.open(source, "r:") as tar:
            members = [
                m
                for m in tar.getmembers()
                if m.isfile() and Path(m.name).suffix.lower() in _SUFFIXES
            ]
            for member in sorted(members, key=lambda m: m.name):
                file = tar.extractfile(member)
                if file is not None:
                    yield member.name, file.read()
    except (OSError, tarfile.TarError) as error:
        raise InputError(f"{source}: neither a folder nor a plain tar file: {error}") from error


def decode_rgb(blob: bytes) -> Photo | None:
    """RGB of an encoded picture, None where it does not decode."""
    bgr = cv2.imdecode(np.frombuffer(blob, np.uint8), cv2.IMREAD_COLOR)
    return (
        None if bgr is None else np.ascontiguousarray(bgr[:, :, ::-1]).astype(np.uint8, copy=False)
    )


def _read(source: Path) -> list[bytes]:
    return [blob for _, blob in iter_named(source)]


def _decode(blob: bytes) -> Photo | None:
    photo = decode_rgb(blob)
    if photo is None or min(photo.shape[:2]) < 32:
        return None
    short = min(photo.shape[:2])
    if short > _LARGEST_SHORT_SIDE_PX:
        size = [round(n * _LARGEST_SHORT_SIDE_PX / short) for n in photo.shape[1::-1]]
        photo = cv2.resize(photo, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    lab = cv2.cvtColor(photo[::4, ::4].astype(np.float32) / 255.0, cv2.COLOR_RGB2Lab)
    chroma = float(np.hypot(lab[..., 1], lab[..., 2]).mean())
    return photo if chroma >= _MIN_MEAN_CHROMA else None
