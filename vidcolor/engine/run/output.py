"""What films, photos and previews have in common about their output."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from vidcolor.engine.options import ColorizeOptions
from vidcolor.errors import Option, OutputExistsError
from vidcolor.media.files.inputs import shown
from vidcolor.media.files.patterns import is_taken
from vidcolor.models.colorizer import Colorizer


def check_absent(output: str | Path, options: ColorizeOptions) -> None:
    """Refuse to replace what nobody allowed to replace; "-" is never a file.

    Raises:
        OutputExistsError: it, or an image of a numbered sequence, exists, and
            ``options.overwrite`` is not set.
    """
    if str(output) != "-" and not options.overwrite and is_taken(output):
        advice = Option("overwrite", True)
        raise OutputExistsError(f"{shown(output)}: exists already; ", advice, " replaces it")


def keep_date(source: object, output: str | Path, options: ColorizeOptions) -> None:
    """Give a finished output its source's date, if the options say so and both are files."""
    if not options.keep_date or not isinstance(source, (str, Path)):
        return
    with contextlib.suppress(OSError):  # a date is worth no error: the output is whole
        if Path(source).is_file() and Path(output).is_file():
            status = os.stat(source)
            os.utime(output, ns=(status.st_atime_ns, status.st_mtime_ns))


def credit(model: Colorizer, others: Sequence[str] = ()) -> str:
    """The line written into metadata: who colorized it; ``others`` are models of parts."""
    from vidcolor import __version__

    names = [Path(name).name for name in (model.label, *others)]
    return f"vidcolor {__version__}, model {', '.join(names)}"
