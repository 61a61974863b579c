"""The output container: one encoded picture and the packets of all other streams."""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import av
from av.container import OutputContainer
from av.error import InvalidDataError
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidcolor.errors import Message, Option
from vidcolor.media.files.packets import EncodedPacket
from vidcolor.media.files.pipes import StreamWriter
from vidcolor.media.source import FrameSource
from vidcolor.media.write.capability import close_quietly
from vidcolor.media.write.encoder import EncoderPlan, configure, new_encoder
from vidcolor.media.write.facts import ContainerFacts
from vidcolor.media.write.pcm import PcmRecoder
from vidcolor.media.write.streams import (
    CopiedStream,
    add_copy,
    add_cover_attachment,
    are_channels,
    chapters_of,
    codec_name,
    container_tags,
    describe_copy,
    is_cover,
    is_time_code,
    known_starts,
    needs_split,
    repair_stamps,
)
from vidcolor.media.write.tags import global_tags, is_time_code_tag, moved_chapters, stream_tags

if TYPE_CHECKING:
    from av.container.core import Chapter

logger = logging.getLogger(__name__)

_NO_TEXT = b"\0\0"
"""A 3GPP timed text sample that clears the screen; libavformat writes its own in gaps."""

_TEN_SECONDS = 10
_GLOBAL_HEADER = 1 << 22
"""AV_CODEC_FLAG_GLOBAL_HEADER: parameters stand in the container, not before keyframes."""

_NO_REORDERING = 2
"""Films and spans of at most so many frames are coded in the order of showing."""

_TS_NONSTRICT = 1 << 17
"""AVFMT_TS_NONSTRICT: decoding times may be equal."""

_LOOKAHEAD_FRAMES = 120
"""More frames than any encoder holds back."""


class Mux:
    """An output container that is being written.

    Attributes:
        encoded: encoded frames that were written.
        notes: one line for each tag that the container can't hold.
    """

    def __init__(
        self,
        target: Path | StreamWriter,
        container: ContainerFacts,
        source: FrameSource,
        plan: EncoderPlan,
        *,
        shift: Fraction = Fraction(0),
        comment: str = "",
        time_codes: Mapping[str, str] | None = None,
        recoded: Mapping[int, str] | None = None,
    ) -> None:
        """Store the arguments; ``open`` creates the file.

        Args:
            target: a path, or standard output.
            container: the format.
            source: where streams, chapters and tags come from.
            plan: the encoder.
            shift: seconds to add to every stamp.
            comment: what colorized the film, for the tags.
            time_codes: the output's time code for each of the source's; MP4 and QuickTime make a
                track of it. Others are left out.
            recoded: streams, by index, that are written in another codec, and in which.
        """
        self._target = target
        self._container = container
        self._source = source
        self._plan = plan
        self._shift = shift
        self._comment = comment
        self._time_codes = time_codes or {}
        self._recoded = recoded or {}
        self._output: OutputContainer | None = None
        self._video: VideoStream | None = None
        self._encoder: VideoCodecContext | None = None
        self._fed = 0
        self._copies: dict[int, CopiedStream] = {}
        self._enables_all = False
        self._durations: dict[int, int] = {}
        self._last_dts: int | None = None
        self.encoded = 0
        self.notes: list[str] = []

    def open(
        self,
        streams: Sequence[Stream],
        first_packets: Mapping[int, Packet[Stream]],
        start: Fraction,
    ) -> None:
        """Create the container with the picture and copies of ``streams``, and write its header.

        Args:
            streams: to be copied.
            first_packets: the first packet of each stream, by index, as far as known.
            start: time of the first frame in seconds, before the shift.

        Raises:
            av.error.FFmpegError, OSError, ValueError: the muxer or the encoder refuses.
        """
        template = self._source.template
        tags, tag_options, notes = global_tags(
            {} if template is None else template.metadata,
            self._container,
            self._comment,
            cover=any(is_cover(stream) for stream in streams),
        )
        starts = [start, *known_starts(self._source, streams, first_packets).values()]
        output = self._open_muxer(self._options(tag_options, starts))
        try:
            output.metadata.update(tags)
            offset = self._source.time_offset_s - self._shift
            chapters = moved_chapters(chapters_of(template), offset, self._source.span_s)
            if chapters:
                output.set_chapters(cast("list[Chapter]", chapters))
            self._add_streams(output, streams, first_packets)
            for tagged in (output, *output.streams):
                self._put_time_codes(tagged.metadata)
            output.start_encoding()
        except BaseException:
            close_quietly(output)
            raise
        self._output, self.notes = output, notes

    def encode(self, frame: VideoFrame | None) -> list[EncodedPacket]:
        """Encode one frame, or with None all that the encoder still holds.

        Returns:
            What came out, to be given to ``put`` in this order.

        Raises:
            av.error.FFmpegError, ValueError: the encoder refuses.
        """
        if self._encoder is None:
            if frame is None:
                return []
            self._encoder = self._another_encoder()
        if frame is not None and frame.pts is not None:
            self._durations[frame.pts] = frame.duration
        self._fed += frame is not None
        packets = []
        for packet in self._encoder.encode(frame):
            packet.duration = self._durations.pop(packet.pts or 0, packet.duration or 0)
            if self._plan.facts.name == "libx265" and self._fed <= _NO_REORDERING:
                packet.dts = packet.pts  # x265 returns uninitialized memory
            packets.append(EncodedPacket.of(packet))
        return packets

    def renew_encoder(self) -> None:
        """Use a new encoder from the next frame on, without any state."""
        self._encoder, self._fed = None, 0

    def put(self, packets: Sequence[EncodedPacket]) -> None:
        """Write encoded frames.

        Raises:
            av.error.FFmpegError, OSError: the disk is full, or the muxer refuses.
        """
        output, video = self._opened()
        for encoded in packets:
            self.encoded += 1
            packet = encoded.packet(self._plan.time_base)
            self._last_dts = _mend_dts(packet, self._last_dts)
            if self._shift:
                self._move(packet, Fraction(video.time_base or self._plan.time_base))
            packet.stream = video
            output.mux_one(packet)

    def _opened(self) -> tuple[OutputContainer, VideoStream]:
        """The container and the picture's stream.

        Raises:
            RuntimeError: ``open`` wasn't called.
        """
        if self._output is None or self._video is None:
            raise RuntimeError("the output isn't open")
        return self._output, self._video

    def _another_encoder(self) -> VideoCodecContext:
        """A new encoder whose packets continue the stream.

        Raises:
            ValueError: it writes another header.
        """
        video = self._opened()[1]
        encoder = new_encoder(self._plan)
        encoder.flags |= video.codec_context.flags & _GLOBAL_HEADER
        encoder.open()
        if encoder.extradata != video.codec_context.extradata:
            what = f"{self._plan.facts.name} writes another header each time; use "
            raise ValueError(Message(what, Option("resume", False)))
        return encoder

    def _move(self, packet: Packet[Stream], unit: Fraction) -> None:
        """Add the shift in the container's unit: in the encoder's it may be no whole number."""
        scale, moved = Fraction(packet.time_base or unit) / unit, round(self._shift / unit)
        packet.pts = round((packet.pts or 0) * scale) + moved
        packet.dts = None if packet.dts is None else round(packet.dts * scale) + moved
        packet.duration = round((packet.duration or 0) * scale)
        packet.time_base = unit

    def copy(self, packet: Packet[Stream]) -> None:
        """Write a packet of another stream, if that stream is kept."""
        copied = self._copies.get(packet.stream_index)
        if copied is None or copied.target is None:
            return
        output, _ = self._opened()
        if copied.skips_empty and bytes(packet) == _NO_TEXT:
            return
        try:
            for part in copied.parts(packet):
                repair_stamps(part, copied, self._shift)
                part.stream = copied.target
                output.mux_one(part)
        except InvalidDataError as error:
            # a damaged packet may have no header that the muxer could rewrite
            logger.debug("packet of stream %d not copied: %s", packet.stream_index, error)
            copied.damaged += 1

    def damage(self) -> list[str]:
        """One line for each stream of which damaged packets were left out."""
        return [
            f"stream {index} ({codec_name(copied.target)}): {copied.damaged} damaged packet(s) "
            "left out"
            for index, copied in self._copies.items()
            if copied.damaged and copied.target is not None
        ]

    def close(self) -> None:
        """Write the trailer."""
        if self._output is not None:
            self._output.close()

    def free(self) -> None:
        """Close an output that isn't needed; never raises."""
        if self._output is not None:
            close_quietly(self._output)

    def _options(
        self, tag_options: Mapping[str, str], starts: Sequence[Fraction]
    ) -> dict[str, str]:
        """Muxer options."""
        options = {"fflags": "+bitexact"}  # else Matroska writes a random number into each file
        options |= self._container.options
        for key, value in tag_options.items():
            options[key] = options.get(key, "") + value
        if self._container.below_zero:
            # edit lists give starts and lengths in this unit: starts become whole numbers, and no
            # film is so short that its length becomes 0
            frames = self._plan.time_base.denominator
            scale = math.lcm(1000, frames, *((at + self._shift).denominator for at in starts))
            options["movie_timescale"] = str(scale if scale < 2**31 else 90000)
        # the encoder's delay must not make the muxer write other streams far ahead
        wait = _TEN_SECONDS + _LOOKAHEAD_FRAMES / self._plan.rate
        options["max_interleave_delta"] = str(math.ceil(wait * 1_000_000))
        if not isinstance(self._target, Path):
            options.pop("cues_to_front", None)
        return options

    def _open_muxer(self, options: dict[str, str]) -> OutputContainer:
        target = str(self._target) if isinstance(self._target, Path) else self._target
        return av.open(
            cast("str | BinaryIO", target),
            "w",
            format=self._container.name,
            container_options=options,
            metadata_errors="surrogateescape",  # tags of old files in unknown encodings
        )

    def _add_streams(
        self,
        output: OutputContainer,
        streams: Sequence[Stream],
        first_packets: Mapping[int, Packet[Stream]],
    ) -> None:
        """Add the picture and the copied streams in the source's order."""
        self._copies.clear()
        wanted = {stream.index for stream in streams}
        self._enables_all = self._container.enables_tracks and are_channels(streams)
        template, picture = self._source.template, self._source.video_stream
        for stream in [] if template is None else template.streams:
            if picture is not None and stream.index == picture.index:
                self._add_video(output)
            elif stream.index in wanted:
                first = first_packets.get(stream.index)
                self._copies[stream.index] = self._add_copy(output, stream, first)
        if picture is None:
            self._add_video(output)

    def _add_copy(
        self, output: OutputContainer, stream: Stream, first: Packet[Stream] | None
    ) -> CopiedStream:
        if is_cover(stream) and first is not None and self._container.covers == "file":
            add_cover_attachment(output, stream, bytes(first))
            return CopiedStream(None)
        codec = self._recoded.get(stream.index)
        recoder = PcmRecoder(output, stream, codec) if codec else None
        if recoder is None:
            target = add_copy(output, stream, self._container)
        else:
            target = recoder.target
            describe_copy(output, target, stream)
        if stream.type == "audio" and self._enables_all:
            target.disposition = Disposition(target.disposition | Disposition.default)
        return CopiedStream(
            target,
            amr=needs_split(self._container, stream),
            skips_empty=codec_name(stream) == "mov_text",
            least_step=0 if output.format.flags & _TS_NONSTRICT else 1,
            recoder=recoder,
        )

    def _add_video(self, output: OutputContainer) -> None:
        plan, source = self._plan, self._source
        video = cast(
            VideoStream,
            output.add_stream(plan.facts.name, rate=plan.rate, time_base=plan.time_base),
        )
        configure(video.codec_context, plan)
        if source.display_matrix is not None:
            video.set_display_matrix(source.display_matrix)
        if source.video_stream is not None:
            video.disposition = source.video_stream.disposition
            tags = stream_tags(source.video_stream.metadata)
            video.metadata.update(container_tags(output, tags))
        for stream in source.copied_streams:
            if is_time_code(stream):
                video.metadata.setdefault("timecode", stream.metadata["timecode"])
        self._video, self._encoder = video, video.codec_context

    def _put_time_codes(self, tags: dict[str, str]) -> None:
        """Replace or remove time codes, in place."""
        for key in filter(is_time_code_tag, tuple(tags)):
            code = self._time_codes.get(tags.pop(key))
            if code is not None:
                tags[key] = code


def _mend_dts(packet: Packet[Stream], last: int | None) -> int | None:
    """Make a decoding time valid: at most the pts, and above the last one.

    Returns:
        The packet's decoding time, for the next call.
    """
    if packet.pts is not None and (packet.dts is None or packet.dts > packet.pts):
        packet.dts = packet.pts
    if last is not None and packet.dts is not None and packet.dts <= last:
        packet.dts = last + 1
    return packet.dts


def holds_codec(container: ContainerFacts, encoder: str) -> bool:
    """Whether the container takes what the encoder writes."""
    output = av.open(io.BytesIO(), "w", format=container.name)
    try:
        output.add_stream(encoder, rate=25)
    except ValueError:
        return False
    finally:
        close_quietly(output)
    return True
