"""One frame of a film, grey or coloured alone, as ``vidcolor preview`` shows it."""

from __future__ import annotations

import os
from dataclasses import replace

import torch
from torch import Tensor

from vidcolor.color import join_rgb
from vidcolor.direction.model import Direction, Part, Scope
from vidcolor.engine.coloring.colorist import FrameLightness, color_alone
from vidcolor.engine.coloring.geometry import as_stored, upright
from vidcolor.engine.device_errors import device_errors
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.run.sources import read_settings
from vidcolor.engine.steering.still import directed
from vidcolor.errors import InputError
from vidcolor.media.open import Input, open_input
from vidcolor.studio.look.directed import part_of, said_of_frame, steered
from vidcolor.studio.look.memory import Lately, model_for
from vidcolor.studio.look.pictures import Picture, reduced, square_pixels
from vidcolor.types import LumaFrame, VideoInfo

_colors: Lately[Tensor] = Lately(48)
_films: Lately[Input] = Lately(1)


def frame_picture(
    path: str, at_s: float, options: ColorizeOptions, *, colored: bool, max_px: int,
    direction: Direction | None = None, shot: int | None = None,
) -> tuple[Picture, float]:  # fmt: skip
    """The frame that is on the screen at a time.

    Args:
        path: of the film.
        at_s: seconds from the film's start.
        options: how to colour.
        colored: else grey.
        max_px: of the longer side, at most.
        direction: what is said of the film; what concerns this frame shows.
        shot: number of the frame's shot, from 1.

    Returns:
        The picture, upright with square pixels, its longer side at most ``max_px``; and the
        frame's own time in seconds from the film's start.

    Raises:
        InputError, DeviceError, WeightsError: see ``vidcolor.errors``.
    """
    options = directed(replace(options, direction=direction))
    film = _open(path)
    settings = read_settings(options, copy_streams=False)
    film.read(settings).close()  # now the info is that of the first frame
    frame = film.frame_at(at_s, settings)
    if frame is None:
        raise InputError(f"{film.label}: has no frame at {at_s:g} s")
    own_s = frame.seconds - film.info.start_s
    part = Part(Scope()) if direction is None else part_of(direction, own_s, shot)
    options = replace(options, model=part.model or options.model)
    key = (path, own_s, options.model, options.device, options.render_factor, options.mounts)
    lightness = _lightness(frame)
    ab = torch.zeros(1, 2, 1, 1)
    if colored:
        ab = _colors.get(key, lambda: _ab(frame, film.info, options)) * options.saturation
    if colored and direction is not None:
        near_s = 0.6 / float(film.info.rate or 24)
        said = said_of_frame(direction, own_s, near_s=near_s, shot=shot)
        shown = steered(_upright(ab, film.info), _upright(lightness, film.info), said)
        ab = _as_stored(shown, film.info)
        if part.saturation is not None:
            ab = ab * (part.saturation / options.saturation if options.saturation else 0.0)
    return _shown(lightness, ab, film.info, max_px), own_s


def _upright(planes: Tensor, info: VideoInfo) -> Tensor:
    turned = upright(planes, info.rotation)
    return turned.flip(3) if info.is_mirrored else turned


def _as_stored(planes: Tensor, info: VideoInfo) -> Tensor:
    return as_stored(planes.flip(3) if info.is_mirrored else planes, info.rotation)


def _open(path: str) -> Input:
    """One film stays open: its index of frames is made once."""
    status = os.stat(path)
    return _films.get((path, status.st_size, status.st_mtime_ns), lambda: open_input(path))


def _lightness(frame: LumaFrame) -> Tensor:
    from vidcolor.engine.coloring.picture import lightness_of

    return lightness_of(
        frame.luma, torch.device("cpu"), depth=frame.depth, full_range=frame.full_range
    )


def _ab(frame: LumaFrame, info: VideoInfo, options: ColorizeOptions) -> Tensor:
    model = model_for("video", options)
    reader = FrameLightness(
        model, render_factor=options.render_factor, rotation=info.rotation, sar=info.sar
    )
    with device_errors(model.device_label):
        return color_alone(model, reader, frame, grey_mounts=options.mounts == "grey").cpu()


def _shown(lightness: Tensor, ab: Tensor, info: VideoInfo, max_px: int) -> Picture:
    side = _upright(join_rgb(lightness, ab).float(), info)
    picture = side[0].permute(1, 2, 0).to(torch.uint8).cpu().numpy()
    return reduced(square_pixels(picture, info.sar, info.rotation), max_px)
