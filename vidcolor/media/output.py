"""The writer for an output's name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.media.files.patterns import is_pattern
from vidcolor.media.source import FrameSource
from vidcolor.media.write.film import VideoWriter
from vidcolor.types import EncodeSettings

if TYPE_CHECKING:
    from vidcolor.media.scans.write import SequenceWriter


def open_writer(
    path: str | Path, source: FrameSource, settings: EncodeSettings
) -> VideoWriter | SequenceWriter:
    """The writer that ``path`` asks for: numbered images for a pattern, else a film.

    Raises:
        OptionError, OutputError, StreamLossError: see the two classes.
    """
    if is_pattern(path):
        # Only for images: it brings all that reads and writes photographs.
        from vidcolor.media.scans.write import SequenceWriter

        return SequenceWriter(path, source, settings)
    return VideoWriter(path, source, settings)
