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
from vidcolor.errors import InputError
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
        times: seconds from the start of the file; None spreads ``count`` frames over the film.
        count: how many frames.
        progress: told which model was chosen.

    Returns:
        Presentation times of the frames shown, in seconds from the file's start.

    Raises:
        InputError, OutputError, OutputExistsError, DeviceError, WeightsError: see
            ``vidcolor.errors``.
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
    model = load_for("video", options, progress, None)
    shown, rows = [], []
    for at, frame, info in _frames(input, options, times, count):
        shown.append(at)
        with device_errors(model.device_label):
            rows.append(_pair(frame, info, model, options))
    if not rows:
        raise InputError(f"{input}: no frame of this video could be decoded")
    _write(output, rows, model)
    return shown


def _frames(
    path: str | Path, options: ColorizeOptions, times: Sequence[float] | None, count: int
) -> Iterator[tuple[float, LumaFrame, VideoInfo]]:
    if times is None:
        with open_source(path, options) as source:
            length = source.info.duration_s or 0.0
        spread = [length * (i + 0.5) / count for i in range(count)] if length else [0.0]
    else:
        spread = list(times)
    shown = 0
    for at in spread:
        found = _frame_at(path, options, at)
        if found is not None:
            shown += 1
            yield at, *found
    # A film of one frame lasts, but nothing begins in it after the first moment.
    first = _frame_at(path, options, 0.0) if times is None and not shown else None
    if first is not None:
        yield 0.0, *first


def _frame_at(
    path: str | Path, options: ColorizeOptions, at_s: float
) -> tuple[LumaFrame, VideoInfo] | None:
    start = replace(options, start_s=at_s or None, end_s=None)
    try:
        with open_source(path, start) as source:
            for item in source:
                if isinstance(item, LumaFrame):
                    return item, source.info
    except InputError:
        if at_s == 0.0:
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
    return torch.cat(sides, dim=3)[0].permute(1, 2, 0).to(torch.uint8).cpu().numpy()


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
