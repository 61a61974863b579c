"""Planes of all frames of a shot, kept in a temporary file."""

from __future__ import annotations

import tempfile
from typing import IO

import numpy as np
import torch
from torch import Tensor


class Planes:
    """``(channels, h, w)`` of each frame, as float16; zero at first.

    Args:
        count: frames.
        channels: of each.
        size: h and w.
    """

    def __init__(self, count: int, channels: int, size: tuple[int, ...]) -> None:
        # without a name: the system removes it with the last reference, whatever happens
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="vidcolor-")  # noqa: SIM115
        self._values = np.memmap(self._file, np.float16, "w+", shape=(count, channels, *size))

    def __getitem__(self, at: int) -> Tensor:
        """A frame's planes, float32."""
        return torch.from_numpy(self._values[at].astype(np.float32))

    def __setitem__(self, at: int, planes: Tensor) -> None:
        """Keep a frame's planes."""
        self._values[at] = planes.half().numpy()
