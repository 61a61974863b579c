"""Colours over time: where shots end, and smoothing between. Tensors in, tensors out."""

from vidcolor.temporal.cuts import CutDetector
from vidcolor.temporal.ema import AbSmoother
from vidcolor.temporal.smoother import PerFrame, Smoother, no_frames
from vidcolor.temporal.sparse import LONGEST as LONGEST_GAP
from vidcolor.temporal.sparse import ColoredFrames, SparseColoring

__all__ = [
    "AbSmoother",
    "CutDetector",
    "PerFrame",
    "Smoother",
    "no_frames",
    "LONGEST_GAP",
    "SparseColoring",
    "ColoredFrames",
]
