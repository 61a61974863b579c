"""Reading photos: ``read_still`` turns any picture into lightness.

What is read is lightness as sRGB code values of the grey picture, upright: gray samples as they
are, RGB by BT.601's luma weights, CMYK and anything with a profile by way of sRGB, Lab by its L*.
What is written is sRGB, and says so where the source named a colour space.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import cast

import numpy as np
import numpy.typing as npt

from vidcolor.errors import InputError, VidcolorError
from vidcolor.media.pixels.orientation import turn_upright
from vidcolor.media.still.color import has_visible_color
from vidcolor.media.still.damage import check_jpeg, explain, whole_but_for_end
from vidcolor.media.still.icc import (
    ProfileError,
    apply_gamma,
    convert_ink,
    convert_to_srgb,
    lab_to_gray,
)
from vidcolor.media.still.metadata.record import has_gain_map
from vidcolor.media.still.open import StillFile, open_still
from vidcolor.media.still.pillow import decode_with_pillow
from vidcolor.media.still.quiet import quiet_libraries
from vidcolor.media.still.raster import Raster, Samples, full_scale, luma_601
from vidcolor.media.still.tiff import decode_tiff
from vidcolor.media.still.write import check_still_output, writable_extension, write_still
from vidcolor.types import StillImage

__all__ = ["check_still_output", "read_color", "read_still", "writable_extension", "write_still"]


def read_still(source: str | os.PathLike[str] | bytes) -> StillImage:
    """Read one photo as upright lightness.

    Args:
        source: a path, "-" for standard input, or a file's bytes.

    Returns:
        The picture; ``warnings`` name what of the source isn't in it.

    Raises:
        InputError: it is missing, empty, no picture, truncated, damaged, or too large.
        DependencyError: HEIC without pillow-heif.
    """
    file = open_still(source)
    with quiet_libraries():
        try:
            raster = _decode(file)
            return _to_still(raster, file)
        except VidcolorError:
            raise
        except Exception as error:  # decoders raise anything from KeyError to zlib.error
            raise explain(file, error) from error


def _decode(file: StillFile) -> Raster:
    if file.kind == "TIFF":
        return decode_tiff(file)
    if file.kind != "JPEG":
        return decode_with_pillow(file)
    try:
        raster = decode_with_pillow(file)
    except OSError as error:
        if "truncated" not in str(error) or not whole_but_for_end(file.data):
            raise
        raster = decode_with_pillow(replace(file, data=file.data + b"\xff\xd9"))
        raster.warnings.append("the end marker is missing; the picture itself is whole")
        return raster
    check_jpeg(file, raster)
    return raster


def _to_still(raster: Raster, file: StillFile) -> StillImage:
    samples, colored = _to_srgb(raster)
    luma = samples if samples.ndim == 2 else luma_601(samples)
    warnings = list(raster.warnings)
    if raster.pages > 1:
        what = "pages" if file.kind == "TIFF" else "pictures"
        warnings.append(f"{raster.pages} {what} in the file: only the first is colorized")
    if file.kind == "JPEG" and has_gain_map(raster.metadata.xmp):
        warnings.append("its HDR gain map is left out: the standard picture is colorized")
    alpha = raster.alpha
    raster.metadata.turn_dpi(raster.orientation)
    return StillImage(
        luma=turn_upright(luma, raster.orientation),
        depth=luma.dtype.itemsize * 8,
        alpha=None if alpha is None else turn_upright(alpha, raster.orientation),
        format=raster.format,
        has_color=colored,
        metadata=raster.metadata,
        warnings=tuple(warnings),
    )


def _to_srgb(raster: Raster) -> tuple[Samples, bool]:
    """SRGB codes, ``(H, W)`` or ``(H, W, 3)``, and whether there is visible colour."""
    samples = raster.samples
    if raster.model in ("lab", "icclab"):
        return _from_lab(raster)
    if raster.model == "cmyk":
        samples, used = convert_ink(samples, raster.icc)
        if raster.icc is not None and not used:
            raster.warnings.append("its CMYK profile can't be used: converted without one")
    elif raster.icc is not None:
        try:
            samples = convert_to_srgb(samples, raster.model, raster.icc)
        except ProfileError as error:
            raster.warnings.append(f"its colour profile is left out, sRGB assumed ({error})")
    elif raster.gamma is not None and 0.1 < raster.gamma < 10 and abs(raster.gamma - 0.4545) > 0.02:
        samples = apply_gamma(samples, raster.gamma)
        raster.metadata.profiled = True
    return samples, samples.ndim == 3 and has_visible_color(samples, raster.alpha)


def _from_lab(raster: Raster) -> tuple[Samples, bool]:
    """L* to grey; coloured where a and b are further from neutral than toning."""
    white = full_scale(raster.samples)
    if raster.model == "icclab" and white == 65535:
        white = 0xFF00
    signed = raster.samples[..., 1:].astype(np.int32)
    half = (full_scale(raster.samples) + 1) // 2
    if raster.model == "lab":
        signed = np.where(signed >= half, signed - 2 * half, signed)
    else:
        signed = signed - half
    chroma = np.abs(signed) * (128.0 / half)
    raster.metadata.profiled = False
    colored = float(np.mean(np.hypot(chroma[..., 0], chroma[..., 1]) > 12)) > 0.05
    return lab_to_gray(raster.samples[..., 0], white), colored


def read_color(source: str | os.PathLike[str] | bytes) -> npt.NDArray[np.float32]:
    """Read a picture upright and with its colours.

    Args:
        source: as of ``read_still``.

    Returns:
        ``(H, W, 4)`` float32 in [0, 1]: sRGB code values, and opacity.

    Raises:
        InputError: as ``read_still``; or its samples are Lab, which is read as grey only.
    """
    file = open_still(source)
    with quiet_libraries():
        try:
            raster = _decode(file)
            samples, _ = _to_srgb(raster)
        except VidcolorError:
            raise
        except Exception as error:  # as above
            raise explain(file, error) from error
    if raster.model in ("lab", "icclab"):
        raise InputError(f"{file.name}: colours of Lab files can't be read: make an RGB file of it")
    rgb = samples if samples.ndim == 3 else np.repeat(samples[..., None], 3, axis=2)
    alpha = np.ones(rgb.shape[:2]) if raster.alpha is None else _share(raster.alpha)
    planes = np.concatenate((_share(rgb), alpha[..., None]), axis=2, dtype=np.float32)
    return cast(npt.NDArray[np.float32], turn_upright(planes, raster.orientation))


def _share(samples: Samples) -> npt.NDArray[np.float64]:
    shares: npt.NDArray[np.float64] = samples / full_scale(samples)
    return shares
