"""Animated WebP and PNG by Pillow: what libav's decoders can't."""

from __future__ import annotations

import io
from collections.abc import Generator
from fractions import Fraction
from typing import Final

import av
import numpy as np
from PIL import Image, UnidentifiedImageError

from vidcolor.errors import InputError
from vidcolor.media.files.inputs import InputFile, reason
from vidcolor.media.pixels.limits import check_film_size
from vidcolor.media.read.base import BaseSource, Item, check_span
from vidcolor.media.read.frames.stage import FrameStage
from vidcolor.media.read.packets.stamps import Span, exact_seconds
from vidcolor.media.source import ReadSettings
from vidcolor.types import ColorTags, VideoInfo

_TIME_BASE: Final = Fraction(1, 1000)
_DEFAULT_MS: Final = 100


class AnimationReader(BaseSource):
    """Reads an animation through Pillow; keeps ``source.FrameSource``.

    Args:
        file: the animation; stays open.
        path: as the user wrote it.
        settings: how it is read.

    Raises:
        InputError: the file can't be read.
        OptionError: ``end_s`` isn't after ``start_s``.
    """

    def __init__(self, file: InputFile, path: str, settings: ReadSettings) -> None:
        super().__init__()
        check_span(settings)
        start, end = exact_seconds(settings.start_s), exact_seconds(settings.end_s)
        self._label = file.label
        self._failure = ""
        try:
            self._image = Image.open(io.BytesIO(_read(file)))
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            raise InputError(f"{self._label}: can't be read: {reason(error)}") from None
        width, height = self._image.size
        try:
            check_film_size(self._label, width, height)
            span = Span(origin=Fraction(0), start=start, end=end, time_bases=[_TIME_BASE])
            info = _describe(path, self._image)
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
                self._stage.status.damaged += 1
                continue
            milliseconds = round(float(self._image.info.get("duration") or _DEFAULT_MS))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=pix_fmt)
            frame.pts, frame.duration, frame.time_base = pts, milliseconds, _TIME_BASE
            pts += max(1, milliseconds)
            yield from self._stage.push(frame)
            if self._stage.ended:
                break
        yield from self._stage.flush()
        self._stage.conclude()

    def _why_nothing(self) -> str:
        if self._failure:
            return f"{self._label}: no frame can be decoded: {self._failure}"
        return f"{self._label}: no frame lies in the part that was asked for"


def _read(file: InputFile) -> bytes:
    """All of a file.

    Raises:
        OSError: it can't be read.
    """
    view = file.view()
    data = view.read()
    if view.failure:
        raise OSError(view.failure)
    return data


def _pix_fmt(image: Image.Image) -> str:
    """Pixel format of its frames; alpha is kept only so that its loss is reported."""
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
