"""Several films of one length beside each other in one, each below its caption."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.stream import VideoStream

from vidcolor.media.files.atomic import complete_file, output_error

CAPTION_PX: Final = 28
"""Height of a caption."""

_WIDEST_PX: Final = 3840
"""Wider rows are reduced."""

_QUALITY: Final = {"crf": "17", "preset": "fast"}

Picture = npt.NDArray[np.uint8]


def caption(text: str, width: int, height: int = CAPTION_PX) -> Picture:
    """A strip with white text on black, as large as fits.

    Args:
        text: letters beyond ASCII become question marks.
        width: in pixels.
        height: likewise.

    Returns:
        ``(height, width, 3)`` uint8.
    """
    strip = np.zeros((height, width, 3), np.uint8)
    plain, font = text.encode("ascii", "replace").decode(), cv2.FONT_HERSHEY_SIMPLEX
    (wide, high), _ = cv2.getTextSize(plain, font, 1.0, 1)
    scale = min(0.6 * height / high, (width - 8) / wide)
    if scale > 0.1:
        line = max(1, round(scale * 1.5))
        white = (255, 255, 255)
        at = (4, round(height / 2 + high * scale / 2))
        cv2.putText(strip, plain, at, font, scale, white, line, cv2.LINE_AA)
    return strip


def write_side_by_side(films: Sequence[Path], captions: Sequence[str], output: Path) -> int:
    """Write H.264 of all films' pictures, in their order, with the first one's times, no sound.

    Args:
        films: colour films of the same number of frames.
        captions: one for each.
        output: its extension chooses the container; replaced when all is written.

    Returns:
        Number of frames written.

    Raises:
        OutputError: it can't be written.
    """
    with contextlib.ExitStack() as stack, complete_file(output) as part:
        sources = [stack.enter_context(av.open(str(path))) for path in films]
        try:
            return _encode(_rows(sources, captions), part)
        except (OSError, ValueError) as error:  # libav's errors are among them
            raise output_error(output, error) from error


def _rows(
    sources: Sequence[InputContainer], captions: Sequence[str]
) -> Iterator[tuple[Picture, int | None, Fraction]]:
    """Frames of all films beside each other, with the first one's time stamp and its unit."""
    head: Picture | None = None
    for frames in zip(*(source.decode(video=0) for source in sources), strict=True):
        pictures = [frame.to_ndarray(format="rgb24") for frame in frames]
        if head is None:
            strips = [
                caption(text, picture.shape[1], max(CAPTION_PX, picture.shape[0] // 16))
                for text, picture in zip(captions, pictures, strict=True)
            ]
            head = np.hstack(strips).astype(np.uint8)
        row = np.vstack([head, np.hstack(pictures)]).astype(np.uint8)
        yield _fitted(row), frames[0].pts, frames[0].time_base or Fraction(1, 1000)


def _fitted(row: Picture) -> Picture:
    """No wider than encoders like, with even sides."""
    height, width = row.shape[:2]
    scale = min(1.0, _WIDEST_PX / width)
    size = (max(2, round(width * scale) // 2 * 2), max(2, round(height * scale) // 2 * 2))
    if size == (width, height):
        return row
    return cv2.resize(row, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _encode(rows: Iterator[tuple[Picture, int | None, Fraction]], path: Path) -> int:
    written = 0
    with av.open(str(path), "w") as out:
        stream: VideoStream | None = None
        for picture, pts, unit in rows:
            if stream is None:
                stream = out.add_stream("libx264", rate=Fraction(1) / unit, options=dict(_QUALITY))
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.time_base = stream.codec_context.time_base = unit
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
            frame.pts, frame.time_base = pts, unit
            out.mux(stream.encode(frame))
            written += 1
        if stream is not None:
            out.mux(stream.encode(None))
    return written
