"""A film's frames in colour, for measuring. Everything else here reads luma only."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import av
import numpy as np
import numpy.typing as npt
from av.error import FFmpegError
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from ..errors import InputError
from ..types import ColorTags
from .decoder import Decoder
from .demux import Demuxer
from .opening import NO_TIMESTAMPS, shown
from .pixels import is_full_range, pixel_layout, rgb_matrix

RgbFrame = npt.NDArray[np.uint16]
"""``(H, W, 3)`` R'G'B' codes in [0, 65535], as stored: not turned for display."""

_SWSCALE_MATRIX: Final = {
    1: Colorspace.ITU709, 5: Colorspace.ITU601, 6: Colorspace.ITU601, 7: Colorspace.SMPTE240M,
}  # fmt: skip


def rgb_frames(
    path: str | Path, *, threads: int = 0
) -> Generator[tuple[float, RgbFrame], None, None]:
    """Decode a film's main video stream, frame by frame.

    16 bits, because 8 would add noise of a quarter of a Lab unit squared to each frame. Matrix and
    range are those that the rest of vidcolor takes the file to have.

    Args:
        path: the film.
        threads: decoder threads, 0 for as many as there are cores.

    Yields:
        Seconds from the file's start (NaN for frames without a stamp), and the frame.

    Raises:
        InputError: the file can't be read, or has no colours to convert.
    """
    demuxer = Demuxer(path, start=None, end=None, copy_streams=False)
    try:
        unstamped = demuxer.container.format.flags & NO_TIMESTAMPS
        decoder = Decoder(demuxer.video, threads=threads, frame_threads=not unstamped)
        converter = _Converter(shown(path))
        for frame in _decoded(demuxer, decoder):
            stamp = frame.pts, frame.time_base
            seconds = float("nan")
            if stamp[0] is not None and stamp[1] is not None:
                seconds = float(stamp[0] * stamp[1] - demuxer.origin)
            yield seconds, converter(frame)
    finally:
        demuxer.close()


def _decoded(demuxer: Demuxer, decoder: Decoder) -> Iterator[av.VideoFrame]:
    for packet in demuxer.packets():
        if packet.stream_index == demuxer.video.index:
            yield from decoder.feed(packet)
    yield from decoder.flush()


class _Converter:
    """Frames of one film to R'G'B', all by the matrix of the first."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._reformatter = VideoReformatter()
        self._matrix: Colorspace | None = None

    def __call__(self, frame: av.VideoFrame) -> RgbFrame:
        name = frame.format.name
        full = is_full_range(name, frame.color_range)
        if self._matrix is None:
            tags = ColorTags(frame.color_primaries, frame.color_trc, frame.colorspace, 0, 0)
            self._matrix = _SWSCALE_MATRIX.get(rgb_matrix(tags, frame.height), Colorspace.ITU709)
        is_rgb = pixel_layout(name).is_rgb
        try:
            rgb = self._reformatter.reformat(
                frame,
                format="rgb48le",
                src_colorspace=None if is_rgb else self._matrix,
                dst_colorspace=None if is_rgb else self._matrix,
                src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
                dst_color_range=ColorRange.JPEG,
            )
        except (FFmpegError, ValueError) as error:
            raise InputError(f"{self._label}: {name} can't be turned into RGB: {error}") from error
        plane = rgb.planes[0]
        rows = np.frombuffer(memoryview(plane), "<u2").reshape(plane.height, -1)
        return rows[:, : 3 * plane.width].reshape(plane.height, plane.width, 3).astype(np.uint16)
