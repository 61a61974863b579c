"""The film that is measured on: the user's, the user's at another size, or a made-up one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from vidcolor.color import lightness_to_grey, luma_to_lightness
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.run.sources import open_source
from vidcolor.errors import InputError
from vidcolor.media.write.grey_clip import write_grey_clip
from vidcolor.types import LumaFrame, VideoInfo

Size = tuple[int, int]
"""(width, height) in pixels."""

DEFAULT_SIZE: Size = (640, 480)
_RATE = Fraction(24)
_MEMORY_PIXELS = 128_000_000
"""Frames held in memory at once: 128 to 256 MB of luma."""


@dataclass(frozen=True, slots=True)
class Material:
    """A film on disk, and its first frames.

    Attributes:
        path: the file.
        label: what it is, for people.
        info: of its video stream.
        frames: the first ones, decoded.
        end_s: seconds from the file's start at which the last of ``frames`` is over, None where
            the file ends there.
    """

    path: Path
    label: str
    info: VideoInfo
    frames: list[LumaFrame]
    end_s: float | None

    @property
    def size(self) -> Size:
        """Of a frame, as stored."""
        return self.info.width, self.info.height


def make_material(clip: Path | None, size: Size | None, frames: int, folder: Path) -> Material:
    """Find or make the film.

    Args:
        clip: the user's film; None for a made-up one.
        size: to scale to; None for the clip's own, or ``DEFAULT_SIZE``.
        frames: at most so many.
        folder: where a film that has to be written goes.

    Raises:
        InputError: the clip can't be read.
    """
    if clip is not None and size is None:
        return read_material(clip, clip.name, frames)
    width, height = size or DEFAULT_SIZE
    path = folder / f"{width}x{height}.mp4"
    if clip is None:
        pictures, rate, label = moving_picture((width, height), frames), _RATE, "made-up film"
    else:
        source = read_material(clip, clip.name, frames)
        rate = source.info.rate or _RATE
        pictures, label = _scaled(source.frames, (width, height)), f"{clip.name}, scaled"
    write_grey_clip(path, pictures, rate)
    return read_material(path, label, frames)


def read_material(path: Path, label: str, frames: int) -> Material:
    """The first frames of a film, fewer where they are so large that memory would fill.

    Raises:
        InputError: there are none.
    """
    taken: list[LumaFrame] = []
    end_s = None
    with open_source(path, ColorizeOptions()) as source:
        info = source.info
        limit = max(2, min(frames, _MEMORY_PIXELS // (info.width * info.height)))
        for item in source:
            if not isinstance(item, LumaFrame):
                continue
            if len(taken) == limit:
                end_s = item.seconds - info.start_s
                break
            taken.append(item)
    if not taken:
        raise InputError(f"{path}: no frame of this video could be decoded")
    return Material(path, label, info, taken, end_s)


def moving_picture(size: Size, frames: int) -> Iterator[npt.NDArray[np.uint8]]:
    """A scene for the codecs to chew on: a pan over clouds, something that moves, and grain.

    Args:
        size: (width, height).
        frames: how many.

    Yields:
        ``(height, width)`` full-range codes, always the same ones.
    """
    width, height = size
    draw = np.random.Generator(np.random.PCG64(0))
    scene = _clouds(draw, width + 4 * frames, height)
    rows, columns = np.mgrid[0:height, 0:width]
    for number in range(frames):
        picture = scene[:, 4 * number : 4 * number + width].copy()
        x, y = width * (0.2 + 0.6 * number / max(frames, 1)), height * 0.6
        inside = (columns - x) ** 2 + (rows - y) ** 2 < (0.15 * height) ** 2
        picture[inside] = 0.8 * picture[inside] + 40.0
        picture += draw.normal(0.0, 3.0, picture.shape)
        yield picture.clip(0.0, 255.0).astype(np.uint8)


def _clouds(draw: np.random.Generator, width: int, height: int) -> npt.NDArray[np.float64]:
    """Noise of four scales, coarse ones strongest, ``(height, width)`` around 128."""
    total = torch.full((1, 1, height, width), 128.0, dtype=torch.float64)
    for cells, strength in ((4, 40.0), (12, 20.0), (40, 10.0), (120, 6.0)):
        across = max(2, cells * width // height)
        coarse = torch.from_numpy(draw.normal(0.0, strength, (1, 1, cells, across)))
        total += F.interpolate(coarse, size=(height, width), mode="bicubic")
    return total[0, 0].numpy()


def _scaled(frames: list[LumaFrame], size: Size) -> Iterator[npt.NDArray[np.uint8]]:
    """Frames as full-range grey codes of another size."""
    for frame in frames:
        codes = torch.from_numpy(np.ascontiguousarray(frame.luma))[None, None]
        grey = lightness_to_grey(
            luma_to_lightness(codes, depth=frame.depth, full_range=frame.full_range)
        )
        grey = F.interpolate(grey, size=(size[1], size[0]), mode="bilinear", antialias=True)
        picture: npt.NDArray[np.uint8] = (
            grey.clamp(0.0, 1.0).mul(255.0).round().to(torch.uint8)[0, 0].numpy()
        )
        yield picture
