"""A photograph as the program would colour it, at the size of a screen.

The network sees what it sees in a whole run: the full photograph, reduced to the working size.
Only the lightness that its colours are joined with is reduced further.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor

from vidcolor.engine.coloring.picture import lightness_of, picture_rgb
from vidcolor.engine.device_errors import device_errors
from vidcolor.engine.image import repair_still, still_ab
from vidcolor.engine.options import ColorizeOptions, directed
from vidcolor.media.still.read import read_still
from vidcolor.studio.look.directed import steered
from vidcolor.studio.look.memory import Lately, model_for
from vidcolor.studio.look.pictures import Picture, reduced, to_8bit
from vidcolor.types import Plane, StillImage


@dataclass(frozen=True, slots=True)
class _Stamp:
    """Which state of a file: a changed one is read again."""

    path: str
    size: int
    mtime_ns: int


_photos: Lately[StillImage] = Lately(3)
_repaired: Lately[StillImage] = Lately(2)
_colors: Lately[Tensor] = Lately(24)


def photo_picture(path: str, options: ColorizeOptions, *, colored: bool, max_px: int) -> Picture:
    """The photograph, upright, its longer side at most ``max_px``.

    Coloured, it is repaired before, and follows the options' direction, if they say so.

    Raises:
        InputError, OptionError, DeviceError, WeightsError: see ``vidcolor.errors``.
    """
    status = os.stat(path)
    stamp = _Stamp(path, status.st_size, status.st_mtime_ns)
    photo = _photos.get(stamp, lambda: read_still(path))
    ab = torch.zeros(1, 2, 1, 1)
    if colored:
        options = directed(options)
        photo = _mended(photo, stamp, options)
        ab = _ab(photo, stamp, options) * options.saturation
        if options.direction is not None:
            full = lightness_of(photo.luma, torch.device("cpu"), depth=photo.depth, full_range=True)
            ab = steered(ab, full, options.direction)
    luma: Plane = reduced(photo.luma, max_px)
    return to_8bit(picture_rgb(luma, ab, depth=photo.depth))


def _mended(photo: StillImage, stamp: _Stamp, options: ColorizeOptions) -> StillImage:
    if options.repair == "off":
        return photo
    key = (stamp, options.repair, options.repair_strength, options.device)
    return _repaired.get(key, lambda: repair_still(photo, model_for("image", options), options)[0])


def _ab(photo: StillImage, stamp: _Stamp, options: ColorizeOptions) -> Tensor:
    repair = (options.repair, options.repair_strength)
    key = (
        stamp, options.model, options.device, options.render_factor, options.mounts, *repair
    )  # fmt: skip

    def make() -> Tensor:
        model = model_for("image", options)
        with device_errors(model.device_label):
            return still_ab(
                photo, model,
                render_factor=options.render_factor, grey_mounts=options.mounts == "grey",
            )  # fmt: skip

    return _colors.get(key, make)
