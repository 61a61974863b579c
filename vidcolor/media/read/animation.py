"""Animated WebP and PNG by Pillow: what libav's decoders can't."""

from __future__ import annotations

import io
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from PIL import Image, UnidentifiedImageError

from vidcolor.errors import InputError
from vidcolor.media.files.inputs import InputFile, is_pipe, reason, shown
from vidcolor.media.pixels.limits import check_size
from vidcolor.media.read.base import BaseSource, Item, check_span
from vidcolor.media.read.stage import FrameStage
from vidcolor.media.read.stamps import Span, exact_seconds
from vidcolor.types import ColorTags, VideoInfo

_TIME_BASE: Final = Fraction(1, 1000)
_DEFAULT_MS: Final = 100
_HEAD_BYTES: Final = 64


def needs_pillow(path: str | Path) -> bool:
    """Tell whether a file is an animated WebP or PNG (False for what can't be read)."""
    if str(path) == "-" or is_pipe(path):
        return False
    try:
        file = InputFile(path)
    except InputError:
        return False
    try:
        head = file.read(_HEAD_BYTES)
    except OSError:
        return False
    finally:
        file.close()
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP" and head[12:16] == b"VP8X"
    if webp:
        return bool(head[20] & 2)
    return head.startswith(b"\x89PNG") and head[37:41] == b"acTL"


class AnimationReader(BaseSource):
    """Reads an animation through Pillow; keeps ``source.FrameSource``.

    Args:
        path: the file.
        start_s: seconds from the start; frames with ``start <= t < end`` are read.
        end_s: likewise.

    Raises:
        InputError: the file can't be read.
        OptionError: ``end_s`` isn't after ``start_s``.
    """

    def __init__(
        self, path: str | Path, *, start_s: float | None = None, end_s: float | None = None
    ) -> None:
        super().__init__()
        start, end = exact_seconds(start_s), exact_seconds(end_s)
        check_span(start, end)
        self._label = shown(path)
        self._failure = ""
        try:
            self._image = Image.open(io.BytesIO(Path(path).read_bytes()))
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            raise InputError(f"{self._label}: can't be read: {reason(error)}") from None
        width, height = self._image.size
        try:
            check_size(width, height, self._label)
            span = Span(origin=Fraction(0), start=start, end=end, time_bases=[_TIME_BASE])
            info = _describe(str(path), self._image)
            self._stage = FrameStage(info, span, deinterlace=False, label=self._label)
            self._prime(self._process())
        except BaseException:
            self.close()
            raise

    def _release(self) -> None:
        self._image.close()

    def _process(self) -> Generator[Item, None, None]:
        pts = 0
        # A PNG's default image may be no part of its animation.
        first = int(bool(self._image.info.get("default_image")))
        pix_fmt = _pix_fmt(self._image)
        mode = "RGBA" if pix_fmt == "rgba" else "RGB"
        for index in range(first, int(getattr(self._image, "n_frames", 1))):
            try:
                self._image.seek(index)
                pixels = np.asarray(self._image.convert(mode))
            except (OSError, EOFError, ValueError, SyntaxError) as error:
                self._failure = str(error)
                self.damaged += 1
                continue
            milliseconds = round(float(self._image.info.get("duration") or _DEFAULT_MS))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=pix_fmt)
            frame.pts, frame.duration, frame.time_base = pts, milliseconds, _TIME_BASE
            pts += max(1, milliseconds)
            yield from self._stage.push(frame)
            if self._stage.ended:
                break
        yield from self._stage.flush()
        self._stage.conclude(damaged=self.damaged)

    def _why_nothing(self) -> str:
        if self._failure:
            return f"{self._label}: no frame can be decoded: {self._failure}"
        return f"{self._label}: no frame lies in the part that was asked for"


def _pix_fmt(image: Image.Image) -> str:
    """What its frames are handed on as: with alpha, only so that the loss of it is said."""
    return "rgba" if image.has_transparency_data else "rgb24"


def _describe(path: str, image: Image.Image) -> VideoInfo:
    kind = (image.format or "").lower()
    return VideoInfo(
        path=path,
        container=kind,
        codec="apng" if kind == "png" else kind,
        width=image.width,
        height=image.height,
        pix_fmt=_pix_fmt(image),
        depth=8,
        chroma_shift=(0, 0),
        is_gray=False,
        is_rgb=True,
        has_alpha=image.has_transparency_data,
        time_base=_TIME_BASE,
        rate=None,
        is_vfr=True,
        sar=Fraction(1),
        rotation=0,
        field_order="progressive",
        tags=ColorTags(),
        duration_s=None,
        frames=int(getattr(image, "n_frames", 1)) - bool(image.info.get("default_image")),
        start_s=0.0,
    )
