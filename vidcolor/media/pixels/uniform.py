"""Luma planes of one shape, depth and range, whatever the stream turns into on its way."""

from __future__ import annotations

from typing import Final, cast

import av
import cv2
import numpy as np

from vidcolor.media.pixels.layout import is_full_range, pixel_layout, rgb_matrix
from vidcolor.media.pixels.luma import extract_luma
from vidcolor.types import ColorTags, Plane

_BLACK: Final = 16
_SPAN: Final = 219


class PictureMaker:
    """Takes the luma out of frames; the first frame sets the shape for all.

    Args:
        first: the first decoded frame.
        tags: the stream's colour description.

    Attributes:
        width, height, depth, full_range: of all planes returned.
        changed: frames that had to be converted because the stream changed its shape or format.
    """

    def __init__(self, first: av.VideoFrame, tags: ColorTags) -> None:
        self.width, self.height = first.width, first.height
        self.depth = pixel_layout(first.format.name).depth
        self.full_range = is_full_range(first.format.name, first.color_range or tags.range)
        self.changed = 0
        self._tags_range = tags.range
        self._matrix = rgb_matrix(tags, first.height)

    def make(self, frame: av.VideoFrame) -> Plane:
        """Return the frame's luma, ``(height, width)``, in the first frame's depth and range."""
        luma = extract_luma(frame, matrix=self._matrix)
        depth = pixel_layout(frame.format.name).depth
        full_range = is_full_range(frame.format.name, frame.color_range or self._tags_range)
        same_codes = depth == self.depth and full_range == self.full_range
        same_size = (frame.width, frame.height) == (self.width, self.height)
        if same_codes and same_size:
            return luma
        self.changed += 1
        if not same_codes:
            luma = self._recode(luma, depth, full_range)
        if not same_size:
            shrinks = frame.width > self.width or frame.height > self.height
            method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
            luma = cv2.resize(luma, (self.width, self.height), interpolation=method)  # type: ignore[assignment]
            luma = np.minimum(luma, np.asarray((1 << self.depth) - 1, luma.dtype))
        return luma

    def _recode(self, luma: Plane, depth: int, full_range: bool) -> Plane:
        """Map codes linearly between depths and ranges (H.273, equations 20 and 29)."""
        black, span = _scale(depth, full_range)
        new_black, new_span = _scale(self.depth, self.full_range)
        codes = (luma.astype(np.float32) - black) * np.float32(new_span / span) + new_black
        limit = (1 << self.depth) - 1
        dtype = np.uint8 if self.depth == 8 else np.uint16
        return cast(Plane, np.clip(np.rint(codes), 0, limit).astype(dtype))


def _scale(depth: int, full_range: bool) -> tuple[int, int]:
    """Return (code of black, codes from black to white)."""
    if full_range:
        return 0, (1 << depth) - 1
    return _BLACK << (depth - 8), _SPAN << (depth - 8)
