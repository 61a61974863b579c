"""Masks of a film's frames as a film of their own: 8-bit grey FFV1 in Matroska, lossless."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.stream import VideoStream

from vidcolor.errors import OutputError
from vidcolor.media.files.atomic import AtomicPath, output_error
from vidcolor.types import LumaFrame


class MaskWriter:
    """Writes one mask per frame, white where it is set, at the frames' own times.

    Args:
        path: the film; it appears there once ``commit`` is called.

    Raises:
        OutputError: it can't be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = AtomicPath(path)
        self._stream: VideoStream | None = None
        try:
            self._out = av.open(str(self._path.temporary), "w", format="matroska")
        except (OSError, av.FFmpegError) as error:
            self._path.discard()
            raise OutputError(f"{path}: can't be written: {error}") from error

    def write(self, frame: LumaFrame, mask: npt.NDArray[np.bool_]) -> None:
        """Add the mask of a frame, ``(H, W)``.

        Raises:
            OutputError: the disk is full.
        """
        picture = av.VideoFrame.from_ndarray(mask.view(np.uint8) * np.uint8(255), format="gray")
        # Matroska counts milliseconds, so a film's own times may be rounded to these.
        picture.pts, picture.time_base = frame.pts, frame.time_base
        try:
            if self._stream is None:
                self._stream = self._begun(mask.shape, frame.time_base)
            self._out.mux(self._stream.encode(picture))
        except (OSError, av.FFmpegError) as error:
            raise self._failed(error) from error

    def commit(self) -> None:
        """Finish the film and give it its name.

        Raises:
            OutputError: the disk is full.
        """
        try:
            if self._stream is not None:
                self._out.mux(self._stream.encode(None))
            self._out.close()
        except (OSError, av.FFmpegError) as error:
            raise self._failed(error) from error
        self._path.commit()

    def discard(self) -> None:
        """Leave nothing behind; after ``commit`` it does nothing."""
        self._out.close()
        self._path.discard()

    def _begun(self, shape: tuple[int, ...], time_base: Fraction) -> VideoStream:
        stream = self._out.add_stream("ffv1", options={"level": "3", "slicecrc": "1"})
        stream.height, stream.width = shape
        stream.pix_fmt = "gray"
        stream.codec_context.time_base = time_base
        return stream

    def _failed(self, error: Exception) -> OutputError:
        if isinstance(error, OSError):
            return output_error(self._path.final, error)
        return OutputError(f"{self._path.final}: can't be written: {error}")
