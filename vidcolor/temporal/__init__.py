"""Colours over time: where shots end, and smoothing between. Tensors in, tensors out."""

from vidcolor.temporal.cuts import CutDetector
from vidcolor.temporal.ema import AbSmoother

__all__ = ["AbSmoother", "CutDetector"]
