"""The output's name where the user gives none."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Literal

from vidcolor.errors import InputError
from vidcolor.media.files.inputs import is_pipe
from vidcolor.media.files.patterns import NUMBER
from vidcolor.media.open import Input, open_input
from vidcolor.media.read.packets.demux import choose_video
from vidcolor.media.write.capability import plan_copies
from vidcolor.media.write.facts import container_facts, find_container
from vidcolor.media.write.streams import chapters_of


def default_output(
    path: Path, kind: Literal["image", "video", "sequence"], *, opened: Input | None = None
) -> Path:
    """``<stem>_color<ext>`` beside the input, ``opened`` where it is open already.

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
    suffix = path.suffix if find_container(path) else _film_suffix(path, opened)
    return path.with_name(_no_pattern(f"{path.stem}_color{suffix}"))


def _film_suffix(path: Path, opened: Input | None) -> str:
    """``.mp4``, or ``.mkv`` where that holds more of a film's streams."""
    if is_pipe(path):  # it can be opened only once
        return ".mp4"
    try:
        with nullcontext(opened) if opened is not None else open_input(path) as source:
            container = source.container.container
            video = choose_video(container, source.label, need_decoder=False)
            copied = [each for each in container.streams if each is not video]
            chapters = bool(chapters_of(container))
            mp4, mkv = (
                plan_copies(copied, container_facts(Path(name)), chapters=chapters)
                for name in ("film.mp4", "film.mkv")
            )
    except InputError:
        return ".mp4"  # reading it will say why
    return ".mkv" if len(mkv.lost) < len(mp4.lost) else ".mp4"


def _no_pattern(name: str) -> str:
    return NUMBER.sub(lambda found: "_" + found[0][1:], name)
