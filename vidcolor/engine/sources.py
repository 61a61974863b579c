"""Inputs as the options say they are to be read, and what tells them apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcolor.engine.options import ColorizeOptions
from vidcolor.media.files.identity import FileIdentity, file_identity, files_identity
from vidcolor.media.kinds import is_sequence
from vidcolor.media.read.film import open_reader
from vidcolor.media.scans.read import find_files
from vidcolor.media.source import FrameSource
from vidcolor.types import LumaFrame

if TYPE_CHECKING:
    from vidcolor.engine.waiting import Packet

_READING = ("start_s", "end_s", "deinterlace", "decoder", "fps")
"""Options that decide which frames a film has."""


def open_source(
    path: str | Path, options: ColorizeOptions, *, copy_streams: bool = True
) -> FrameSource:
    """Open the input as the options say.

    Args:
        path: a film, a numbered sequence, or "-".
        options: those of reading count.
        copy_streams: offer the other streams' packets.

    Raises:
        InputError, OptionError, DependencyError: see ``open_reader``.
    """
    return open_reader(
        path,
        start_s=options.start_s,
        end_s=options.end_s,
        deinterlace=options.deinterlace,
        decoder=options.decoder,
        fps=options.fps,
        copy_streams=copy_streams,
    )


def input_identity(path: str | Path) -> FileIdentity | None:
    """What tells an input from others; None for pipes, which can be read only once."""
    if is_sequence(path):
        return files_identity(file for _, file in find_files(path))
    return None if str(path) == "-" else file_identity(path)


def plan_key(path: str | Path, options: ColorizeOptions) -> dict[str, Any]:
    """What a shot plan is of: the input, and how it is read; as JSON can hold it."""
    identity = input_identity(path)
    reading = {name: getattr(options, name) for name in _READING}
    return {
        # its name alone: "reel.mkv" and "./reel.mkv" are the same
        "input": Path(path).name,
        "identity": None if identity is None else dataclasses.asdict(identity),
        **{name: None if value is None else str(value) for name, value in reading.items()},
    }


def frames_from(
    source: FrameSource, frame: int  # noqa: ARG001 - see below
) -> tuple[int, Iterable[LumaFrame | Packet]]:
    """The items of a film from a frame on, or from an earlier one.

    The whole film is read now. A source that can be read exactly from a frame on may skip the
    frames before it; its first frame must be kept for the writer then.

    Args:
        source: open, of which nothing has been taken.
        frame: number of the first frame that is needed.

    Returns:
        The number of the first frame that comes, and the items.
    """
    return 0, source
