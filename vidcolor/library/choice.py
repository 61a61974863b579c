"""How callers name a model: a name, the path of a weights file, or a loaded model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from vidcolor.engine.options import ColorizeOptions
from vidcolor.models.contract import ColorModel

ModelChoice: TypeAlias = str | Path | ColorModel | None
"""A name, the path of a weights file, a model (loaded, or your own); None: the options name it."""


def split_choice(
    model: ModelChoice, options: ColorizeOptions | None
) -> tuple[ColorModel | None, ColorizeOptions]:
    """Return the loaded model, if it is one, and the options with the name, if it is a name."""
    options = options or ColorizeOptions()
    if isinstance(model, (str, Path)):
        return None, replace(options, model=str(model))
    return model, options
