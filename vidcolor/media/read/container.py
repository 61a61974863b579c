"""Opening input files through libav so that nothing but the given file is ever read.

Every file goes to libav as a Python file object under a neutral name: dashes, quotes, ``%`` and
bytes that aren't UTF-8 mean nothing there, and no protocol is involved. What a container wants to
open besides (playlists, external references) is refused three times: formats that are made of other
files aren't among those that libav may try, ``io_open`` raises, and the protocol whitelist is empty
for demuxers that open nested inputs by themselves.
"""

from __future__ import annotations

import functools
import io
from pathlib import Path
from typing import Any, Final, NoReturn, cast

import av
from av.container import InputContainer
from av.error import FFmpegError

from vidcolor.errors import InputError
from vidcolor.media.files.inputs import InputFile, reason, shown

NO_TIMESTAMPS: Final = 0x0080
"""AVFMT_NOTIMESTAMPS: a raw stream, whose packets have no stamps."""

TS_DISCONT: Final = 0x0200
"""AVFMT_TS_DISCONT: stamps may begin anew within the file."""

_BUFFER_BYTES: Final = 1 << 17
REFUSED_FORMATS: Final = frozenset(
    {"hls", "concat", "dash", "sdp", "rtsp", "rtp", "sap", "imf", "lavfi", "image2",
     "webm_dash_manifest", "vobsub", "avisynth", "vapoursynth", "bluray", "dvdvideo", "tedcaptions",
     "applehttp", "mpl2", "nistsphere", "fbdev", "kmsgrab", "v4l2", "video4linux2", "x11grab",
     "alsa", "oss", "pulse", "jack", "iec61883", "libcdio", "openal", "sndio", "gdigrab", "dshow",
     "vfwcap", "avfoundation", "decklink", "libdc1394", "android_camera", "xcbgrab",
     "ffmetadata", "tty", "srt", "webvtt", "ass", "lrc", "microdvd", "subviewer"}
)  # fmt: skip
"""Names of libav's demuxers that read other files, the network or devices, or are text alone."""


class UnreadableError(InputError):
    """The system can't read the file: that says nothing of what the file holds."""


@functools.cache
def _allowed_formats() -> str:
    """All formats that libav has, less the refused ones, as its option wants them."""
    names = (each for each in av.formats_available if REFUSED_FORMATS.isdisjoint(each.split(",")))
    return ",".join(sorted(names))


def _refuse_nested(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise PermissionError("inputs may not open other files")


def open_container(
    path: str | Path, stream: io.BufferedIOBase | None = None
) -> tuple[InputContainer, InputFile]:
    """Open a film by content.

    Args:
        path: the file, or "-" for standard input.
        stream: read this open stream instead; ``path`` is for messages then.

    Returns:
        The container and the file beneath it; close both, the container first.

    Raises:
        InputError: the file can't be read (``UnreadableError``) or isn't a film that libav knows.
        Interrupted: a pipe stalls, and somebody asks to stop.
    """
    file = InputFile(path, stream)
    try:
        container = av.open(
            cast(Any, file),
            "r",
            container_options={
                "protocol_whitelist": "none",
                "format_whitelist": _allowed_formats(),
            },
            metadata_errors="replace",
            buffer_size=_BUFFER_BYTES,
            io_open=_refuse_nested,
        )
    except FFmpegError as error:
        file.close()
        file.raise_if_stopped()
        if file.failure:
            raise UnreadableError(f"{shown(path)}: can't be read: {file.failure}") from None
        hint = "; from a pipe, MP4 must be fragmented, MKV or TS go" if str(path) == "-" else ""
        raise InputError(
            f"{shown(path)}: not a film that can be opened: {reason(error)}{hint}"
        ) from None
    except (OSError, ValueError, RuntimeError, UnicodeError) as error:
        file.close()
        raise InputError(f"{shown(path)}: can't be read: {reason(error)}") from None
    except BaseException:
        file.close()
        raise
    if not REFUSED_FORMATS.isdisjoint(container.format.name.split(",")):
        name = container.format.name
        container.close()
        file.close()
        raise InputError(f"{shown(path)}: is {name}, not a film")
    try:
        file.raise_if_stopped()
    except BaseException:
        container.close()
        file.close()
        raise
    return container, file
