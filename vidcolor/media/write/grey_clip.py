"""Write grey frames as a plain film, as input of a given size for the benchmark."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
import numpy.typing as npt
from av.video.stream import VideoStream

_QUALITY: Final = {"crf": "20", "preset": "veryfast"}


def write_grey_clip(path: Path, frames: Iterable[npt.NDArray[np.uint8]], rate: Fraction) -> int:
    """Write H.264 4:2:0 without colour at a constant rate, no sound.

    Args:
        path: its extension chooses the container (.mp4, .mkv); replaced if it exists.
        frames: ``(H, W)`` full-range codes, all of one size, both sides even.
        rate: frames per second.

    Returns:
        Number of frames written.
    """
    written = 0
    with av.open(str(path), "w") as out:
        stream: VideoStream | None = None
        for luma in frames:
            if stream is None:
                stream = out.add_stream("libx264", rate=rate, options=dict(_QUALITY))
                stream.height, stream.width = luma.shape
                stream.pix_fmt = "yuv420p"
            picture = av.VideoFrame.from_ndarray(luma, format="gray").reformat(format="yuv420p")
            picture.pts, picture.time_base = written, 1 / rate
            out.mux(stream.encode(picture))
            written += 1
        if stream is not None:
            out.mux(stream.encode(None))
    return written
