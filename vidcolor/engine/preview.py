"""``vidcolor preview``: a few frames, grey | result, in one picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from vidcolor.color import join_rgb
from vidcolor.engine.coloring.colorist import FrameLightness, color_alone
from vidcolor.engine.coloring.geometry import upright
from vidcolor.engine.coloring.picture import Rgb
from vidcolor.engine.device_errors import device_errors
from vidcolor.engine.image import colorize_still
from vidcolor.engine.model_choice import load_for
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.progress import NullProgress, Progress
from vidcolor.engine.run.output import check_absent, credit
from vidcolor.engine.run.sources import read_settings
from vidcolor.errors import InputError, OptionError
from vidcolor.media.open import Input, open_input
from vidcolor.media.still.read import read_still, write_still
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
) -> tuple[list[float], list[float]]:
    """Write grey | result for some frames of a film (or for a photo) to one PNG.

    Args:
        input: film, scans or photo.
        output: where the PNG goes.
        options: as for the real run; smoothing plays no part, since the frames are far apart.
        times: seconds from the start of the file, of which each shows the frame that is on the
            screen then; ``start_s`` and ``end_s`` mean nothing then. None spreads ``count`` times
            between these two.
        count: how many times; a frame that lasts for several is shown once.
        progress: told which model was chosen.

    Returns:
        Presentation times of the frames shown, in seconds from the file's start, and those of
        ``times`` that lie behind the last frame.

    Raises:
        InputError, OutputError, OutputExistsError, OptionError (a film from a pipe), DeviceError,
        WeightsError: see ``vidcolor.errors``.
    """
    options = options or ColorizeOptions()
    progress = progress or NullProgress()
    check_absent(output, options)
    with open_input(input) as opened:
        if opened.kind != "image":
            return _preview_film(opened, output, options, times, count, progress)
    photo = read_still(input)
    model = load_for("image", options, progress, None)
    pair = (as_rgb8(photo), to_8bit(colorize_still(photo, model, options), photo.depth))
    write_sheet(output, [np.hstack(pair).astype(np.uint8, copy=False)], credit(model))
    return [0.0], []


def _preview_film(
    film: Input,
    output: str | Path,
    options: ColorizeOptions,
    times: Sequence[float] | None,
    count: int,
    progress: Progress,
) -> tuple[list[float], list[float]]:
    """The same for a film; see ``preview``."""
    if film.is_pipe:
        raise OptionError(
            f"{film.label}: a preview looks into several places of a film, and a pipe can't go"
            " back: give a file"
        )
    model = load_for("video", options, progress, None)
    rows: dict[float, Rgb] = {}
    missing = []
    for asked, frame in film_frames(film, options, times, count):
        if frame is None:
            missing.append(asked)
            continue
        at_s = frame.seconds - film.info.start_s
        if at_s not in rows:
            with device_errors(model.device_label):
                pair = grey_and_color(frame, film.info, model, options)
                rows[at_s] = np.hstack(pair).astype(np.uint8, copy=False)
    if not rows:
        raise InputError(f"{film.label}: has no frame at {missing[0]:g} s")
    write_sheet(output, list(rows.values()), credit(model))
    return list(rows), [] if times is None else missing


def film_frames(
    film: Input, options: ColorizeOptions, times: Sequence[float] | None, count: int
) -> Iterator[tuple[float, LumaFrame | None]]:
    """Times that are asked for, each with the frame that is on the screen then, if there is one."""
    settings = read_settings(options)
    film.read(settings if times is None else replace(settings, start_s=None, end_s=None)).close()
    places = _spread(film.info, options, count) if times is None else times
    nothing = True
    for at in places:
        frame = film.frame_at(at, settings)
        nothing = nothing and frame is None
        yield at, frame
    if times is None and nothing:  # all places lie behind the last frame
        first = options.start_s or 0.0
        yield first, film.frame_at(first, settings)


def _spread(info: VideoInfo, options: ColorizeOptions, count: int) -> list[float]:
    """The middles of ``count`` equal parts of what is asked for, in seconds."""
    length = info.duration_s
    start, end = options.start_s or 0.0, options.end_s or length or 0.0
    part = (min(end, length or end) - start) / count
    return [start + part * (i + 0.5) for i in range(count)] if part > 0.0 else [start]


def grey_and_color(
    frame: LumaFrame, info: VideoInfo, model: Colorizer, options: ColorizeOptions
) -> tuple[Rgb, Rgb]:
    """A frame without and with colours, upright, with square pixels, ``(H, W, 3)`` uint8 each."""
    reader = FrameLightness(
        model, render_factor=options.render_factor, rotation=info.rotation, sar=info.sar
    )
    lightness = reader.full(frame)
    ab = color_alone(
        model, reader, frame,
        saturation=options.saturation, grey_mounts=options.mounts == "grey",
    )  # fmt: skip
    none = torch.zeros_like(ab)
    sides = [upright(join_rgb(lightness, c).float(), info.rotation) for c in (none, ab)]
    if info.is_mirrored:
        sides = [side.flip(3) for side in sides]
    pictures = [s[0].permute(1, 2, 0).to(torch.uint8).cpu().numpy() for s in sides]
    grey, color = (_square_pixels(p, info) for p in pictures)
    return grey, color


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


def write_sheet(output: str | Path, rows: list[Rgb], comment: str, *, columns: int = 2) -> None:
    """Write rows of pictures, ``(H, W, 3)`` uint8 each, below each other to a PNG.

    Args:
        output: the file, replaced if it exists.
        rows: are all brought to the width of the widest, or to what ``columns`` may have.
        comment: kept in the file.
        columns: pictures in each row.

    Raises:
        OutputError: it can't be written.
    """
    import cv2

    width = min(max(r.shape[1] for r in rows), columns * _MAX_SIDE_PX)
    fitted = [
        r if r.shape[1] == width
        else cv2.resize(
            r, (width, round(r.shape[0] * width / r.shape[1])), interpolation=cv2.INTER_AREA
        )
        for r in rows
    ]  # fmt: skip
    sheet = np.vstack(fitted).astype(np.uint8)
    blank = StillImage(luma=sheet[:, :, 0], depth=8, alpha=None, format="PNG", has_color=True)
    write_still(output, sheet, blank, comment=comment)


def as_rgb8(photo: StillImage) -> Rgb:
    """A photograph's grey, ``(H, W, 3)`` uint8."""
    grey = to_8bit(photo.luma, photo.depth)
    return np.repeat(grey[:, :, None], 3, axis=2).astype(np.uint8, copy=False)


def to_8bit(codes: Rgb, depth: int) -> Rgb:
    """Full-range codes of 8 or 16 bits as 8-bit ones."""
    return codes if depth == 8 else ((codes.astype(np.uint32) + 128) // 257).astype(np.uint8)
