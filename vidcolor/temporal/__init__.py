"""Colours over time: where shots end, and smoothing between. Tensors in, tensors out."""

from vidcolor.temporal.cuts import CutDetector, ShotDetector
from vidcolor.temporal.ema import AbSmoother
from vidcolor.temporal.exposure import Deflicker, ExposureNormalizer, shift_exposure
from vidcolor.temporal.smoother import PerFrame, Smoother, no_frames
from vidcolor.temporal.sparse import LONGEST as LONGEST_GAP
from vidcolor.temporal.sparse import ColoredFrames, SparseColoring

__all__ = [
    "AbSmoother",
    "ColoredFrames",
    "CutDetector",
    "Deflicker",
    "ExposureNormalizer",
    "LONGEST_GAP",
    "PerFrame",
    "ShotDetector",
    "Smoother",
    "SparseColoring",
    "no_frames",
    "shift_exposure",
]
