"""Inputs as the options say they are to be read, and what tells them apart."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from vidcolor.engine.options import ColorizeOptions
from vidcolor.media.open import Input
from vidcolor.media.open import open_source as open_media
from vidcolor.media.source import FrameSource, ReadSettings


def open_source(path: str | Path, options: ColorizeOptions) -> FrameSource:
    """Open the input as the options say.

    Raises:
        InputError, OptionError, DependencyError: see ``Input.read``.
    """
    return open_media(path, read_settings(options))


def read_settings(options: ColorizeOptions, *, copy_streams: bool = True) -> ReadSettings:
    """How the options say that an input is read."""
    return ReadSettings(
        start_s=options.start_s,
        end_s=options.end_s,
        deinterlace=options.deinterlace,
        decoder=options.decoder,
        fps=options.fps,
        copy_streams=copy_streams,
    )


def plan_key(film: Input, settings: ReadSettings) -> dict[str, Any]:
    """What a shot plan is of: the input, and which frames of it are read; as JSON can hold it."""
    identity = film.identity
    reading = dataclasses.asdict(settings)
    del reading["threads"], reading["copy_streams"]  # they don't change the frames
    return {
        # its name alone: "reel.mkv" and "./reel.mkv" are the same
        "input": Path(film.path).name,
        "identity": None if identity is None else dataclasses.asdict(identity),
        **{name: None if value is None else str(value) for name, value in reading.items()},
    }
