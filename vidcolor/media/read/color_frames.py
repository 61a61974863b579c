"""A film's frames in colour, for measuring. Everything else here reads luma only."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import av
import numpy as np
import numpy.typing as npt
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter

from vidcolor.errors import InputError
from vidcolor.media.files.inputs import InputFile
from vidcolor.media.pixels.layout import is_full_range, pixel_layout, rgb_matrix
from vidcolor.media.pixels.planes import plane_view
from vidcolor.media.read.frames.decoder import Decoder
from vidcolor.media.read.packets.container import NO_TIMESTAMPS
from vidcolor.media.read.packets.demux import Demuxer
from vidcolor.types import LUMA_WEIGHTS, ColorTags

RgbFrame = npt.NDArray[np.float32]
"""``(3, H, W)`` R'G'B' code values in [0, 255], not whole; as stored, not turned for display."""

_UNSPECIFIED: Final = 2


def rgb_frames(
    path: str | Path, *, threads: int = 0
) -> Generator[tuple[float, RgbFrame, int], None, None]:
    """Decode a film's main video stream, frame by frame.

    Not in whole codes, because rounding would add noise of a quarter of a Lab unit squared to each
    frame. Matrix and range are those that the rest of vidcolor takes the file to have.

    Args:
        path: the film.
        threads: decoder threads, 0 for as many as there are cores.

    Yields:
        Seconds from the file's start (NaN for frames without a stamp), the frame, and what
        primaries its R'G'B' are of (H.273 code point, 2 where the file doesn't say).

    Raises:
        InputError: the file can't be read, or has no colours to convert.
    """
    file = InputFile(path)
    try:
        demuxer = Demuxer(file, copy_streams=False)
    except BaseException:
        file.close()
        raise
    try:
        unstamped = demuxer.container.format.flags & NO_TIMESTAMPS
        decoder = Decoder(demuxer.video, threads=threads, frame_threads=not unstamped)
        converter = _Converter(file.label)
        for frame in _decoded(demuxer, decoder):
            stamp = frame.pts, frame.time_base
            seconds = float("nan")
            if stamp[0] is not None and stamp[1] is not None:
                seconds = float(stamp[0] * stamp[1] - demuxer.origin)
            yield seconds, converter(frame), int(frame.color_primaries)
    finally:
        demuxer.close()
        file.close()


def _decoded(demuxer: Demuxer, decoder: Decoder) -> Iterator[av.VideoFrame]:
    for packet in demuxer.packets():
        if packet.stream_index == demuxer.video.index:
            yield from decoder.feed(packet)
    yield from decoder.flush()


class _Converter:
    """Frames of one film to R'G'B', all by the matrix of the first.

    Libav only brings chroma to the size of luma: its own RGB errs by a whole code.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._reformatter = VideoReformatter()
        self._weights: tuple[float, float] | None = None

    def __call__(self, frame: av.VideoFrame) -> RgbFrame:
        name = frame.format.name
        if self._weights is None:
            tags = ColorTags(frame.color_primaries, frame.color_trc, frame.colorspace)
            self._weights = LUMA_WEIGHTS[rgb_matrix(tags, frame.height)]
        layout = pixel_layout(name)
        if layout.is_rgb:
            # From 8 bits to 16 libav errs by half a code, so those stay.
            deep = layout.bits > 8
            planes = _planes(self._to(frame, "gbrp16le" if deep else "gbrp"))
            return planes[[2, 0, 1]] * np.float32(255.0 / 65535.0 if deep else 1.0)
        full = is_full_range(name, frame.color_range)
        return _from_yuv(_planes(self._to(frame, "yuv444p16le")), self._weights, full)

    def _to(self, frame: av.VideoFrame, pix_fmt: str) -> av.VideoFrame:
        # Without range and matrix there is nothing for libav to convert.
        frame.color_range, frame.colorspace = 0, _UNSPECIFIED
        try:
            return self._reformatter.reformat(frame, format=pix_fmt)
        except (FFmpegError, ValueError) as error:
            name = frame.format.name
            raise InputError(f"{self._label}: {name} can't be turned into RGB: {error}") from error


def _planes(frame: av.VideoFrame) -> RgbFrame:
    """``(3, H, W)`` codes as float32."""
    dtype = "<u2" if frame.format.components[0].bits > 8 else "u1"
    planes = [plane_view(plane, dtype) for plane in frame.planes[:3]]
    return np.stack(planes).astype(np.float32)


def _from_yuv(codes: RgbFrame, weights: tuple[float, float], full_range: bool) -> RgbFrame:
    """H.273, equations 38 to 46, for codes of 16 bits; clipped to [0, 255]."""
    kr, kb = weights
    black, white, span = (0.0, 65280.0, 65280.0) if full_range else (4096.0, 56064.0, 57344.0)
    luma = (codes[0] - black) * (255.0 / white)
    cb, cr = (codes[1:] - 32768.0) * (255.0 / span)
    rgb = np.empty_like(codes)
    rgb[0] = luma + 2.0 * (1.0 - kr) * cr
    rgb[2] = luma + 2.0 * (1.0 - kb) * cb
    rgb[1] = (luma - kr * rgb[0] - kb * rgb[2]) / (1.0 - kr - kb)
    return rgb.clip(0.0, 255.0, out=rgb)
