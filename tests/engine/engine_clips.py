"""Small clips and plain readings of results, for the engine's tests."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def write_clip(
    path: Path,
    frames: list[np.ndarray],
    *,
    rate: int = 24,
    codec: str = "ffv1",
    pix_fmt: str = "gray",
) -> Path:
    """A film of grey frames, ``(H, W)`` uint8, at a constant rate."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = (
            frames[0].shape[1],
            frames[0].shape[0],
            pix_fmt,
        )
        stream.codec_context.time_base = Fraction(1, rate)
        for number, grey in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format=pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, rate)
            for packet in stream.encode(frame):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    return path


def read_rgb(path: Path) -> list[np.ndarray]:
    """All frames as RGB, ``(H, W, 3)`` uint8."""
    with av.open(str(path)) as clip:
        return [f.to_ndarray(format="rgb24") for f in clip.decode(video=0)]


def read_times(path: Path) -> list[float]:
    """Presentation times of all frames in seconds."""
    with av.open(str(path)) as clip:
        return [float(f.pts * f.time_base) for f in clip.decode(video=0)]
