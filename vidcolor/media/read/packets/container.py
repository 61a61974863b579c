"""Opening input files through libav so that nothing but the given file is ever read.

Every file goes to libav as a Python file object under a neutral name: dashes, quotes, ``%`` and
bytes that aren't UTF-8 mean nothing there, and no protocol is involved. What a container wants to
open besides (playlists, external references) is refused three times: formats that are made of other
files aren't among those that libav may try, ``io_open`` raises, and the protocol whitelist is empty
for demuxers that open nested inputs by themselves.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final, NoReturn, cast

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream

from vidcolor.errors import InputError
from vidcolor.media.files.inputs import InputFile, InputView, reason
from vidcolor.media.read.packets.late_streams import has_parameters, late_places, merged

logger = logging.getLogger(__name__)

NO_TIMESTAMPS: Final = 0x0080
"""AVFMT_NOTIMESTAMPS: a raw stream, whose packets have no stamps."""

TS_DISCONT: Final = 0x0200
"""AVFMT_TS_DISCONT: stamps may begin anew within the file."""

_BUFFER_BYTES: Final = 1 << 17
_PROBE_BYTES: Final = 5_760_000
"""More than the 5 MB that libav reads to open a film; a whole number of frames of any DV."""
_NO_LIMITS: Final = {"analyzeduration": str(10**12), "fpsprobesize": str(10**6)}
"""Microseconds and frames of film after which libav would be content."""
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
    """The system can't read the file; it may still be a film."""


@functools.cache
def _allowed_formats() -> str:
    """All formats that libav has, less the refused ones, as its option wants them."""
    names = (each for each in av.formats_available if REFUSED_FORMATS.isdisjoint(each.split(",")))
    return ",".join(sorted(names))


def _refuse_nested(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise PermissionError("inputs may not open other files")


def is_cover(stream: Stream) -> bool:
    """Whether a stream is a picture that belongs to the file, and no film."""
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


class OpenContainer:
    """A container and the view of the file that it reads.

    Attributes:
        container: libav's.
        view: beneath it.
        start_s: when the film begins, by its own stamps.
    """

    def __init__(self, container: InputContainer, view: InputView) -> None:
        self.container, self.view = container, view
        self.start_s = Fraction(container.start_time or 0, av.time_base)

    def close(self) -> None:
        """Free libav's side; safe to call twice. The file stays open."""
        self.container.close()


def open_container(file: InputFile) -> OpenContainer:
    """Open a film by content.

    Raises:
        InputError: the file can't be read (``UnreadableError``) or isn't a film that libav knows.
        Interrupted: a pipe stalls, and a stop event is set.
    """
    view = file.view()
    try:
        container = _open(view)
    except FFmpegError as error:
        view.raise_if_stopped()
        if view.failure:
            raise UnreadableError(f"{file.label}: can't be read: {view.failure}") from None
        hint = "" if file.is_seekable else "; from a pipe, MP4 must be fragmented, MKV or TS go"
        raise InputError(
            f"{file.label}: not a film that can be opened: {reason(error)}{hint}"
        ) from None
    except (OSError, ValueError, RuntimeError, UnicodeError) as error:
        raise InputError(f"{file.label}: can't be read: {reason(error)}") from None
    name = container.format.name
    try:
        if not REFUSED_FORMATS.isdisjoint(name.split(",")):
            raise InputError(f"{file.label}: is {name}, not a film")
        view.raise_if_stopped()
    except BaseException:
        container.close()
        raise
    return _with_late_streams(OpenContainer(container, view), file)


def _with_late_streams(opened: OpenContainer, file: InputFile) -> OpenContainer:
    """The film opened with a look at where its later streams begin; as it is where there are none.

    libav takes a film's streams from what it reads to open it. So that this holds those places, it
    is shown the file's beginning and them first, then all as it is.
    """
    size, container = file.size, opened.container
    if not file.is_seekable or size is None or size <= file.start:
        return opened
    places = late_places(file.view(), container, size)
    if not places:
        return opened
    parts = merged([(file.start, min(size, _PROBE_BYTES)), *places])
    view = file.view()
    view.show_first(parts)
    shown = sum(end - begin for begin, end in parts)
    try:
        found = _open(view, {"probesize": str(shown), **_NO_LIMITS})
    except (FFmpegError, OSError, ValueError, RuntimeError) as error:
        logger.debug("can't look at later streams: %s", error)
        return opened
    if _known_streams(found) > _known_streams(container) and _has_streams_of(found, container):
        view.show_first(())
        try:
            found.seek(0, unsupported_byte_offset=found.format.name != "dv")
        except FFmpegError as error:
            logger.debug("can't go back to the beginning: %s", error)
        else:
            late = OpenContainer(found, view)
            late.start_s = opened.start_s  # recordings that were joined may begin earlier each
            opened.close()
            return late
    found.close()
    return opened


def _known_streams(container: InputContainer) -> int:
    return sum(has_parameters(stream) for stream in container.streams)


def _has_streams_of(one: InputContainer, other: InputContainer) -> bool:
    """Whether the one's first streams are the other's."""
    first, second = ([(each.id, each.type) for each in c.streams] for c in (one, other))
    return first[: len(second)] == second


def _open(view: InputView, options: Mapping[str, str] | None = None) -> InputContainer:
    container = av.open(
        cast(Any, view),
        "r",
        container_options={
            "protocol_whitelist": "none",
            "format_whitelist": _allowed_formats(),
            **(options or {}),
        },
        metadata_errors="replace",
        buffer_size=_BUFFER_BYTES,
        io_open=_refuse_nested,
    )
    return cast(InputContainer, container)
