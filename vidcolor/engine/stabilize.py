"""Which smoother the options ask for."""

from __future__ import annotations

from vidcolor.engine.options import ColorizeOptions
from vidcolor.temporal import AbSmoother, PerFrame, Smoother


def make_smoother(options: ColorizeOptions, look_ahead: int) -> Smoother:
    """A fresh smoother for one film.

    Args:
        options: ``stabilize`` and ``smoothing`` count.
        look_ahead: frames that may wait for later ones; 0 allows only smoothing of the past.
    """
    if options.smoothing_s <= 0.0:
        return PerFrame()
    return AbSmoother(options.smoothing_s)
