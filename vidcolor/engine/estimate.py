"""How long a job will take on this machine: measured on a piece of the film itself."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from vidcolor.engine.image import colorize_image
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.video import colorize_video
from vidcolor.types import VideoInfo

_SHORT: Final = 4
_LONG: Final = 20
"""Frames of the two pieces: their difference is without loading and starting."""


def film_seconds(path: str | Path, info: VideoInfo, options: ColorizeOptions) -> float | None:
    """Wall-clock seconds that a film will take, from two short runs in its middle.

    Args:
        path: of the film.
        info: facts about it.
        options: as the job will have them.

    Returns:
        None where the film's length or rate is unknown, or it is too short to tell.

    Raises:
        VidcolorError: as ``colorize_video``.
    """
    if not info.duration_s or not info.rate:
        return None
    start, end = options.start_s or 0.0, options.end_s or info.duration_s
    length = max(0.0, min(end, info.duration_s) - start)
    rate = float(info.rate)
    if length * rate < 2 * _LONG:
        return None
    begin = start + (length - _LONG / rate) / 2.0
    runs: list[tuple[int, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for count in (_SHORT, _LONG):
            piece = replace(
                options, start_s=begin, end_s=begin + count / rate, resume=False, overwrite=True
            )
            began = time.monotonic()
            done = colorize_video(path, Path(folder) / "piece.mkv", options=piece)
            runs.append((done.frames, time.monotonic() - began))
    (few, first), (many, second) = runs
    if many <= few:
        return None
    each = max(second - first, 0.0) / (many - few)
    return max(first - few * each, 0.0) + length * rate * each


def photo_seconds(path: str | Path, options: ColorizeOptions) -> float:
    """Wall-clock seconds that a photograph takes: it is coloured once.

    Raises:
        VidcolorError: as ``colorize_image``.
    """
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        colorize_image(path, Path(folder) / "photo.png", options=replace(options, overwrite=True))
        return time.monotonic() - began
