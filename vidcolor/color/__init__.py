"""Colour arithmetic: code values <-> lightness <-> CIE Lab <-> output planes, in float32.

Works on the device of its tensors. It must not run under autocast: half precision errs by half a
Lab unit and bfloat16 by nearly three.
"""

from vidcolor.color.lab import (
    grey_to_lightness,
    lab_to_linear,
    lab_to_rgb,
    lightness_to_grey,
    linear_to_srgb,
    rgb_to_lab,
    srgb_to_linear,
)
from vidcolor.color.luma import luma_to_lightness
from vidcolor.color.planes import join_planes, join_rgb
from vidcolor.color.resize import resize

__all__ = [
    "grey_to_lightness",
    "join_planes",
    "join_rgb",
    "lab_to_linear",
    "lab_to_rgb",
    "lightness_to_grey",
    "linear_to_srgb",
    "luma_to_lightness",
    "resize",
    "rgb_to_lab",
    "srgb_to_linear",
]
