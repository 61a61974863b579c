"""``vidcolor preview``: a few frames, grey | result, in one picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from vidcolor.color import join_rgb
from vidcolor.engine.colorist import FrameColorist
from vidcolor.engine.device_errors import device_errors
from vidcolor.engine.geometry import upright
from vidcolor.engine.image import Rgb, colorize_still
from vidcolor.engine.model_choice import load_for
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.output import check_absent, credit
from vidcolor.engine.progress import NullProgress, Progress
from vidcolor.engine.video import open_source
from vidcolor.errors import InputError, OptionError
from vidcolor.media.opening import is_pipe, shown
from vidcolor.media.sniff import sniff
from vidcolor.media.still import read_still, write_still
from vidcolor.models.colorizer import Colorizer
from vidcolor.types import LumaFrame, StillImage, VideoInfo

_MAX_SIDE_PX = 960
"""Rows wider than this are reduced: a preview is for looking."""


def preview(
    input: str | Path,  # noqa: A002 - the name that callers expect
    output: str | Path,
    *,
    options: ColorizeOptions | None = None,
    times: Sequence[float] | None = None,
    count: int = 4,
    progress: Progress | None = None,
) -> list[float]:
    """Write grey | result for some frames of a film (or for a photo) to one PNG.

    Args:
        input: film, scans or photo.
        output: where the PNG goes.
        options: as for the real run; smoothing plays no part, since the frames are far apart.
        times: seconds from the start of the file, of which each shows the next frame; ``start_s``
            and ``end_s`` mean nothing then. None spreads ``count`` frames between these two.
        count: how many frames.
        progress: told which model was chosen.

    Returns:
        Presentation times of the frames shown, in seconds from the file's start.

    Raises:
        InputError, OutputError, OutputExistsError, OptionError (a film from a pipe), DeviceError,
        WeightsError: see ``vidcolor.errors``.
    """
    options = options or ColorizeOptions()
    progress = progress or NullProgress()
    check_absent(output, options, advice="use -y to overwrite it")
    if sniff(input) == "image":
        photo = read_still(input)
        model = load_for("image", options, progress, None)
        pair = (_as_rgb8(photo), _to_8bit(colorize_still(photo, model, options), photo.depth))
        _write(output, [np.hstack(pair).astype(np.uint8, copy=False)], model)
        return [0.0]
    _refuse_pipe(input)
    model = load_for("video", options, progress, None)
    seconds, rows = [], []
    for at, frame, info in _frames(input, options, times, count):
        seconds.append(at)
        with device_errors(model.device_label):
            rows.append(_pair(frame, info, model, options))
    if not rows:
        raise InputError(f"{input}: no frame of this video could be decoded")
    _write(output, rows, model)
    return seconds


def _refuse_pipe(path: str | Path) -> None:
    """A film is opened anew for each frame, which standard input and pipes don't allow.

    Raises:
        OptionError: it is one of them.
    """
    if str(path) == "-" or is_pipe(path):
        raise OptionError(
            f"{shown(path)}: a preview looks into several places of a film, and a pipe can't go"
            " back: give a file"
        )


def _frames(
    path: str | Path, options: ColorizeOptions, times: Sequence[float] | None, count: int
) -> Iterator[tuple[float, LumaFrame, VideoInfo]]:
    """Frames with their times in seconds from the file's start."""
    if times is not None:
        options = replace(options, start_s=None, end_s=None)
        places = list(times)
    else:
        places = _spread(path, options, count)
    found = 0
    for at in places:
        frame = _frame_at(path, options, at)
        if frame is not None:
            found += 1
            yield frame
    # A film of one frame lasts, but nothing begins in it after the first moment.
    if times is None and not found:
        first = _frame_at(path, options, options.start_s or 0.0)
        if first is not None:
            yield first


def _spread(path: str | Path, options: ColorizeOptions, count: int) -> list[float]:
    """The middles of ``count`` equal parts of what is asked for, in seconds."""
    with open_source(path, options) as source:
        length = source.info.duration_s
    start, end = options.start_s or 0.0, options.end_s or length or 0.0
    part = (min(end, length or end) - start) / count
    return [start + part * (i + 0.5) for i in range(count)] if part > 0.0 else [start]


def _frame_at(
    path: str | Path, options: ColorizeOptions, at_s: float
) -> tuple[float, LumaFrame, VideoInfo] | None:
    """The first frame at or after a time, with its own; None where there is none."""
    try:
        with open_source(path, replace(options, start_s=at_s or None)) as source:
            for item in source:
                if isinstance(item, LumaFrame):
                    stamp = item.pts * item.time_base + source.time_offset_s
                    return float(stamp) - source.info.start_s, item, source.info
    except InputError:
        if at_s == (options.start_s or 0.0):
            raise  # not past the end: the file can't be read at all
    return None


def _pair(frame: LumaFrame, info: VideoInfo, model: Colorizer, options: ColorizeOptions) -> Rgb:
    colorist = FrameColorist(
        model, render_factor=options.render_factor or model.spec.working_size.video, batch_size=1,
        saturation=options.saturation, rotation=info.rotation, sar=info.sar,
    )  # fmt: skip
    lightness = colorist.lightness(frame)
    ab = colorist.push([frame]).ab
    none = torch.zeros_like(ab)
    sides = [upright(join_rgb(lightness, c).float(), info.rotation) for c in (none, ab)]
    pictures = [s[0].permute(1, 2, 0).to(torch.uint8).cpu().numpy() for s in sides]
    return np.hstack([_square_pixels(p, info) for p in pictures]).astype(np.uint8, copy=False)


def _square_pixels(picture: Rgb, info: VideoInfo) -> Rgb:
    """Resize an upright picture, ``(H, W, 3)``, so that its pixels are as wide as high."""
    import cv2

    if info.sar == 1:
        return picture
    height, width = picture.shape[:2]
    if info.rotation % 180 == 0:
        width = max(1, round(width * info.sar))
    else:
        height = max(1, round(height * info.sar))
    kind = cv2.INTER_AREA if info.sar < 1 else cv2.INTER_LINEAR
    return cv2.resize(picture, (width, height), interpolation=kind).astype(np.uint8, copy=False)


def _write(output: str | Path, rows: list[Rgb], model: Colorizer) -> None:
    import cv2

    width = min(max(r.shape[1] for r in rows), 2 * _MAX_SIDE_PX)
    fitted = [
        r if r.shape[1] == width
        else cv2.resize(
            r, (width, round(r.shape[0] * width / r.shape[1])), interpolation=cv2.INTER_AREA
        )
        for r in rows
    ]  # fmt: skip
    sheet = np.vstack(fitted).astype(np.uint8)
    blank = StillImage(luma=sheet[:, :, 0], depth=8, alpha=None, format="PNG", has_color=True)
    write_still(output, sheet, blank, comment=credit(model))


def _as_rgb8(photo: StillImage) -> Rgb:
    grey = _to_8bit(photo.luma, photo.depth)
    return np.repeat(grey[:, :, None], 3, axis=2).astype(np.uint8, copy=False)


def _to_8bit(codes: Rgb, depth: int) -> Rgb:
    return codes if depth == 8 else ((codes.astype(np.uint32) + 128) // 257).astype(np.uint8)
