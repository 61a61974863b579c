"""Names of outputs."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, Literal

from vidcolor.errors import InputError
from vidcolor.media.files.inputs import is_pipe
from vidcolor.media.read.demux import Demuxer
from vidcolor.media.write.capability import plan_copies
from vidcolor.media.write.facts import container_facts, find_container
from vidcolor.media.write.streams import chapters_of

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
    """Whether an output is there already; of numbered images, any counts."""
    path = Path(output)
    if os.path.lexists(path):
        return True
    if not is_pattern(path) or not path.parent.is_dir():
        return False
    name = numbered(path.name)
    return any(name.fullmatch(entry) for entry in os.listdir(path.parent))


def default_output(path: Path, kind: Literal["image", "video", "sequence"]) -> Path:
    """``<stem>_color<ext>`` beside the input.

    ``<stem>_color.mp4`` for video in containers that take neither H.264 nor VP9, or that keep no
    time stamps (GIF, raw streams, AVI), and for numbered scans; ``.mkv`` where MP4 would lose a
    stream that Matroska holds, such as WMA or ADPCM sound. ``.png`` for photos of a kind that
    can't be written. ``-`` stays ``-``. A file called ``50%d off.mp4`` gives
    ``50_d off_color.mp4``, since the other name would mean numbered images.
    """
    if str(path) == "-":
        return path
    if kind == "image":
        from vidcolor.media.still.read import writable_extension

        suffix = path.suffix if writable_extension(path.suffix) else ".png"
        return path.with_name(_no_pattern(f"{path.stem}_color{suffix}"))
    if kind == "sequence":
        stem = NUMBER.sub("", path.stem).rstrip("_-. ") or path.parent.name or "scan"
        return path.with_name(f"{stem}_color.mp4")
    suffix = path.suffix if find_container(path) else _film_suffix(path)
    return path.with_name(_no_pattern(f"{path.stem}_color{suffix}"))


def _film_suffix(path: Path) -> str:
    """``.mp4``, or ``.mkv`` where that holds more of a film's streams."""
    if is_pipe(path):  # it can be opened only once
        return ".mp4"
    try:
        demuxer = Demuxer(path, start=None, end=None, copy_streams=True, need_decoder=False)
    except InputError:
        return ".mp4"  # the reader will say why
    try:
        chapters = bool(chapters_of(demuxer.container))
        mp4, mkv = (
            plan_copies(demuxer.copied, container_facts(Path(name)), chapters=chapters)
            for name in ("film.mp4", "film.mkv")
        )
    finally:
        demuxer.close()
    return ".mkv" if len(mkv.lost) < len(mp4.lost) else ".mp4"


def _no_pattern(name: str) -> str:
    return NUMBER.sub(lambda found: "_" + found[0][1:], name)
