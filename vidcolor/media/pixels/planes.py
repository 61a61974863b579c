"""Planes of libav's frames as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from av.video.plane import VideoPlane


def plane_rows(plane: VideoPlane, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """View a plane as lines of samples, with the padding at their ends; no copy.

    Args:
        plane: of a decoded frame, or of one that is to be filled.
        dtype: of a sample as it is stored, with its byte order.

    Returns:
        ``(plane.height, samples per line)``; writing into it writes into the frame.
    """
    stride, size = abs(plane.line_size), np.dtype(dtype).itemsize
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, stride)
    rows = rows[: plane.height, : stride - stride % size]
    return (rows[::-1] if plane.line_size < 0 else rows).view(dtype)
