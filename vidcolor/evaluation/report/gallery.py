"""Pictures for the report: a few of many, encoded at once so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_T = TypeVar("_T")

Rgb8 = npt.NDArray[np.uint8]
"""``(H, W, 3)``."""

_LONG_SIDE_PX = 360
_STRIP_ROWS = 240
_MAX_STRIP_FRAMES = 1200
_JPEG_QUALITY = 88


@dataclass(frozen=True, slots=True)
class Picture:
    """One encoded picture.

    Attributes:
        caption: whose it is ("grey", a model, "truth").
        jpeg: the file.
        width: pixels.
        height: pixels.
    """

    caption: str
    jpeg: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Row:
    """Versions of one picture, side by side; or flicker strips, one below the other."""

    name: str
    pictures: tuple[Picture, ...]


@dataclass
class Thinned(Generic[_T]):
    """Keeps things spread evenly over however many come: between half of ``most`` and ``most``.

    When full, every second one is dropped and from then on half as many are taken.
    """

    most: int
    kept: list[_T] = field(default_factory=list)
    _stride: int = 1
    _seen: int = 0

    def offer(self, make: Callable[[], _T]) -> None:
        """Take the next, if it is one of those to keep; ``make`` is only called then."""
        if self._seen % self._stride == 0:
            if len(self.kept) == self.most:
                self.kept = self.kept[::2]
                self._stride *= 2
            if self._seen % self._stride == 0:
                self.kept.append(make())
        self._seen += 1


class Gallery(Thinned[Row]):
    """A few rows of many."""

    def __init__(self, most: int = 24) -> None:
        super().__init__(most)

    @property
    def rows(self) -> list[Row]:
        """Those that were kept."""
        return self.kept


def row(name: str, versions: Iterable[tuple[str, Tensor]], *, turns: int = 0) -> Row:
    """Encode the versions of one picture.

    Args:
        name: of the picture.
        versions: caption and ``(3, H, W)`` code values in [0, 255].
        turns: quarter turns clockwise for display.
    """
    return Row(name, tuple(_picture(caption, _array(x, turns)) for caption, x in versions))


class FlickerStrip:
    """One column of pixels of every frame, side by side: what moves makes slopes, flicker combs.

    Of long films it is every second frame, every fourth and so on, as in ``Gallery``.
    """

    def __init__(self, caption: str) -> None:
        self.caption = caption
        self._columns = Thinned[Rgb8](_MAX_STRIP_FRAMES)

    def add(self, rgb: Tensor, *, turns: int = 0) -> None:
        """Take the middle column of the next frame.

        Args:
            rgb: ``(3, H, W)`` code values in [0, 255].
            turns: quarter turns clockwise for display; the column is that of the turned frame.
        """
        self._columns.offer(lambda: _middle_column(rgb, turns))

    def picture(self) -> Picture | None:
        """The strip, each frame up to six pixels wide; None of nothing."""
        if not self._columns.kept:
            return None
        strip = np.concatenate(self._columns.kept, axis=1)
        times = min(6, max(1, 900 // strip.shape[1]))
        return _encoded(self.caption, strip.repeat(times, axis=1))


def strips_row(name: str, strips: Sequence[FlickerStrip]) -> Row:
    """The strips of all versions of one film."""
    made = (strip.picture() for strip in strips)
    return Row(name, tuple(picture for picture in made if picture is not None))


def _middle_column(rgb: Tensor, turns: int) -> Rgb8:
    shown = torch.rot90(rgb, -turns, dims=(1, 2)) if turns else rgb
    column = _array(shown[:, :, shown.shape[2] // 2 : shown.shape[2] // 2 + 1], 0)
    return _resized(column, 1, min(_STRIP_ROWS, column.shape[0]))


def _array(rgb: Tensor, turns: int) -> Rgb8:
    codes = rgb.round().clamp(0.0, 255.0).byte().permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(np.rot90(codes, -turns))


def _picture(caption: str, rgb: Rgb8) -> Picture:
    height, width = rgb.shape[:2]
    scale = min(1.0, _LONG_SIDE_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return _encoded(caption, _resized(rgb, *size))


def _resized(rgb: Rgb8, width: int, height: int) -> Rgb8:
    if rgb.shape[:2] == (height, width):
        return rgb
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)


def _encoded(caption: str, rgb: Rgb8) -> Picture:
    # 4:4:4, or colour would bleed in the very pictures that are looked at for it
    options = [
        cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]  # fmt: skip
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(rgb[:, :, ::-1]), options)
    assert done, "OpenCV encodes any 8-bit picture as JPEG"
    return Picture(caption, data.tobytes(), rgb.shape[1], rgb.shape[0])
