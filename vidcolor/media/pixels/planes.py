"""Planes of libav's frames as NumPy arrays, without a copy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from av.video.plane import VideoPlane


def plane_rows(plane: VideoPlane, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """All lines of a plane with the padding at their ends, the top one first.

    Args:
        plane: of a frame, which lives as long as the view; what is written goes into the frame.
        dtype: of one sample, with its byte order.
    """
    stride, size = abs(plane.line_size), np.dtype(dtype).itemsize
    lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, stride)
    rows: npt.NDArray[Any] = lines[:, : stride - stride % size].view(dtype)
    return rows[::-1] if plane.line_size < 0 else rows


def plane_view(plane: VideoPlane, dtype: npt.DTypeLike, *, per_pixel: int = 1) -> npt.NDArray[Any]:
    """``(lines, width * per_pixel)`` samples of a plane, without padding.

    Args:
        plane: see ``plane_rows``.
        dtype: likewise.
        per_pixel: samples for each pixel, in packed formats.
    """
    return plane_rows(plane, dtype)[: plane.height, : plane.width * per_pixel]
