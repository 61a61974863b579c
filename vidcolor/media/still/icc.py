"""ICC profiles of photos: everything becomes sRGB, through LittleCMS.

The colours of the result are new anyway, so the source's profile isn't carried on: its lightness
is converted to the sRGB curve, and the result says sRGB. The perceptual intent is used, which for
profiles made of a matrix and curves (all cameras, displays and scanners) is the colorimetric one.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import cast

import cv2
import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import ImageCms

from vidcolor.media.still.raster import Samples, ink_to_rgb

_PERCEPTUAL = 0
_EXACT = int(imagecodecs.CMS.FLAGS.NOOPTIMIZE)
"""LittleCMS shortens 16-bit transforms to a coarse grid that errs by up to 20 8-bit levels."""

_BLOCK_PIXELS = 1 << 20

FloatArray = npt.NDArray[np.float32]


class ProfileError(Exception):
    """The profile is damaged, or meant for other samples than these."""


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """An sRGB profile (588 bytes) to embed; the same bytes on every run."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[24:36] = bytes.fromhex("07e800010001000000000000")  # the creation date: 2024-01-01
    return bytes(made)


def profile_space(profile: bytes) -> str:
    """The space of a profile's device side: "RGB", "GRAY", "CMYK", "Lab", ...

    Raises:
        ProfileError: the profile can't be read.
    """
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return str(opened.profile.xcolor_space).strip()
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError) as error:
        raise ProfileError(str(error)) from error


def convert_to_srgb(samples: Samples, model: str, profile: bytes) -> Samples:
    """Convert samples to sRGB through the embedded profile, at their own depth.

    Args:
        samples: ``(H, W)`` gray, ``(H, W, 3)`` RGB or ``(H, W, 4)`` CMYK; uint8 or uint16.
        model: "gray", "rgb" or "cmyk".
        profile: the embedded profile.

    Returns:
        ``(H, W)`` for gray, else ``(H, W, 3)``; the samples themselves where the profile is sRGB.

    Raises:
        ProfileError: the profile is damaged, or meant for other samples than these.
    """
    space = profile_space(profile)
    try:
        if model == "gray" and space in ("GRAY", "RGB"):
            return _convert_gray(samples, profile, space)
        if model == "rgb" and space == "RGB":
            return samples if _is_srgb(profile) else _convert_rgb(samples, profile)
        if model == "cmyk" and space == "CMYK":
            return _by_blocks(samples, profile, "cmyk", flags=0)
    except (RuntimeError, ValueError) as error:  # CmsError is a RuntimeError
        raise ProfileError(str(error)) from error
    raise ProfileError(f"it is meant for {space} samples")


def convert_ink(samples: Samples, profile: bytes | None) -> tuple[Samples, bool]:
    """CMYK to sRGB through the profile, or by the usual formula where that fails.

    Returns:
        ``(H, W, 3)`` samples, and whether the profile was used.
    """
    if profile is not None:
        try:
            return convert_to_srgb(samples, "cmyk", profile), True
        except ProfileError:
            pass
    return ink_to_rgb(samples), False


def apply_gamma(samples: Samples, gamma: float) -> Samples:
    """From the curve of a PNG's gAMA (light = code ** (1 / gamma)) to sRGB's."""
    white = int(np.iinfo(samples.dtype).max)
    codes = np.arange(white + 1, dtype=np.float32) / np.float32(white)
    table = encode_srgb(np.power(codes, np.float32(1 / gamma))) * white + 0.5
    converted: Samples = table.astype(samples.dtype)[samples]
    return converted


def lab_to_gray(lightness: Samples, white: int) -> Samples:
    """CIE L* codes (``white`` is L* = 100) to sRGB-encoded grey of the same dtype."""
    top = int(np.iinfo(lightness.dtype).max)
    codes = np.minimum(np.arange(top + 1, dtype=np.float64) * (100.0 / white), 100.0)
    root = (codes + 16.0) / 116.0
    light = np.where(codes > 8.0, root**3, codes * 27.0 / 24389.0)
    table = encode_srgb(light.astype(np.float32)) * top + 0.5
    gray: Samples = table.astype(lightness.dtype)[lightness]
    return gray


def encode_srgb(light: FloatArray) -> FloatArray:
    """Linear light in [0, 1] (clipped to it) to sRGB codes in [0, 1]; IEC 61966-2-1."""
    light = np.clip(light, 0.0, 1.0)
    curved = cv2.pow(light, 1 / 2.4).reshape(light.shape) * np.float32(1.055) - np.float32(0.055)
    return np.where(light <= 0.0031308, light * np.float32(12.92), curved)


def _transform(
    samples: Samples, profile: bytes, space: str, *, target: str = "srgb", flags: int = _EXACT
) -> Samples:
    """One call of LittleCMS on ``(H, W, C)`` samples."""
    xyz = target == "xyz"
    converted: Samples = imagecodecs.cms_transform(
        samples,
        profile,
        imagecodecs.cms_profile("xyz") if xyz else srgb_profile(),
        colorspace=space,
        outcolorspace="xyz" if xyz else "rgb",
        outdtype=samples.dtype,
        intent=1 if xyz else _PERCEPTUAL,
        flags=flags,
    )
    return converted


def _by_blocks(samples: Samples, profile: bytes, space: str, *, flags: int = _EXACT) -> Samples:
    """Transform a picture in bands of rows: LittleCMS wants contiguous input and full output."""
    height, width = samples.shape[:2]
    result = np.empty((height, width, 3), samples.dtype)
    rows = max(1, _BLOCK_PIXELS // max(width, 1))
    for top in range(0, height, rows):
        band = np.ascontiguousarray(samples[top : top + rows])
        result[top : top + rows] = _transform(band, profile, space, flags=flags)
    return result


def _convert_gray(samples: Samples, profile: bytes, space: str) -> Samples:
    """Gray through a table of all codes; a profile for RGB counts as one for R = G = B."""
    white = int(np.iinfo(samples.dtype).max)
    ramp = (np.arange(white + 1) * (65535 // white)).astype(np.uint16)
    if space == "RGB":
        if _is_srgb(profile):
            return samples
        out = _transform(np.repeat(ramp[None, :, None], 3, axis=2), profile, "rgb")
    else:
        out = _transform(ramp[None, :, None], profile, "gray")
    table = out.reshape(-1, 3)[:, 1]
    if white == 255:
        table = ((table.astype(np.uint32) + 128) // 257).astype(np.uint8)
    converted: Samples = table[samples]
    return converted


@lru_cache(maxsize=8)
def _is_srgb(profile: bytes) -> bool:
    """Whether a profile is sRGB but for rounding: no 8-bit colour moves by more than one code.

    Real cameras' and web tools' sRGB profiles differ in the last digits; converting would only
    add rounding noise.
    """
    steps = np.linspace(0, 255, 18).astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    moved = _transform(np.ascontiguousarray(grid), profile, "rgb").astype(np.int16) - grid
    return bool(np.abs(moved).max() <= 1)


def _convert_rgb(samples: Samples, profile: bytes) -> Samples:
    if samples.dtype == np.uint8:
        # LittleCMS's 8-bit shortcut for matrix profiles is exact to a code, and fast
        return _by_blocks(samples, profile, "rgb", flags=0)
    shaper = _MatrixShaper.of(profile)
    return _by_blocks(samples, profile, "rgb") if shaper is None else shaper.convert(samples)


class _MatrixShaper:
    """16-bit RGB through a profile of three curves and a matrix, ten times LittleCMS's speed.

    LittleCMS gives the curves and the matrix: with such a profile, XYZ is the sum of what each
    channel gives alone.

    Attributes:
        curves: ``(3, 65536)`` float32, code to linear light.
        matrix: ``(3, 3)`` float32, linear light of the device to linear sRGB.
    """

    def __init__(self, curves: FloatArray, matrix: FloatArray) -> None:
        self.curves = curves
        self.matrix = matrix

    @classmethod
    def of(cls, profile: bytes) -> _MatrixShaper | None:
        """Curves and matrix of a profile; None where it isn't made of these alone."""
        ramp = np.linspace(0, 1, 65536, dtype=np.float32)
        curves, columns = [], []
        for channel in range(3):
            codes = np.zeros((1, 65536, 3), np.float32)
            codes[0, :, channel] = ramp
            xyz = _transform(codes, profile, "rgb", target="xyz")[0]
            full = xyz[-1]
            curves.append(xyz @ full / np.float32(full @ full))
            columns.append(full)
        to_srgb = np.linalg.inv(_primaries(srgb_profile())) @ np.stack(columns, axis=1)
        shaper = cls(np.stack(curves).astype(np.float32), to_srgb.astype(np.float32))
        return shaper if shaper._agrees(profile) else None

    def _agrees(self, profile: bytes) -> bool:
        probe = np.random.default_rng(0).integers(0, 65536, (1, 256, 3), dtype=np.uint16)
        exact = _transform(probe, profile, "rgb").astype(np.int32)
        # 32 of 65536 is an eighth of an 8-bit level; profiles with tables miss it by far
        return bool(np.abs(self.convert(probe).astype(np.int32) - exact).max() <= 32)

    def convert(self, samples: Samples) -> Samples:
        """``(H, W, 3)`` uint16 to sRGB, colours outside of it clipped."""
        height, width = samples.shape[:2]
        result = np.empty_like(samples, order="C")
        rows = max(1, _BLOCK_PIXELS // max(width, 1))
        for top in range(0, height, rows):
            band = samples[top : top + rows]
            light = np.stack([self.curves[c][band[..., c]] for c in range(3)], axis=-1)
            moved = cast(FloatArray, cv2.transform(light, self.matrix))
            codes = encode_srgb(moved.reshape(light.shape))
            result[top : top + rows] = codes * np.float32(65535) + np.float32(0.5)
        return result


def _primaries(profile: bytes) -> FloatArray:
    """``(3, 3)``: the XYZ of full red, green and blue, in columns."""
    xyz = _transform(np.eye(3, dtype=np.float32)[None], profile, "rgb", target="xyz")
    return cast(FloatArray, xyz[0].T)
