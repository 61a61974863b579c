"""What kind of input is it? By content; a name only tells a numbered sequence."""

from __future__ import annotations

import io
import re
import sys
import warnings
from pathlib import Path
from typing import Final, Literal, cast

from vidcolor.errors import InputError
from vidcolor.media.files.inputs import InputFile, is_pipe, shown
from vidcolor.media.files.patterns import is_pattern, pattern_of
from vidcolor.media.read.container import UnreadableError, open_container

Kind = Literal["image", "video", "audio", "sequence", "scan", "unknown"]

_HEAD_BYTES: Final = 64
_STILL: Final = re.compile(
    rb"\xff\xd8\xff|II[\x2a\x2b]\0|MM\0[\x2a\x2b]|\0\0\0\x0cjP  |\xff\x4f\xff\x51"
    rb"|....ftyp(?:avif|hei[cxms]|hev[cxms]|mif1)|BM.{12}[\x0c-\x7c]\0\0\0|P[1-7]\s|8BPS",
    re.DOTALL,
)
_ANIMATED: Final = re.compile(rb"\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP", re.DOTALL)
_RAW_JPEG_SUFFIXES: Final = frozenset({".mjpg", ".mjpeg"})
_SCANS: Final = frozenset({"dpx_pipe", "exr_pipe"})
_RAW_FILMS: Final = frozenset({"jpeg_pipe"})  # raw Motion JPEG


def is_sequence(path: str | Path) -> bool:
    """Tell whether a name means numbered files: ``%d`` or ``%06d`` in it, and no such file."""
    return is_pattern(path) and not Path(path).exists()


def lone_scan(path: str | Path) -> InputError:
    """Why a "scan" isn't colorized by itself, with the command for the film that it belongs to."""
    pattern = pattern_of(path)
    if pattern is None:
        return InputError(
            f"{shown(path)}: is a single scan; numbered ones are read as a film"
            " (vidcolor scan_%06d.dpx OUT.mov --fps 18), photos as TIFF or PNG"
        )
    name = shown(pattern)
    return InputError(
        f"{name}: scans of a film are read together: vidcolor '{name}' OUT.mov --fps 18"
    )


def sniff(path: str | Path) -> Kind:
    """Tell what an input is.

    Args:
        path: a file, a numbered sequence ("scan_%06d.dpx"), or "-" for standard input, of which
            nothing is consumed; a film is assumed there unless it begins like a photo. A named
            pipe isn't looked into, and is a film.

    Returns:
        "image" for photos, single-frame GIF, PNG and WebP among them; "video" for whatever else
        has a picture, animations included; "audio" for sound only; "scan" for a single DPX or EXR
        file, which is read as part of a sequence alone; "unknown" for the rest, pictures of kinds
        that nobody here reads among them.

    Raises:
        InputError: the file is missing, empty, unreadable, a folder or a playlist.
    """
    if str(path) == "-":
        return "image" if _is_photo(_stdin_head()) else "video"
    if is_sequence(path):
        return "sequence"
    if is_pipe(path):
        return "video"
    file = InputFile(path)
    try:
        head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise InputError(f"{shown(path)}: can't be read: {error.strerror}") from None
    finally:
        file.close()
    if _ANIMATED.match(head):
        return "video" if _count_frames(Path(path)) > 1 else "image"
    if _is_photo(head) and Path(path).suffix.lower() not in _RAW_JPEG_SUFFIXES:
        return "image"
    return _container_kind(path)


def _is_photo(head: bytes) -> bool:
    return bool(_STILL.match(head) or (_ANIMATED.match(head) and not head.startswith(b"GIF")))


def _stdin_head() -> bytes:
    """Look at what waits on standard input without taking it."""
    stream = getattr(sys.stdin, "buffer", sys.stdin)
    if isinstance(stream, io.BufferedReader):
        return stream.peek(_HEAD_BYTES)[:_HEAD_BYTES]
    if stream.seekable():
        head = stream.read(_HEAD_BYTES)
        stream.seek(-len(head), io.SEEK_CUR)
        return bytes(cast(bytes, head))
    return b""


def _count_frames(path: Path) -> int:
    """Count an animation's frames; 1 where Pillow can't."""
    from PIL import Image

    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("ignore")
            return int(getattr(image, "n_frames", 1))
    except Exception:  # Pillow raises whatever its plugins raise; reading will tell
        return 1


def _container_kind(path: str | Path) -> Kind:
    try:
        container, file = open_container(path)
    except UnreadableError:
        raise
    except InputError:
        return "unknown"
    try:
        form = container.format.name
        kinds = {
            each.type
            for each in container.streams
            if not (each.type == "video" and each.disposition & 0x400)
        }
    finally:
        container.close()
        file.close()
    if form in _SCANS:
        return "scan"
    if form.endswith("_pipe") and form not in _RAW_FILMS:
        return "unknown"  # libav's word for a single picture
    if "video" in kinds:
        return "video"
    return "audio" if "audio" in kinds else "unknown"
