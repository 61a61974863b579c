"""Colours over time: where shots end, and smoothing between. Tensors in, tensors out."""

from vidcolor.temporal.cuts import Boundary, CutDetector, ShotDetector
from vidcolor.temporal.ema import AbSmoother
from vidcolor.temporal.exposure import Correction, FlickerMeter, even_out, shift_exposure
from vidcolor.temporal.luma_filter import Deflicker, FilterChain, LumaFilter, MarkedFrame
from vidcolor.temporal.sketch import small_picture
from vidcolor.temporal.smoother import PerFrame, Smoother, no_frames
from vidcolor.temporal.sparse import LONGEST as LONGEST_GAP
from vidcolor.temporal.sparse import ColoredFrames, SparseColoring

__all__ = [
    "AbSmoother",
    "Boundary",
    "ColoredFrames",
    "Correction",
    "CutDetector",
    "Deflicker",
    "FilterChain",
    "FlickerMeter",
    "LONGEST_GAP",
    "LumaFilter",
    "MarkedFrame",
    "PerFrame",
    "ShotDetector",
    "Smoother",
    "SparseColoring",
    "even_out",
    "no_frames",
    "shift_exposure",
    "small_picture",
]
