"""``colorize_array``: pictures in memory, NumPy or torch, through the same core as photographs."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vidcolor.engine.image import colorize_still
from vidcolor.engine.model_choice import load_for
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.progress import NullProgress
from vidcolor.errors import InputError
from vidcolor.library.choice import ModelChoice, split_choice
from vidcolor.media.still.raster import luma_601
from vidcolor.types import StillImage

Pictures = TypeVar("Pictures", npt.NDArray[Any], Tensor)
"""A NumPy array or a torch tensor: what goes in comes out."""

_Samples = npt.NDArray[Any]

_FLOAT_WHITE: Final = 65535
"""Floating-point pictures are colorized as 16-bit code values."""


def colorize_array(
    grey: Pictures, *, model: ModelChoice = None, options: ColorizeOptions | None = None
) -> Pictures:
    """Colorize one picture, or a batch of pictures of one size.

    NumPy arrays have their channels last, torch tensors first. Two dimensions are a picture, and so
    are three if the channel axis is 1 or 3 long. Three dimensions without such an axis are a batch
    ``(N, H, W)``, four are a batch with channels. Pictures of three channels are R'G'B': their
    colours are replaced, as those of photographs are.

    Args:
        grey: uint8 or uint16 (0 is black, the largest number is white), or floating point (0.0 is
            black, 1.0 is white; clipped; worked on with 16 bits). The curve is sRGB's.
        model: a name, the path of a weights file, or a loaded model; None takes the one that the
            options name. Loading takes longer than colorizing: where there is more than one call,
            pass what ``vidcolor.load_model`` returned.
        options: how; what concerns time, files and codecs is ignored.

    Returns:
        R'G'B' in the same kind of array, layout and dtype, with three channels; tensors on the
        device of ``grey``.

    Raises:
        InputError: the shape or dtype is of no picture, or a number isn't finite.
        OptionError, WeightsError, DeviceError: see ``vidcolor.errors``.
    """
    is_tensor = isinstance(grey, Tensor)
    samples = grey.detach().cpu().numpy() if isinstance(grey, Tensor) else np.asarray(grey)
    planes, is_batch = _planes(samples, channel_axis=-3 if is_tensor else -1)
    rgb = _from_codes(_colorize(_to_codes(planes), model, options), samples.dtype)
    rgb = rgb if is_batch else rgb[0]
    if isinstance(grey, Tensor):
        first = np.ascontiguousarray(np.moveaxis(rgb, -1, -3))
        return torch.from_numpy(first).to(grey.device)
    return rgb


def _colorize(
    planes: _Samples, model: ModelChoice, options: ColorizeOptions | None
) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """``(N, H, W)`` codes to ``(N, H, W, 3)`` codes."""
    loaded, options = split_choice(model, options)
    chosen = load_for("image", options, NullProgress(), loaded)
    depth = planes.dtype.itemsize * 8
    rgb = np.empty((*planes.shape, 3), planes.dtype)
    for at, luma in enumerate(planes):
        photo = StillImage(luma=luma, depth=depth, alpha=None, format="", has_color=False)
        rgb[at] = colorize_still(photo, chosen, options)
    return rgb


def _planes(samples: _Samples, *, channel_axis: int) -> tuple[_Samples, bool]:
    """One channel per picture, ``(N, H, W)``, and whether it was a batch.

    Raises:
        InputError: no picture has this shape or dtype.
    """
    shape = samples.shape
    has_channels = samples.ndim in (3, 4) and shape[channel_axis] in (1, 3)
    is_batch = samples.ndim - has_channels == 3
    if samples.ndim - has_channels not in (2, 3) or 0 in shape[is_batch:]:
        raise InputError(f"an array of shape {shape} is neither a picture nor a batch of pictures")
    if samples.dtype not in (np.uint8, np.uint16) and samples.dtype.kind != "f":
        raise InputError(
            f"pictures of {samples.dtype} can't be colorized: use uint8, uint16 or floating point"
        )
    if has_channels:
        samples = np.moveaxis(samples, channel_axis, -1)
    batch = samples if is_batch else samples[None]
    return (_one_channel(batch) if has_channels else batch), is_batch


def _one_channel(batch: _Samples) -> _Samples:
    """``(N, H, W, 1 or 3)`` to ``(N, H, W)``, by the weights that are used for photographs."""
    if batch.shape[-1] == 1:
        return batch[..., 0]
    codes = _to_codes(batch)
    if not len(codes):
        return codes[..., 0]
    return np.stack([luma_601(picture) for picture in codes])


def _to_codes(samples: _Samples) -> _Samples:
    """Integer code values as they are, floating point as 16-bit codes.

    Raises:
        InputError: a number isn't finite.
    """
    if samples.dtype.kind != "f":
        return samples
    if not np.isfinite(samples).all():
        raise InputError("the picture has numbers that aren't finite")
    codes: _Samples = np.rint(samples.astype(np.float64).clip(0.0, 1.0) * _FLOAT_WHITE)
    return codes.astype(np.uint16)


def _from_codes(rgb: _Samples, dtype: np.dtype[Any]) -> _Samples:
    if dtype.kind != "f":
        return rgb
    scaled: _Samples = (rgb / _FLOAT_WHITE).astype(dtype)
    return scaled
