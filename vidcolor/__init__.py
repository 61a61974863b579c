"""vidcolor: colorize black-and-white film and photographs.

The public names below are imported on first use (PEP 562), so ``import vidcolor`` costs nothing::

    import vidcolor

    vidcolor.colorize_video("in.mp4", "out.mp4", options=vidcolor.ColorizeOptions(saturation=1.1))
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidcolor.engine.again import redo_shots
    from vidcolor.engine.image import colorize_image
    from vidcolor.engine.options import ColorizeOptions, ColorizeResult
    from vidcolor.engine.shots.plan import Shot
    from vidcolor.engine.video import colorize_video
    from vidcolor.errors import (
        DependencyError,
        DeviceError,
        DownloadError,
        InputError,
        Interrupted,
        OptionError,
        OutOfMemoryError,
        OutputError,
        OutputExistsError,
        StreamLossError,
        UnsafeWeightsError,
        VidcolorError,
        WeightsError,
    )
    from vidcolor.library.arrays import colorize_array
    from vidcolor.library.film import ColorizedFrame, Film, GreyFrame, open
    from vidcolor.models.contract import ColorModel, Guidance, ModelInput, Prediction
    from vidcolor.models.loading import load_model
    from vidcolor.models.spec import ModelSpec, WorkingSize
    from vidcolor.types import StreamInfo, VideoInfo

__version__ = "0.1.0"

__all__ = [
    "ColorModel",
    "ColorizeOptions",
    "ColorizeResult",
    "ColorizedFrame",
    "DependencyError",
    "DeviceError",
    "DownloadError",
    "Film",
    "GreyFrame",
    "Guidance",
    "InputError",
    "Interrupted",
    "ModelInput",
    "ModelSpec",
    "OptionError",
    "OutOfMemoryError",
    "OutputError",
    "OutputExistsError",
    "Prediction",
    "Shot",
    "StreamInfo",
    "StreamLossError",
    "UnsafeWeightsError",
    "VidcolorError",
    "VideoInfo",
    "WeightsError",
    "WorkingSize",
    "__version__",
    "colorize_array",
    "colorize_image",
    "colorize_video",
    "load_model",
    "open",
    "redo_shots",
]

_HOME: dict[str, str] = {
    "ColorModel": "vidcolor.models.contract",
    "ColorizeOptions": "vidcolor.engine.options",
    "ColorizeResult": "vidcolor.engine.options",
    "ColorizedFrame": "vidcolor.library.film",
    "Film": "vidcolor.library.film",
    "GreyFrame": "vidcolor.library.film",
    "Shot": "vidcolor.engine.shots.plan",
    "StreamInfo": "vidcolor.types",
    "VideoInfo": "vidcolor.types",
    "colorize_array": "vidcolor.library.arrays",
    "open": "vidcolor.library.film",
    "Guidance": "vidcolor.models.contract",
    "ModelInput": "vidcolor.models.contract",
    "ModelSpec": "vidcolor.models.spec",
    "Prediction": "vidcolor.models.contract",
    "WorkingSize": "vidcolor.models.spec",
    "colorize_image": "vidcolor.engine.image",
    "colorize_video": "vidcolor.engine.video",
    "load_model": "vidcolor.models.loading",
    "redo_shots": "vidcolor.engine.again",
}

# A library doesn't write to stderr by itself; the command line adds its handlers to this logger.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the type is the looked-up name's
    """Import a public name when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME.get(name, "vidcolor.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, also those that nobody has asked for yet."""
    return sorted({*globals(), *__all__})
