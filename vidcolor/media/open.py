"""An input is opened once, and then probed, identified and read: ``open_input``."""

from __future__ import annotations

import io
import math
import sys
import warnings
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Final, Self, cast

from vidcolor.errors import InputError, Option, OptionError
from vidcolor.media.files.identity import FileIdentity, files_identity
from vidcolor.media.files.inputs import InputFile, InputView, is_pipe, shown
from vidcolor.media.files.remote import name_of
from vidcolor.media.kinds import (
    RAW_JPEG_SUFFIXES,
    Kind,
    find_signature,
    is_sequence,
    needs_pillow,
)
from vidcolor.media.read.base import BaseSource
from vidcolor.media.read.film import VideoReader
from vidcolor.media.read.frames.index import FrameIndex
from vidcolor.media.read.packets.container import (
    OpenContainer,
    UnreadableError,
    is_cover,
    open_container,
)
from vidcolor.media.read.packets.demux import choose_video
from vidcolor.media.read.packets.probe import describe_container
from vidcolor.media.source import FrameSource, ReadSettings
from vidcolor.types import LumaFrame, VideoInfo

_HEAD_BYTES: Final = 64
_SCANS: Final = frozenset({"dpx_pipe", "exr_pipe"})
_RAW_FILMS: Final = frozenset({"jpeg_pipe"})  # raw Motion JPEG
_TOLERANCE_S: Final = Fraction(1, 100_000)
"""Times are asked for to the microsecond; a frame may begin that little later."""


class Input:
    """An open input: a film, an animation, numbered images, a photo, or a pipe.

    Close it after all that reads it (or use ``with``). A file is opened once, whatever is asked of
    it. Standard input and named pipes aren't opened before they have to be, and can be read only
    once, from their beginning: there, one ``read`` or one ``frame_at`` is possible.

    Attributes:
        path: as the user wrote it.
        label: the path for messages.
        is_pipe: it can be read only once.
    """

    def __init__(self, path: str | Path) -> None:
        """See ``open_input``."""
        self.path = name_of(path)
        self.label = shown(path)
        self.is_pipe = self.path == "-" or is_pipe(path)
        self._is_sequence = is_sequence(path)
        self._opened: OpenContainer | None = None
        self._files: list[tuple[int, Path]] | None = None
        self._info: VideoInfo | None = None
        self._indexes: dict[ReadSettings, list[FrameIndex]] = {}
        self._access: tuple[ReadSettings, BaseSource] | None = None
        if not self.is_pipe and not self._is_sequence:
            self.file  # noqa: B018 - opened now, so that it is refused now

    @cached_property
    def file(self) -> InputFile:
        """The file beneath; numbered images have none.

        Raises:
            InputError: it can't be opened.
        """
        return InputFile(self.path)

    @cached_property
    def kind(self) -> Kind:
        """What it is, by content; only numbered images are recognised by their name.

        Returns:
            "image" for photos, single-frame GIF, PNG and WebP among them; "video" for whatever
            else has a picture, animations included; "audio" for sound only; "scan" for a single
            DPX or EXR file, which is read as part of a sequence alone; "unknown" for the rest,
            pictures of kinds that can't be read among them. Nothing is consumed of a pipe: named
            pipes are films, standard input too unless it begins like a photo.

        Raises:
            InputError: the system can't read it.
        """
        if self.path == "-":
            found = find_signature(_stdin_head())
            return "image" if found and found.is_photo and found.kind != "GIF" else "video"
        if self._is_sequence:
            return "sequence"
        if self.is_pipe:
            return "video"
        found = find_signature(self.file.head)
        if found is not None and found.may_move:
            return "video" if _count_frames(self.file.view()) > 1 else "image"
        if found is not None and found.is_photo and not self._is_raw_jpeg:
            return "image"
        try:
            return _container_kind(self.container)
        except UnreadableError:
            raise
        except InputError:
            return "unknown"

    @property
    def container(self) -> OpenContainer:
        """The film's container, opened and at its beginning; the next ``read`` takes it over.

        Raises:
            InputError: it can't be opened, or isn't a film.
        """
        if self._opened is None:
            self._opened = open_container(self.file)
        return self._opened

    @property
    def info(self) -> VideoInfo:
        """What the film is: by its header alone until a frame was read, then corrected by it.

        Raises:
            InputError: it has no film, or none that can be decoded.
        """
        if self._info is None:
            if self._is_sequence or needs_pillow(self.file.head):
                self.read(ReadSettings(copy_streams=False)).close()
            else:
                opened = self.container
                video = choose_video(opened.container, self.label)
                self._info = describe_container(opened, video, path=self.path, size=self.file.size)
        return cast(VideoInfo, self._info)

    @property
    def identity(self) -> FileIdentity | None:
        """Differs between inputs with different content; None for pipes.

        Raises:
            OSError: it can't be read.
        """
        if self.is_pipe:
            return None
        if self._is_sequence:
            return files_identity(file for _, file in self._numbered_files())
        return self.file.identity()

    def read(self, settings: ReadSettings | None = None, *, first_frame: int = 0) -> FrameSource:
        """Read its frames and, with ``settings.copy_streams``, the packets of its other streams.

        Sources may be read at the same time, each in a thread of its own.

        Args:
            settings: how; None for the defaults.
            first_frame: begin with this frame, counted from 0 in a reading with the same settings
                from the beginning: luma, stamps and durations are those of that reading. Packets
                of other streams aren't offered then.

        Returns:
            A source to be closed before this input.

        Raises:
            InputError: nothing can be read, or it is a pipe that was read before.
            OptionError: settings contradict each other, or ``fps`` is given for what has a rate.
            DependencyError: ffmpeg was asked for and isn't there.
        """
        settings = settings or ReadSettings()
        if first_frame:
            settings = replace(settings, copy_streams=False)
        source = self._source(settings, again=not first_frame)
        try:
            source.skip_frames(first_frame)
        except BaseException:
            source.close()
            raise
        self._info = source.info
        return source

    def index(self, settings: ReadSettings | None = None) -> FrameIndex | None:
        """What readings with these settings have shown so far; None for what keeps none.

        With an index that another process has kept (``FrameIndex.to_bytes``, ``use_index``),
        ``read(first_frame=...)`` needs no reading from the beginning. The caller makes sure that
        it is of the same input (``identity``) and the same settings.
        """
        return self._best_index(settings or ReadSettings())

    def use_index(self, index: FrameIndex, settings: ReadSettings | None = None) -> None:
        """Take over an index; see ``index``."""
        key = _key(settings or ReadSettings())
        longer = [each for each in self._indexes.get(key, ()) if len(each) > len(index)]
        self._indexes[key] = [*longer, index]

    def frame_at(self, seconds: float, settings: ReadSettings | None = None) -> LumaFrame | None:
        """The frame that is on the screen at a time.

        Args:
            seconds: from the film's start.
            settings: how it is read; ``start_s`` and ``end_s`` play no part.

        Returns:
            The last frame that has begun by then, as a reading from the beginning gives it; where
            none has, the first. None behind the end of the film.

        Raises:
            InputError: nothing can be read, or it is a pipe that was read before.
        """
        whole = replace(settings or ReadSettings(), start_s=None, end_s=None, copy_streams=False)
        wanted = Fraction(round(seconds * 1_000_000), 1_000_000) + _TOLERANCE_S
        found = self._frame_by_index(whole, wanted) or self._frame_by_access(whole, wanted)
        if found is None:
            found = self._frame_by_reading(whole, wanted)
        frame, is_last = found
        end = (frame.pts + frame.duration) * frame.time_base - self._start
        known = Fraction(self.info.duration_s or 0)
        return None if is_last and wanted - _TOLERANCE_S >= max(end, known) else frame

    @property
    def _start(self) -> Fraction:
        """The film's start time in seconds, exact to a microsecond."""
        return Fraction(round(self.info.start_s * 1_000_000), 1_000_000)

    def _frame_by_index(
        self, settings: ReadSettings, wanted: Fraction
    ) -> tuple[LumaFrame, bool] | None:
        """By the index of an earlier reading, if that went so far."""
        index = self._best_index(settings)
        if index is None or not len(index):
            return None
        number = index.number_at(math.floor((wanted + self._start) / self.info.time_base))
        is_last = number == len(index) - 1
        if is_last and not index.is_complete:
            return None
        with self.read(settings, first_frame=max(number, 0)) as source:
            return next(item for item in source if isinstance(item, LumaFrame)), is_last

    def _frame_by_access(
        self, settings: ReadSettings, wanted: Fraction
    ) -> tuple[LumaFrame, bool] | None:
        """By looking at the place alone; None where that isn't safe."""
        if self.is_pipe:
            return None
        if self._access is None or self._access[0] != settings:
            self._drop_access()
            self._access = settings, self._source(settings, again=False)
            self._info = self._access[1].info
        from vidcolor.media.scans.read import SequenceReader

        source = self._access[1]
        if isinstance(source, (VideoReader, SequenceReader)):
            return source.frame_at(wanted + self._start)
        return None

    def _frame_by_reading(self, settings: ReadSettings, wanted: Fraction) -> tuple[LumaFrame, bool]:
        """By reading from the beginning."""
        now: LumaFrame | None = None
        with self.read(settings) as source:
            for item in source:
                if isinstance(item, LumaFrame):
                    if item.pts * item.time_base - self._start > wanted:
                        return now or item, False
                    now = item
        return cast(LumaFrame, now), True

    def _drop_access(self) -> None:
        if self._access is not None:
            self._access[1].close()
        self._access = None

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._drop_access()
        if self._opened is not None:
            self._opened.close()
        if "file" in self.__dict__:
            self.file.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close."""
        self.close()

    @property
    def _is_raw_jpeg(self) -> bool:
        return Path(self.path).suffix.lower() in RAW_JPEG_SUFFIXES

    def _numbered_files(self) -> list[tuple[int, Path]]:
        if self._files is None:
            from vidcolor.media.scans.read import find_files

            self._files = find_files(self.path)
        return self._files

    def _best_index(self, settings: ReadSettings) -> FrameIndex | None:
        return max(self._indexes.get(_key(settings), ()), key=len, default=None)

    def _index_for(self, settings: ReadSettings, *, again: bool) -> FrameIndex:
        """The best index; a new one for a reading from the beginning that may make a better."""
        best = self._best_index(settings)
        if best is not None and (best.is_complete or not again):
            return best
        new = FrameIndex()
        self._indexes[_key(settings)] = [new] if best is None else [best, new]
        return new

    def _source(self, settings: ReadSettings, *, again: bool) -> BaseSource:
        """Open a reader.

        Args:
            settings: how to read.
            again: all will be read from the beginning, even if that was begun before.
        """
        # Readers that few inputs need are imported when they are: they bring much with them.
        if self._is_sequence:
            from vidcolor.media.scans.read import SequenceReader

            return SequenceReader(
                self.path,
                settings,
                files=self._numbered_files(),
                index=self._index_for(settings, again=again),
            )
        if settings.fps is not None:
            raise OptionError(
                f"{self.label}: ",
                Option("fps"),
                " is for numbered images (scan_%06d.tif); this keeps its own times",
            )
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.view.listen()
        if not self.is_pipe and needs_pillow(self.file.head):
            from vidcolor.media.read.animation import AnimationReader

            return AnimationReader(self.file, self.path, settings)
        if settings.decoder == "ffmpeg":
            from vidcolor.media.read.system_ffmpeg import open_with_ffmpeg

            return open_with_ffmpeg(self.file, self.path, settings, opened=opened)
        index = self._index_for(settings, again=again)
        return VideoReader(self.file, self.path, settings, opened=opened, index=index)


def open_input(path: str | Path) -> Input:
    """Open an input, of which nothing is decoded yet.

    Args:
        path: a film, an animation, a photo, numbered images ("scan_%06d.dpx"), a named pipe, or
            "-" for standard input.

    Raises:
        InputError: the file is missing, empty, unreadable, a folder or a playlist.
    """
    return Input(path)


def open_source(path: str | Path, settings: ReadSettings | None = None) -> FrameSource:
    """Open an input and read it; closing the source closes the input too.

    Raises:
        InputError, OptionError, DependencyError: see ``open_input`` and ``Input.read``.
    """
    opened = open_input(path)
    try:
        source = cast(BaseSource, opened.read(settings))
    except BaseException:
        opened.close()
        raise
    source.on_close(opened.close)
    return source


def sniff(path: str | Path) -> Kind:
    """Tell what an input is; see ``Input.kind``.

    Raises:
        InputError: the file is missing, empty, unreadable, a folder or a playlist.
    """
    with open_input(path) as opened:
        return opened.kind


def _key(settings: ReadSettings) -> ReadSettings:
    """The settings that decide which frames there are, and their stamps."""
    return replace(settings, deinterlace=False, threads=0, copy_streams=True)


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


def _count_frames(view: InputView) -> int:
    """Count an animation's frames; 1 where Pillow can't."""
    from PIL import Image

    try:
        with warnings.catch_warnings(), Image.open(io.BufferedReader(view)) as image:
            warnings.simplefilter("ignore")
            return int(getattr(image, "n_frames", 1))
    except Exception:  # Pillow raises whatever its plugins raise; reading reports it
        return 1


def _container_kind(opened: OpenContainer) -> Kind:
    container = opened.container
    form = container.format.name
    kinds = {each.type for each in container.streams if not is_cover(each)}
    if form in _SCANS:
        return "scan"
    if form.endswith("_pipe") and form not in _RAW_FILMS:
        return "unknown"  # libav's word for a single picture
    if "video" in kinds:
        return "video"
    return "audio" if "audio" in kinds else "unknown"
