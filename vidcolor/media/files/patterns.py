"""Names of numbered images: ``scan_%06d.tif``."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from vidcolor.errors import OutputError
from vidcolor.media.files.remote import exists, is_url, url_of

NUMBER: Final = re.compile(r"%(?:0?([1-9]\d?))?d")
"""Where a name is numbered: ``%d``, or ``%06d`` for six digits at least; ``%6d`` is the same."""


def is_pattern(path: str | Path) -> bool:
    """Whether the file name numbers images, as ``scan_%06d.png`` does."""
    return len(NUMBER.findall(Path(path).name)) == 1


def numbered(pattern: str) -> re.Pattern[str]:
    """What fits the names of numbered images, and nothing else; group 1 is the number.

    Args:
        pattern: a file name with one ``%d`` or ``%06d``.
    """
    before, width, after = NUMBER.split(pattern)
    digits = r"0|[1-9]\d*" if width is None else rf"\d{{{width}}}|[1-9]\d{{{width},}}"
    return re.compile(f"{re.escape(before)}({digits}){re.escape(after)}")


def pattern_of(path: str | Path) -> Path | None:
    """``scan_%06d.tif`` for ``scan_000123.tif``; None where the name doesn't end in a number."""
    path = Path(path)
    number = re.search(r"\d{1,99}$", path.stem)
    if number is None:
        return None
    return path.with_name(f"{path.stem[: number.start()]}%0{len(number[0])}d{path.suffix}")


def is_taken(output: str | Path) -> bool:
    """Whether an output is there already; of numbered images, any counts.

    Raises:
        OutputError: it is a URL, and the storage doesn't say.
    """
    if is_url(output):
        try:
            return exists(output)
        except OSError as error:
            raise OutputError(f"{url_of(output)}: can't be written: {error}") from error
    path = Path(output)
    if os.path.lexists(path):
        return True
    if not is_pattern(path) or not path.parent.is_dir():
        return False
    name = numbered(path.name)
    return any(name.fullmatch(entry) for entry in os.listdir(path.parent))
