"""Writes the colorized film: encodes the picture and copies all other streams."""

from __future__ import annotations

import io
import logging
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from ..errors import OutputError, StreamLossError
from ..types import ColorFrame, EncodeSettings, LumaFrame, PlanarFormat
from .atomic import AtomicPath, check_distinct, output_error
from .encoder import (
    FIELD_BOTTOM_FIRST,
    FIELD_PROGRESSIVE,
    FIELD_TOP_FIRST,
    EncoderPlan,
    choose_rate,
    choose_time_base,
    configure,
    encoder_options,
    header_options,
    try_encoder,
)
from .formats import container_facts, encoder_facts
from .frames import FrameBuilder
from .hdr import dynamic_losses, hdr_options, static_metadata
from .plane_format import choose_planes, output_tags
from .source import FrameSource
from .streams import (
    CopiedStream,
    CopyPlan,
    add_copy,
    add_cover_attachment,
    chapters_of,
    first_seconds,
    is_cover,
    is_time_code,
    loss_notes,
    plan_copies,
    repair_stamps,
    without_least,
)
from .tags import global_tags, moved_chapters, stream_tags

logger = logging.getLogger(__name__)

_LIBAV_ERRORS = (av.error.FFmpegError, OSError, ValueError)
_TEN_SECONDS = 10
_LOOKAHEAD_FRAMES = 120
"""More frames than any encoder holds back."""


class VideoWriter:
    """A film that is being written; a context manager.

    Everything that can be refused is refused by the constructor, before any work. The file is
    started with the first frame, when the source has said what its frames are like, and appears
    under its name with ``commit``; leaving the context without it leaves nothing.

    Attributes:
        plane_format: the planes that ``write`` wants.
        codec: FFmpeg's name of the encoder.
        notes: one line for each stream or property of the source that isn't kept; grows.
    """

    def __init__(self, path: str | Path, source: FrameSource, settings: EncodeSettings) -> None:
        """Decide on codec, planes and streams.

        Args:
            path: where to; ``-`` is Matroska on standard output.
            source: an open source, of which no frame has been taken.
            settings: the user's wishes.

        Raises:
            OptionError: the settings don't fit together, the encoder can't be used here, or
                ``path`` is the input.
            OutputError: ``path`` can't be written.
            StreamLossError: ``settings.strict`` and a stream can't be kept.
        """
        self._path = Path(path)
        self._source = source
        self._settings = settings
        self._container = container_facts(self._path)
        facts = encoder_facts(settings.video_codec or self._container.codec)
        self.codec = facts.name
        self.plane_format, self.notes = choose_planes(source.info, facts, self._container, settings)
        self._plan = self._make_plan()
        _check_container(self._path, self._container.name, self.codec)
        try_encoder(self._plan)
        self._copies = self._plan_copies()
        self._target = self._reserve()
        self._output: OutputContainer | None = None
        self._video: VideoStream | None = None
        self._by_index: dict[int, CopiedStream] = {}
        self._pending: list[Packet] = []
        self._durations: dict[int, int] = {}
        self._shift = Fraction(0)
        self._written = self._encoded = 0
        self._closed = False

    def write(self, item: ColorFrame | Packet) -> None:
        """Encode a frame, in presentation order, or copy a packet of the source.

        Raises:
            OutputError: the disk is full, or the container refuses the data.
        """
        try:
            if isinstance(item, ColorFrame):
                self._write_frame(item)
            elif self._output is None:
                self._pending.append(item)
            else:
                self._copy(item)
        except _LIBAV_ERRORS as error:
            raise output_error(self._path, error) from error

    def commit(self) -> None:
        """Finish the file and give it its name.

        Raises:
            OutputError: no frame was written, the encoder lost frames, or the disk is full.
        """
        if self._output is None or self._video is None:
            raise OutputError(f"{self._path}: not written, the input has no frames")
        try:
            self._mux(self._video.encode(None))
            self._output.close()
        except _LIBAV_ERRORS as error:
            raise output_error(self._path, error) from error
        if self._encoded != self._written:
            raise OutputError(
                f"{self._path}: {self.codec} returned {self._encoded} of {self._written} frames"
            )
        self._closed = True
        if isinstance(self._target, AtomicPath):
            self._target.commit()
        else:
            self._target.flush()

    def abort(self) -> None:
        """Stop and leave nothing; harmless after ``commit``."""
        if self._closed:
            return
        self._closed = True
        self._pending.clear()
        try:
            if self._output is not None:
                self._output.close()
        except _LIBAV_ERRORS as error:
            logger.debug("closing an aborted output: %s", error)
        finally:
            if isinstance(self._target, AtomicPath):
                self._target.discard()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Abort, unless ``commit`` was called."""
        self.abort()

    # -- before the first frame ---------------------------------------------------------------

    def _make_plan(self) -> EncoderPlan:
        """What the encoder has to know, as far as it is known now."""
        info, settings, facts = self._source.info, self._settings, encoder_facts(self.codec)
        stream = self._source.video_stream
        guessed = getattr(stream, "guessed_rate", None)
        plan = EncoderPlan(
            facts=facts,
            planes=self.plane_format,
            tags=output_tags(info, self.plane_format),
            size=settings.size or (info.width, info.height),
            time_base=choose_time_base(info.time_base, facts),
            rate=choose_rate(settings.fps, info.rate, guessed),
            sar=info.sar if info.sar != 1 else None,
            options=encoder_options(facts, settings),
            threads=settings.threads,
            tag=self._container.tags.get(facts.name, ""),
        )
        return replace(plan, options=plan.options | header_options(self._container, plan))

    def _plan_copies(self) -> CopyPlan:
        """Which streams are copied.

        Raises:
            StreamLossError: ``strict``, and one can't be.
        """
        chapters = bool(chapters_of(self._source.template))
        keep_audio = self._settings.audio == "copy"
        plan = plan_copies(
            self._source.copied_streams, self._container, audio=keep_audio, chapters=chapters
        )
        if plan.lost and self._settings.strict:
            raise StreamLossError(f"{self._path}: {'; '.join(plan.notes)} (--strict)")
        self.notes += plan.notes
        kinds = set(self._source.side_data_kinds)
        self.notes += dynamic_losses(kinds)
        if "A53_CC" in kinds and not self._plan.facts.captions:
            note = f"closed captions in the picture are lost: {self.codec} can't carry them"
            if self._settings.strict:
                raise StreamLossError(f"{self._path}: {note} (--strict)")
            self.notes.append(note)
        return plan

    def _reserve(self) -> AtomicPath | BinaryIO:
        """Where bytes go: a temporary file, or standard output."""
        if str(self._path) == "-":
            return sys.stdout.buffer
        check_distinct(self._source.info.path, self._path)
        return AtomicPath(self._path)

    # -- with the first frame -----------------------------------------------------------------

    def _start(self, first: LumaFrame) -> None:
        """Open the output: now the first frame and the packets before it are known."""
        self._complete_plan(first)
        self._shift = self._choose_shift(first)
        streams = list(self._copies.streams)
        while True:
            try:
                self._open(first, streams)
                break
            except _LIBAV_ERRORS as error:
                streams, dropped = self._drop_one(streams, error)
                self.notes += loss_notes([dropped], self._container)
        fields = {FIELD_TOP_FIRST: "tff", FIELD_BOTTOM_FIRST: "bff"}.get(self._plan.field_order, "")
        self._frames = FrameBuilder(
            self.plane_format,
            self._plan.tags,
            self._plan.size,
            fields=fields if self._plan.codes_fields else "",
            captions=self._plan.facts.captions,
        )
        pending, self._pending = self._pending, []
        for packet in pending:
            self._copy(packet)

    def _complete_plan(self, first: LumaFrame) -> None:
        """Add what the first frame says: fields and HDR metadata."""
        plan = self._plan
        options, notes = hdr_options(plan.facts, static_metadata(first.side_data))
        self.notes += notes
        order = FIELD_PROGRESSIVE
        if self._source.is_interlaced or first.interlaced:
            top = first.top_field_first if first.interlaced else self._source.top_field_first
            order = FIELD_TOP_FIRST if top else FIELD_BOTTOM_FIRST
            step = 2 << plan.planes.chroma_shift[1]
            if not plan.facts.interlaced or (plan.facts.even_size and plan.size[1] % step):
                self.notes.append(
                    f"{self.codec} can't mark fields in {plan.size[0]}x{plan.size[1]}: lines stay"
                    " as they are, but players may not deinterlace by themselves"
                )
                order = FIELD_PROGRESSIVE
        self._plan = replace(plan, options=plan.options | options, field_order=order)

    def _choose_shift(self, first: LumaFrame) -> Fraction:
        """Seconds to add to all stamps, because the container can't begin below zero."""
        starts = [Fraction(first.pts) * first.time_base]
        if not self._container.below_zero:
            starts += [s for s in map(first_seconds, self._pending) if s is not None]
        shift = max(Fraction(0), -min(starts))
        if shift and self._container.unit:
            shift = math.ceil(shift / self._container.unit) * self._container.unit
        if shift:
            self.notes.append(
                f"the source begins {float(shift):.3f} s before zero, which"
                f" {self._container.name} can't say: everything is moved by as much"
            )
        return shift

    def _open(self, first: LumaFrame, streams: Sequence[Stream]) -> None:
        """Create the muxer with all streams and write its header."""
        template = self._source.template
        covers = [stream for stream in streams if is_cover(stream)]
        metadata = {} if template is None else template.metadata
        tags, tag_options, notes = global_tags(
            metadata, self._container, self._settings.comment, cover=bool(covers)
        )
        output = self._open_muxer(first, tag_options)
        try:
            output.metadata.update(tags)
            chapters = chapters_of(template)
            moved = moved_chapters(
                chapters, self._source.time_offset_s - self._shift, self._source.span_s
            )
            if moved:
                output.set_chapters(moved)
            self._add_streams(output, streams)
            output.start_encoding()
        except BaseException:
            _free(output)
            raise
        self._output = output
        self.notes += notes

    def _open_muxer(self, first: LumaFrame, tag_options: dict[str, str]) -> OutputContainer:
        options = dict(self._container.options)
        for key, value in tag_options.items():
            options[key] = options.get(key, "") + value
        if self._container.name in ("mp4", "mov", "3gp"):
            options["movie_timescale"] = str(self._movie_timescale(first))
        # what the encoder holds back must not make the muxer write other streams far ahead
        wait = _TEN_SECONDS + _LOOKAHEAD_FRAMES / self._plan.rate
        options["max_interleave_delta"] = str(math.ceil(wait * 1_000_000))
        if isinstance(self._target, AtomicPath):
            return av.open(
                str(self._target.temporary),
                "w",
                format=self._container.name,
                container_options=options,
            )
        options.pop("cues_to_front", None)
        return av.open(
            cast(BinaryIO, _WriteOnly(self._target)),
            "w",
            format=self._container.name,
            container_options=options,
        )

    def _movie_timescale(self, first: LumaFrame) -> int:
        """A time scale in which the starts of all streams are whole numbers (edit lists)."""
        starts = [Fraction(first.pts) * first.time_base]
        starts += [s for s in map(first_seconds, self._pending) if s is not None]
        scale = math.lcm(1000, *((start + self._shift).denominator for start in starts))
        return scale if scale < 2**31 else 90000

    def _add_streams(self, output: OutputContainer, streams: Sequence[Stream]) -> None:
        """Add the picture and the copied streams in the source's order."""
        self._by_index.clear()
        wanted = {stream.index for stream in streams}
        picture = self._source.video_stream
        everything = [] if self._source.template is None else list(self._source.template.streams)
        for stream in everything:
            if picture is not None and stream.index == picture.index:
                self._add_video(output)
            elif stream.index in wanted:
                self._by_index[stream.index] = self._add_copy(output, stream)
        if picture is None:
            self._add_video(output)

    def _add_copy(self, output: OutputContainer, stream: Stream) -> CopiedStream:
        picture = next((p for p in self._pending if p.stream_index == stream.index), None)
        if is_cover(stream) and picture is not None and self._container.name == "matroska":
            add_cover_attachment(output, stream, bytes(picture))
            return CopiedStream(None)
        return CopiedStream(add_copy(output, stream))

    def _add_video(self, output: OutputContainer) -> None:
        plan, source = self._plan, self._source
        video = output.add_stream(plan.facts.name, rate=plan.rate, time_base=plan.time_base)
        assert isinstance(video, VideoStream)
        configure(video.codec_context, plan)
        if source.display_matrix is not None:
            video.set_display_matrix(source.display_matrix)
        if source.video_stream is not None:
            video.disposition = source.video_stream.disposition
            video.metadata.update(stream_tags(source.video_stream.metadata))
        for stream in source.copied_streams:
            if is_time_code(stream):
                video.metadata.setdefault("timecode", stream.metadata["timecode"])
        self._video = video

    def _drop_one(self, streams: list[Stream], error: Exception) -> tuple[list[Stream], Stream]:
        """Leave out one stream and try again, where the header can't be written.

        Raises:
            OutputError: nothing left to leave out, or the disk is the trouble.
            StreamLossError: ``strict``.
        """
        rest, dropped = without_least(streams)
        is_disk = isinstance(error, OSError) and not isinstance(error, av.error.FFmpegError)
        if dropped is None or is_disk:
            raise output_error(self._path, error) from error
        if self._settings.strict:
            raise StreamLossError(
                f"{self._path}: {self._container.name} refuses stream {dropped.index} (--strict)"
            ) from error
        logger.debug("header refused (%s), leaving out stream %d", error, dropped.index)
        return rest, dropped

    # -- while running ------------------------------------------------------------------------

    def _write_frame(self, frame: ColorFrame) -> None:
        if self._output is None:
            self._start(frame.source)
        assert self._video is not None
        stamp = frame.source.pts * frame.source.time_base + self._shift
        unit = self._plan.time_base
        pts = round(stamp / unit)
        duration = round(frame.source.duration * frame.source.time_base / unit)
        duration = duration or max(1, round(1 / (self._plan.rate * unit)))
        self._durations[pts] = duration
        self._mux(self._video.encode(self._frames.build(frame, pts, duration, unit)))
        self._written += 1

    def _mux(self, packets: Sequence[Packet]) -> None:
        """Write encoded packets, each with the duration of its frame."""
        assert self._output is not None
        for packet in packets:
            self._encoded += 1
            packet.duration = self._durations.pop(packet.pts or 0, packet.duration or 0)
            self._output.mux_one(packet)

    def _copy(self, packet: Packet) -> None:
        """Write a packet of another stream, if that stream is kept."""
        copy = self._by_index.get(packet.stream_index)
        if copy is None or copy.target is None:
            return
        assert self._output is not None
        repair_stamps(packet, copy, self._shift)
        packet.stream = copy.target
        self._output.mux_one(packet)


class _WriteOnly(io.RawIOBase):
    """Standard output without ``seek``: libav then writes what can be read from a pipe."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        self._target.write(view)
        return view.nbytes


def _check_container(path: Path, container: str, encoder: str) -> None:
    """Make sure that the container takes the codec.

    Raises:
        OptionError: it doesn't.
    """
    output = av.open(io.BytesIO(), "w", format=container)
    try:
        output.add_stream(encoder, rate=25)
    except ValueError:
        from ..errors import OptionError

        raise OptionError(
            f"{path}: {container} can't hold what {encoder} writes; use .mkv, which holds any codec"
        ) from None
    finally:
        _free(output)


def _free(output: OutputContainer) -> None:
    try:
        output.close()
    except _LIBAV_ERRORS as error:
        logger.debug("closing a muxer: %s", error)
