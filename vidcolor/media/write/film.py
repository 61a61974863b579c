"""Writes the colorized film: encodes the picture and copies all other streams."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
from av.packet import Packet
from av.stream import Stream

from vidcolor.errors import Option, OptionError, OutputError, StreamLossError
from vidcolor.media.files.atomic import AtomicPath, check_distinct, output_error
from vidcolor.media.files.packets import EncodedPacket, KeptFile, SpanFileWriter
from vidcolor.media.files.pipes import StreamWriter
from vidcolor.media.files.spool import PacketSpool
from vidcolor.media.source import FrameSource
from vidcolor.media.write.capability import (
    can_hold,
    language_notes,
    loss_notes,
    plan_copies,
    recoding_notes,
    without_least,
)
from vidcolor.media.write.encoder import (
    FIELD_BOTTOM_FIRST,
    FIELD_PROGRESSIVE,
    FIELD_TOP_FIRST,
    EncoderPlan,
    choose_rate,
    choose_time_base,
    encoder_options,
    header_options,
    try_encoder,
)
from vidcolor.media.write.facts import HARDWARE_OF, container_facts, encoder_facts
from vidcolor.media.write.frames import FrameBuilder
from vidcolor.media.write.hdr import (
    dynamic_losses,
    hdr_options,
    static_metadata,
    time_code_losses,
)
from vidcolor.media.write.mux import Mux, holds_codec
from vidcolor.media.write.plane_choice import TRANSPARENCY_LOST, choose_planes, output_tags
from vidcolor.media.write.streams import chapters_of, earliest_start, known_starts
from vidcolor.media.write.tags import moved_chapters, moved_codes, time_codes
from vidcolor.types import ColorFrame, EncodeSettings, LumaFrame

logger = logging.getLogger(__name__)

HARDWARE = "auto"
"""In place of an encoder's name: a graphics card's, if one can be used."""

_LIBAV_ERRORS = (av.error.FFmpegError, OSError, ValueError)


class VideoWriter:
    """A film that is being written; a context manager.

    The constructor refuses whatever can be refused, before any work. The file is started with the
    first frame, when its properties are known, and appears under its name with ``commit``; leaving
    the context without it leaves nothing.

    Attributes:
        plane_format: the planes that ``write`` wants.
        codec: FFmpeg's name of the encoder.
        notes: one line for each stream or property of the source that isn't kept; grows while
            writing.
    """

    def __init__(self, path: str | Path, source: FrameSource, settings: EncodeSettings) -> None:
        """Decide on codec, planes and streams.

        Args:
            path: where to; ``-`` is Matroska on standard output.
            source: an open source, of which no frame has been taken.
            settings: codec, quality, streams and more.

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
        if settings.video_codec == HARDWARE:
            self._use_hardware()
        else:
            self._use(settings.video_codec or self._container.codec)
        self._streams = self._plan_copies()
        self._target = self._reserve()
        self._mux: Mux | None = None
        folder = self._target.final.parent if isinstance(self._target, AtomicPath) else None
        self._pending = PacketSpool(folder)
        self._shift = Fraction(0)
        self._written = 0
        self._kept_in: Path | None = None
        self._done: Iterator[list[EncodedPacket]] = iter(())
        self._span: SpanFileWriter | None = None
        self._closed = False

    def write(self, item: ColorFrame | Packet[Stream]) -> None:
        """Encode a frame, in presentation order, or copy a packet of the source.

        Raises:
            OutputError: the disk is full, or the container refuses the data.
        """
        try:
            if isinstance(item, ColorFrame):
                self._write_frame(item)
            elif self._mux is None:
                self._pending.add(item)
            else:
                self._mux.copy(item)
        except _LIBAV_ERRORS as error:
            raise output_error(self._path, error) from error

    def keep(self, folder: Path, done: Iterable[list[EncodedPacket]] = ()) -> None:
        """Keep all that is encoded in a folder too, span by span.

        Args:
            folder: where.
            done: what earlier runs have encoded, see ``WorkFolder.packets``; for ``replay``.
        """
        self._kept_in, self._done = folder, iter(done)

    def begin_span(self, first: LumaFrame, frame: int) -> None:
        """Begin in the middle of a film, to make one span of it.

        Args:
            first: the film's first frame: it decides how the film is encoded.
            frame: number of the span's first frame.

        Raises:
            OutputError: the disk is full, or the container refuses the film.
        """
        try:
            self._mux = self._start(first)
        except _LIBAV_ERRORS as error:
            raise output_error(self._path, error) from error
        self._written = frame

    def replay(self, frame: LumaFrame) -> None:
        """Write the next frame that an earlier run has encoded.

        Args:
            frame: as it came from the source, uncoloured.

        Raises:
            OutputError: the disk is full.
        """
        try:
            if self._mux is None:
                self._mux = self._start(frame)
            self._mux.put(next(self._done))
        except _LIBAV_ERRORS as error:
            raise output_error(self._path, error) from error
        self._written += 1

    def end_span(self) -> list[KeptFile]:
        """Flush the encoder and finish the file of this span; the next frame begins another.

        Returns:
            The files in the work folder, on the disk by now.

        Raises:
            OutputError: the disk is full.
        """
        if self._mux is None or self._span is None:
            raise RuntimeError("a span ends before a frame of it was written")
        try:
            self._put(self._mux, None)
            self._mux.renew_encoder()
            file = self._span.finish()
        except _LIBAV_ERRORS as error:
            raise output_error(self._path, error) from error
        self._span = None
        return [file]

    def commit(self) -> None:
        """Finish the file and give it its name.

        Raises:
            OutputError: no frame was written, the encoder lost frames, or the disk is full.
        """
        if self._mux is None:
            raise OutputError(f"{self._path}: not written, the input has no frames")
        try:
            self._mux.put(next(self._done, []))  # what emptied the last encoder, if it was kept
            self._mux.put(self._mux.encode(None))
            self._mux.close()
        except _LIBAV_ERRORS as error:
            raise output_error(self._path, error) from error
        if self._mux.encoded != self._written:
            raise OutputError(
                f"{self._path}: {self.codec} returned {self._mux.encoded} of {self._written} frames"
            )
        self._closed = True
        self.notes += self._mux.damage()
        if self._source.status.is_transparent:
            self.notes.append(TRANSPARENCY_LOST)
        if isinstance(self._target, AtomicPath):
            self._target.commit()
        else:
            self._target.flush()

    def abort(self) -> None:
        """Stop and leave nothing; harmless after ``commit``."""
        if self._closed:
            return
        self._closed = True
        self._pending.close()
        if self._span is not None:
            self._span.close()
        if self._mux is not None:
            self._mux.free()
        if isinstance(self._target, AtomicPath):
            self._target.discard()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Abort, unless ``commit`` was called."""
        self.abort()

    # -- before the first frame ---------------------------------------------------------------

    def _use(self, codec: str) -> None:
        """Encode with this encoder.

        Raises:
            OptionError, OutputError: it can't be used.
        """
        facts = encoder_facts(codec)
        self.codec = facts.name
        self.plane_format, self.notes = choose_planes(
            self._source.info, facts, self._container, self._settings
        )
        self._plan = self._make_plan()
        self._check_encoder()

    def _use_hardware(self) -> None:
        """Encode with a graphics card, or where none can, with the container's usual encoder.

        A preset is the software encoder's: with one, none is looked for.
        """
        usual = self._container.codec
        self._settings = replace(self._settings, video_codec=None)
        for codec in HARDWARE_OF.get(usual, ()) if self._settings.preset is None else ():
            try:
                self._use(codec)
            except (OptionError, OutputError) as error:
                logger.info("%s", error)
            else:
                self.notes.append(f"encoded by the graphics card ({codec})")
                return
        self._use(usual)
        self.notes.append(f"no encoder of a graphics card can be used here: encoded by {usual}")

    def _make_plan(self) -> EncoderPlan:
        """The encoder's settings, as far as they are known now."""
        info, settings, facts = self._source.info, self._settings, encoder_facts(self.codec)
        guessed = getattr(self._source.video_stream, "guessed_rate", None)
        time_base = choose_time_base(info.time_base, facts)
        plan = EncoderPlan(
            facts=facts,
            planes=self.plane_format,
            tags=output_tags(info, self.plane_format),
            size=settings.size or (info.width, info.height),
            time_base=time_base,
            rate=choose_rate(time_base, info.rate, guessed),
            sar=info.sar if info.sar != 1 else None,
            options=encoder_options(facts, settings),
            threads=settings.threads,
            tag=self._container.tags.get(facts.name, ""),
        )
        return replace(plan, options=plan.options | header_options(self._container, plan))

    def _check_encoder(self) -> None:
        """Check that encoder and container go together and the encoder opens.

        Raises:
            OptionError: they don't, or it doesn't.
            OutputError: the default encoder can't take this picture.
        """
        if not holds_codec(self._container, self.codec):
            raise OptionError(
                f"{self._path}: {self._container.name} can't hold what {self.codec} writes;"
                " use .mkv, which holds any codec"
            )
        try:
            try_encoder(self._plan)
        except OptionError as error:
            wishes = (self._settings.video_codec, self._settings.pix_fmt, self._settings.crf)
            if any(wish is not None for wish in (*wishes, self._settings.preset)):
                raise
            raise OutputError(f"{self._path}: ", error) from error

    def _plan_copies(self) -> list[Stream]:
        """Choose the streams that are copied.

        Raises:
            StreamLossError: ``strict``, and one can't be.
        """
        plan = plan_copies(
            self._source.copied_streams,
            self._container,
            audio=self._settings.audio == "copy",
            chapters=bool(chapters_of(self._source.template)),
        )
        kinds = set(self._source.status.side_data_kinds)
        if "A53_CC" in kinds and not self._plan.facts.captions:
            plan.notes.append(
                f"closed captions in the picture are lost: {self.codec} can't carry them"
            )
        self._lose([*plan.notes, *self._lost_chapters()])
        self._recoded = plan.recoded
        self.notes += recoding_notes(plan.streams, plan.recoded)
        self.notes += language_notes(plan.streams, self._container)
        self.notes += dynamic_losses(kinds)
        return plan.streams

    def _lost_chapters(self) -> list[str]:
        """A note where the container can't hold chapters."""
        if self._container.chapters:
            return []
        source = self._source
        count = len(
            moved_chapters(chapters_of(source.template), source.time_offset_s, source.span_s)
        )
        what = "1 chapter is" if count == 1 else f"{count} chapters are"
        return [f"{what} left out: {self._container.name} can't hold them"] if count else []

    def _lose(self, losses: list[str]) -> None:
        """Note losses, or refuse them.

        Raises:
            StreamLossError: ``strict``, and there is one.
        """
        if losses and self._settings.strict:
            what = f"{self._path}: {'; '.join(losses)} ("
            raise StreamLossError(what, Option("strict", True), ")")
        self.notes += losses

    def _reserve(self) -> AtomicPath | StreamWriter:
        """The target of the bytes: a temporary file, or standard output."""
        if str(self._path) == "-":
            return StreamWriter(sys.stdout.buffer)
        check_distinct(self._source.info.path, self._path)
        return AtomicPath(self._path)

    # -- with the first frame -----------------------------------------------------------------

    def _start(self, first: LumaFrame) -> Mux:
        """Open the output, now that the first frame and the packets before it are known."""
        self._complete_plan(first)
        start = first.pts * first.time_base
        self._shift = self._choose_shift(start)
        mux, codes = self._open(start)
        self.notes += time_code_losses(first.side_data, codes)
        fields = {FIELD_TOP_FIRST: "tff", FIELD_BOTTOM_FIRST: "bff"}.get(self._plan.field_order, "")
        self._frames = FrameBuilder(
            self.plane_format,
            self._plan.tags,
            self._plan.size,
            fields=fields if self._plan.codes_fields else "",
            captions=self._plan.facts.captions,
        )
        if self._kept_in is not None:
            mux.renew_encoder()  # the stream keeps its own encoder; unused, that takes no memory
        for packet in self._pending.take():
            mux.copy(packet)
        return mux

    def _complete_plan(self, first: LumaFrame) -> None:
        """Add what is known from the first frame: fields and HDR metadata."""
        plan = self._plan
        options, notes = hdr_options(plan.facts, static_metadata(first.side_data))
        self.notes += notes
        order = FIELD_PROGRESSIVE
        if self._source.status.is_interlaced or first.interlaced:
            top = first.top_field_first if first.interlaced else self._source.status.top_field_first
            order = FIELD_TOP_FIRST if top else FIELD_BOTTOM_FIRST
            step = 2 << plan.planes.chroma_shift[1]
            if not plan.facts.interlaced or (plan.facts.even_size and plan.size[1] % step):
                self.notes.append(
                    f"{self.codec} can't mark fields in {plan.size[0]}x{plan.size[1]}: lines stay"
                    " as they are, but players may not deinterlace by themselves"
                )
                order = FIELD_PROGRESSIVE
        self._plan = replace(plan, options=plan.options | options, field_order=order)

    def _choose_shift(self, start: Fraction) -> Fraction:
        """Seconds to add to all stamps where the container can't begin that early."""
        earliest = start
        if not self._container.below_zero:
            starts = known_starts(self._source, self._streams, self._pending.first)
            limits = {s.index: earliest_start(s, self._container) for s in self._streams}
            earliest = min([start, *(s - limits[index] for index, s in starts.items())])
        shift = max(Fraction(0), -earliest)
        unit = self._container.unit
        if shift and unit:
            shift = math.ceil(shift / unit) * unit
        if shift:
            self.notes.append(
                f"the source begins {float(shift):.3f} s before zero, where {self._container.name}"
                " has no times: everything is moved by as much"
            )
        return shift

    def _open(self, start: Fraction) -> tuple[Mux, list[str]]:
        """Open the container; where the header is refused, leave out one stream after the other.

        Returns:
            The container, and the time codes that are written.

        Raises:
            OutputError: it is refused for another reason.
        """
        first = self._pending.first
        streams = []
        for stream in self._streams:
            packet = None if stream.index in self._recoded else first.get(stream.index)
            if packet is None or can_hold(self._container, stream, packet):
                streams.append(stream)
            else:
                self._lose(loss_notes([stream], self._container))
        codes = self._move_time_codes(start)
        while True:
            mux = self._new_mux(codes)
            try:
                mux.open(streams, first, start)
            except _LIBAV_ERRORS as error:
                if not isinstance(error, av.error.ArgumentError | ValueError):
                    raise
                if codes:
                    codes = {}
                    self._lose(
                        [f"{self._container.name} can't hold this time code at this frame rate"]
                    )
                    continue
                streams, dropped = without_least(streams)
                if dropped is None:
                    raise
                logger.debug("header refused (%s): without stream %d", error, dropped.index)
                self._lose(loss_notes([dropped], self._container))
            else:
                self.notes += mux.notes
                return mux, [*codes.values()]

    def _move_time_codes(self, start: Fraction) -> dict[str, str]:
        """The output's time code for each of the source's.

        Raises:
            StreamLossError: ``strict``, and one is lost.
        """
        if not self._container.time_codes:
            self._lose(
                [
                    f"the time code {code} is left out: {self._container.name} can't hold it"
                    for code in sorted(time_codes(self._source))
                ]
            )
            return {}
        moved = moved_codes(self._source, start)
        lost = sorted(time_codes(self._source) - moved.keys())
        self._lose([f"the time code {each} can't be moved to the start: left out" for each in lost])
        return moved

    def _new_mux(self, codes: dict[str, str]) -> Mux:
        target = self._target.temporary if isinstance(self._target, AtomicPath) else self._target
        return Mux(
            target,
            self._container,
            self._source,
            self._plan,
            shift=self._shift,
            comment=self._settings.comment,
            time_codes=codes,
            recoded=self._recoded,
        )

    # -- while running ------------------------------------------------------------------------

    def _write_frame(self, frame: ColorFrame) -> None:
        """Encode a frame with its own stamp, in the encoder's unit of time."""
        if self._mux is None:
            self._mux = self._start(frame.source)
        unit = self._plan.time_base
        scale = frame.source.time_base / unit
        pts = round(frame.source.pts * scale)
        duration = round(frame.source.duration * scale)
        duration = duration or max(1, round(1 / (self._plan.rate * unit)))
        self._put(self._mux, self._frames.build(frame, pts, duration, unit))
        self._written += 1

    def _put(self, mux: Mux, frame: av.VideoFrame | None) -> None:
        """Encode a frame or flush the encoder; write the packets, to the work folder too."""
        mux.put(next(self._done, []))
        packets = mux.encode(frame)
        if self._kept_in is not None:
            if self._span is None:
                self._span = SpanFileWriter(self._kept_in / f"span-{self._written}.packets")
            self._span.add(packets)
        mux.put(packets)
