"""Writes colorized frames as numbered images: PNG, TIFF or DPX, as scanners deliver them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import numpy as np
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext

from vidcolor.errors import Option, OptionError, StreamLossError
from vidcolor.media.files.atomic import AtomicPath, fsync, output_error
from vidcolor.media.files.packets import KeptFile, write_list
from vidcolor.media.files.patterns import NUMBER
from vidcolor.media.pixels.orientation import matrix_orientation, turn_upright
from vidcolor.media.pixels.planes import plane_view
from vidcolor.media.scans.losses import LateLosses, film_losses, header_losses
from vidcolor.media.scans.read import SequenceReader, find_files
from vidcolor.media.source import FrameSource
from vidcolor.media.write.facts import SEQUENCE_SUFFIXES
from vidcolor.media.write.hdr import dynamic_losses, picture_codes
from vidcolor.media.write.plane_choice import TRANSPARENCY_LOST
from vidcolor.types import ColorFrame, EncodeSettings, LumaFrame, PlanarFormat, VideoInfo

_DPX_PLANAR = {10: "gbrp10be", 12: "gbrp12be"}


_CREATOR = slice(160, 260)
"""Bytes of a DPX header that name the program that made the file."""


@dataclass(frozen=True, slots=True)
class _Image:
    """How one kind of image is encoded: FFmpeg's name of it, formats by depth."""

    codec: str
    pix_fmts: dict[int, str]


_PNG = _Image("png", {8: "rgb24", 16: "rgb48be"})
_TIFF = _Image("tiff", {8: "rgb24", 16: "rgb48le"})
_DPX = _Image("dpx", {8: "rgb24", **_DPX_PLANAR, 16: "rgb48be"})
_IMAGES = {".png": _PNG, ".tif": _TIFF, ".tiff": _TIFF, ".dpx": _DPX}


class SequenceWriter:
    """Numbered images that are being written; the same contract as ``VideoWriter``.

    Images are written into a hidden folder beside their place and moved with ``commit``. They have
    the numbers of the scans that they were made of, and as PNG or TIFF their metadata; a film's
    frames are counted from 1.

    Attributes:
        plane_format: R, G, B in full range, 8 bit or, for deeper sources, 16 (DPX: 10 or 12).
        codec: FFmpeg's name of the image format.
        notes: one line for everything that images can't hold; grows while writing.
    """

    def __init__(self, path: str | Path, source: FrameSource, settings: EncodeSettings) -> None:
        """Decide on format and depth.

        Args:
            path: a pattern such as ``out/frame_%06d.png``.
            source: an open source.
            settings: ``size``, ``comment`` and ``strict`` are looked at; codec options are refused.

        Raises:
            OptionError: unknown image type, options that images don't have, or a pattern that
                would overwrite the input.
            OutputError: the folder can't be written.
            StreamLossError: ``settings.strict`` and the source has what images can't hold.
        """
        self._pattern = Path(path)
        image = _image_kind(self._pattern, settings)
        info = source.info
        _check_not_input(self._pattern, info)
        self.codec = image.codec
        self.plane_format = _plane_format(image, info.depth)
        self.notes: list[str] = []
        self._strict = settings.strict
        self._lose(film_losses(source, settings))
        self.notes += dynamic_losses(source.status.side_data_kinds)
        self.notes += picture_codes(source.status.side_data_kinds)
        self.notes += header_losses(source, self.codec)
        self._late = LateLosses(source)
        self._status = source.status
        self._orientation = matrix_orientation(source.display_matrix)
        self._comment = settings.comment
        self._size = settings.size or (info.width, info.height)
        self._rate = info.rate or Fraction(25)
        self._scans = source if isinstance(source, SequenceReader) else None
        self._folder = AtomicPath(self._pattern, directory=True)
        self._place = self._folder.temporary
        self._names: list[str] = []
        self._before = 0
        self._span: list[KeptFile] = []
        self._encoder: VideoCodecContext | None = None

    def write(self, item: ColorFrame | Packet[Stream]) -> None:
        """Write one image; packets of other streams are dropped, with a note.

        Raises:
            OutputError: the disk is full.
            StreamLossError: ``strict``, and this frame has what images can't hold.
        """
        if not isinstance(item, ColorFrame):
            return
        name = self._next_name(item.source)
        try:
            data = self._encode(item)
            (self._place / name).write_bytes(data)
        except (OSError, ValueError, av.error.FFmpegError) as error:
            raise output_error(self._pattern.with_name(name), error) from error
        self._span.append(KeptFile(name, len(data)))

    def keep(self, folder: Path, done: object = None) -> None:  # noqa: ARG002 - see VideoWriter
        """Write into a folder, where earlier runs may have left images."""
        self._place = folder

    def begin_span(self, first: LumaFrame, frame: int) -> None:  # noqa: ARG002
        """Begin in the middle of a film, at frame number ``frame``, to make one span of it."""
        self._before = frame

    def replay(self, frame: LumaFrame) -> None:
        """Take over the next image, which an earlier run has written.

        Raises:
            StreamLossError: as ``write``.
        """
        self._next_name(frame)

    def end_span(self) -> list[KeptFile]:
        """Flush this span's images to the disk.

        Returns:
            The list of them in the work folder.

        Raises:
            OutputError: the disk is full.
        """
        span, self._span = self._span, []
        for image in span:
            try:
                fsync(self._place / image.name)
            except OSError as error:
                raise output_error(self._pattern.with_name(image.name), error) from error
        try:
            return [
                write_list(
                    self._place / f"span-{self._before + len(self._names) - len(span)}", span
                )
            ]
        except OSError as error:
            raise output_error(self._pattern, error) from error

    def commit(self) -> None:
        """Move all images to their names, the last first, so that a break leaves no gap at the end.

        Raises:
            OutputError: an image can't be replaced.
        """
        target = self._folder.final.parent
        for name in reversed(self._names):
            try:
                os.replace(self._place / name, target / name)
            except OSError as error:
                raise output_error(target / name, error) from error
        self._folder.discard()
        if self._status.is_transparent:
            self.notes.append(TRANSPARENCY_LOST)
        self._note_others(target)

    def abort(self) -> None:
        """Remove what was written; harmless after ``commit``."""
        self._folder.discard()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Abort, unless ``commit`` was called."""
        self.abort()

    def _lose(self, losses: list[str]) -> None:
        """Note losses, each once, or refuse them.

        Raises:
            StreamLossError: ``strict``, and there is one.
        """
        if losses and self._strict:
            what = f"{self._pattern}: {'; '.join(losses)} ("
            raise StreamLossError(what, Option("strict", True), ")")
        self.notes += [loss for loss in losses if loss not in self.notes]

    def _note_others(self, folder: Path) -> None:
        """Note images of an earlier, longer run: players would take all for one film."""
        ours = set(self._names)
        others = [n for n, file in find_files(folder / self._pattern.name) if file.name not in ours]
        if len(others) == 1:
            self.notes.append(f"1 image of an earlier result remains (number {others[0]})")
        elif others:
            span = f"numbers {others[0]} to {others[-1]}"
            self.notes.append(f"{len(others)} images of an earlier result remain ({span})")

    def _next_name(self, frame: LumaFrame) -> str:
        if self._scans is None:
            self._lose(self._late.show(frame))
        count = self._before + len(self._names) + 1
        number = self._scans.scan_of(frame)[0] if self._scans else count
        name = NUMBER.sub(lambda m: f"{number:0{m[1] or 0}d}", self._pattern.name)
        self._names.append(name)
        return name

    def _encode(self, frame: ColorFrame) -> bytes:
        """One image as a file's bytes.

        Raises:
            OutputError, ValueError, FFmpegError: it can't be encoded.
        """
        width, height = self._size
        if any(plane.shape != (height, width) for plane in frame.planes):
            raise ValueError(f"expected planes of {height}x{width}")
        red, green, blue = (turn_upright(plane, self._orientation) for plane in frame.planes)
        frame = ColorFrame((red, green, blue), frame.source)
        if self.codec == "dpx":
            return self._encode_dpx(_rgb_frame(frame, self.plane_format))
        from vidcolor.media.scans.image import encode_scan

        scan = self._scans.scan_of(frame.source)[1] if self._scans else None
        suffix = self._pattern.suffix
        return encode_scan(frame.planes, scan, comment=self._comment, suffix=suffix)

    def _encode_dpx(self, video: av.VideoFrame) -> bytes:
        if self._encoder is None:
            encoder = av.CodecContext.create("dpx", "w")
            encoder.width, encoder.height = video.width, video.height
            encoder.pix_fmt = self.plane_format.pix_fmt
            encoder.time_base, encoder.framerate = 1 / self._rate, self._rate
            encoder.thread_type = "SLICE"  # one image in, one image out
            self._encoder = encoder
        data = bytearray(b"".join(bytes(packet) for packet in self._encoder.encode(video)))
        room = _CREATOR.stop - _CREATOR.start
        data[_CREATOR] = self._comment.encode()[: room - 1].ljust(room, b"\0")
        return bytes(data)


def _image_kind(pattern: Path, settings: EncodeSettings) -> _Image:
    """The encoder for a pattern's extension, if no film option was given with it."""
    kind = _IMAGES.get(pattern.suffix.lower())
    if kind is None:
        raise OptionError(
            f"{pattern}: numbered images are written as {', '.join(SEQUENCE_SUFFIXES)}"
        )
    for name in ("video_codec", "crf", "preset", "pix_fmt"):
        if getattr(settings, name) is not None:
            what = f"{pattern}: ", Option(name), " has no meaning for numbered images"
            raise OptionError(*what)
    return kind


def _plane_format(image: _Image, depth: int) -> PlanarFormat:
    """R, G, B at the smallest depth that holds the source's."""
    deep_enough = [have for have in image.pix_fmts if have >= min(depth, 16)]
    chosen = min(deep_enough)
    return PlanarFormat(
        pix_fmt=image.pix_fmts[chosen],
        model="rgb",
        depth=chosen,
        chroma_shift=(0, 0),
        full_range=True,
    )


def _rgb_frame(frame: ColorFrame, form: PlanarFormat) -> av.VideoFrame:
    """Copy R, G, B planes into a packed or planar (G, B, R) frame."""
    height, width = frame.planes[0].shape
    video = av.VideoFrame(width, height, form.pix_fmt)
    order = ">" if form.pix_fmt.endswith("be") else "<"
    dtype = np.dtype(np.uint8 if form.depth <= 8 else f"{order}u2")
    red, green, blue = frame.planes
    if len(video.planes) == 3:
        for plane, source in zip(video.planes, (green, blue, red), strict=True):
            plane_view(plane, dtype)[:] = source
    else:
        packed = plane_view(video.planes[0], dtype, per_pixel=3)
        for channel, source in enumerate((red, green, blue)):
            packed[:, channel::3] = source
    video.time_base = frame.source.time_base
    video.pts = frame.source.pts
    return video


def _check_not_input(pattern: Path, info: VideoInfo) -> None:
    """Refuse a pattern whose images would replace those that are read.

    Raises:
        OptionError: they would.
    """
    source = Path(info.path)
    if os.path.realpath(source.parent) != os.path.realpath(pattern.parent):
        return
    before, after = NUMBER.split(pattern.name)[::2]
    ours = re.escape(before) + rf"(\d+|{NUMBER.pattern})" + re.escape(after)
    if re.fullmatch(ours, source.name, re.IGNORECASE):
        raise OptionError(f"{pattern}: is the input itself; choose another name for the output")
