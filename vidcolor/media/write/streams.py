"""Copying audio, subtitles and other streams: parameters, tags and packets unchanged."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import av
from av.audio.codeccontext import AudioCodecContext
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from vidcolor.media.source import FrameSource
from vidcolor.media.write.facts import ContainerFacts
from vidcolor.media.write.pcm import PcmRecoder

logger = logging.getLogger(__name__)

_PLACEHOLDERS = ("aac", "mov_text", "subrip", "webvtt", "dvb_subtitle")
_LAYOUTS = {1: "mono", 2: "stereo"}
# QuickTime has numbers for languages; libavformat finds them by one spelling only
_QUICKTIME_CODES = {
    "bod": "tib",
    "deu": "ger",
    "ell": "gre",
    "fre": "fra",
    "hye": "arm",
    "isl": "ice",
    "kat": "geo",
    "msa": "may",
    "mya": "bur",
    "nld": "dut",
    "sqi": "alb",
    "swe": "sve",
    "zho": "chi",
}

# Bytes of a frame by its type (bits 3 to 6 of the first byte): RFC 4867, tables 1a and 1b.
_NB_BYTES = (13, 14, 16, 18, 20, 21, 27, 32, 6, 1, 1, 1, 1, 1, 1, 1)
_WB_BYTES = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 6, 1, 1, 1, 1, 1)


@dataclass(slots=True)
class CopiedStream:
    """A stream of the output that takes another stream's packets.

    Attributes:
        target: the stream in the output; None for cover art that became an attachment.
        last_dts: of the last packet written, in ``target``'s time base.
        amr: packets have to be cut into single AMR frames.
        skips_empty: the muxer writes empty packets itself, where nothing is shown.
        damaged: packets that the muxer or the decoder refused.
        least_step: by how many units a decoding time has to rise: 0 or 1.
        recoder: turns the source's packets into others.
    """

    target: Stream | None
    last_dts: int | None = None
    amr: bool = False
    skips_empty: bool = False
    damaged: int = 0
    least_step: int = 1
    recoder: PcmRecoder | None = None

    def parts(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """What is written for one packet of the source.

        Raises:
            av.error.InvalidDataError: the packet is damaged.
        """
        if self.recoder is not None:
            return self.recoder.recode(packet)
        return split_amr(packet) if self.amr else [packet]


def is_time_code(stream: Stream) -> bool:
    """Whether this is a time code track whose start the demuxer has put into a tag.

    MP4 and QuickTime muxers write such a track anew from the tag (a copy lacks the frame rate,
    which PyAV can't set); Matroska keeps the tag.
    """
    return stream.type == "data" and "timecode" in stream.metadata


def is_chapter_text(stream: Stream) -> bool:
    """Whether this is the text track in which MP4 and QuickTime repeat their chapters' titles."""
    return stream.type == "data" and getattr(stream, "name", None) == "bin_data"


def add_copy(output: OutputContainer, stream: Stream, container: ContainerFacts) -> Stream:
    """Add a stream to ``output`` that takes ``stream``'s packets, with its tags and disposition.

    Args:
        output: not yet started.
        stream: of the source.
        container: facts of ``output``'s format.

    Raises:
        ValueError: the container refuses the codec.
    """
    if _has_no_decoder(stream):
        target = _add_undecodable(output, stream)
    else:
        target = _add_decodable(output, stream)
        if container.names_channels:
            _name_channels(target)
    target.time_base = stream.time_base
    describe_copy(output, target, stream)
    return target


def describe_copy(output: OutputContainer, target: Stream, stream: Stream) -> None:
    """Copy tags and disposition of ``stream`` to ``target``."""
    target.disposition = stream.disposition
    target.metadata.update(container_tags(output, stream.metadata))


def _name_channels(target: Stream) -> None:
    """Set the channel layout of PCM from AVI, MXF or Matroska, which store only a number.

    One channel is mono and two are stereo; for more it can't be known.
    """
    audio = target.codec_context
    if not isinstance(audio, AudioCodecContext) or not audio.name.startswith("pcm_"):
        return
    layout = _LAYOUTS.get(audio.layout.nb_channels)
    if layout and audio.layout.name.endswith(" channels"):  # libav's name of an unknown order
        audio.layout = layout


def _has_no_decoder(stream: Stream) -> bool:
    """Whether this build has no decoder for it (teletext, TTML)."""
    return stream.type not in ("data", "attachment") and _context(stream) is None


def _context(stream: Stream) -> object | None:
    """The stream's codec context; in PyAV's stubs it can't be None."""
    return getattr(stream, "codec_context", None)


def _add_undecodable(output: OutputContainer, stream: Stream) -> Stream:
    """Add a stream for which PyAV has no template: some codec's, then given all parameters.

    Raises:
        ValueError: the container takes none of the placeholders.
    """
    for codec in _PLACEHOLDERS:
        try:
            target = output.add_mux_stream(codec)
        except ValueError:
            continue
        BitStreamFilterContext("null", in_stream=stream, out_stream=target)
        return target
    raise ValueError(f"no place for stream {stream.index}")


def _add_decodable(output: OutputContainer, stream: Stream) -> Stream:
    """Add a stream from PyAV's template; sound that Matroska has no name for by its WAVE number.

    Raises:
        ValueError: the container refuses the codec.
    """
    try:
        return output.add_stream_from_template(stream, opaque=True)
    except ValueError:
        if stream.type != "audio" or output.format.name != "matroska":
            raise
    # PyAV asks for Matroska's own names only (WMA and ADPCM have none). AVI numbers sound in the
    # same way as A_MS/ACM; its stream has the right number, where the source's has another tag.
    with av.open(io.BytesIO(), "w", format="avi") as numbering:
        numbered = numbering.add_stream_from_template(stream, opaque=True)
        target = output.add_mux_stream("aac")
        BitStreamFilterContext("null", in_stream=numbered, out_stream=target)
    return target


def container_tags(output: OutputContainer, tags: Mapping[str, str]) -> dict[str, str]:
    """Stream tags in the container's spelling."""
    language = tags.get("language", "")
    if output.format.name == "mov" and language in _QUICKTIME_CODES:
        return {**tags, "language": _QUICKTIME_CODES[language]}
    return dict(tags)


def is_cover(stream: Stream) -> bool:
    """Whether the stream is a single picture, such as cover art."""
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def are_channels(streams: Iterable[Stream]) -> bool:
    """Whether the audio streams are channels that are played together, as in MXF.

    True where several are mono, of one codec, and the source marks none as default and none by
    a language of its own.
    """
    sounds = [stream for stream in streams if stream.type == "audio"]
    if len(sounds) < 2 or any(stream.disposition for stream in sounds):
        return False
    kinds = {
        (codec_name(stream), stream.metadata.get("language"), channel_count(stream))
        for stream in sounds
    }
    return len(kinds) == 1 and channel_count(sounds[0]) == 1


def channel_count(stream: Stream) -> int:
    """Channels of an audio stream, 0 where unknown and for others."""
    audio = stream.codec_context
    return audio.layout.nb_channels if isinstance(audio, AudioCodecContext) else 0


def add_cover_attachment(output: OutputContainer, stream: Stream, picture: bytes) -> None:
    """Write cover art as Matroska stores it: an attached file with a reserved name."""
    kind = {"mjpeg": "jpeg", "png": "png", "gif": "gif", "bmp": "bmp"}.get(
        codec_name(stream), "jpeg"
    )
    suffix = "jpg" if kind == "jpeg" else kind
    name = stream.metadata.get("filename", f"cover.{suffix}")
    output.add_attachment(name, stream.metadata.get("mimetype", f"image/{kind}"), picture)


def repair_stamps(packet: Packet[Stream], copy: CopiedStream, shift: Fraction) -> None:
    """Give a packet stamps that muxers take, with the least change.

    As ffmpeg does it: a missing dts is the pts and the other way round, with neither the packet
    follows its predecessor, and dts that fall are raised, by the smallest unit above the last one
    where the container doesn't take equal ones.

    Args:
        packet: in any time base; comes out in the target's.
        copy: where it goes; its ``last_dts`` is updated.
        shift: seconds to add.

    Raises:
        ValueError: the copy has no stream.
    """
    if copy.target is None or not copy.target.time_base:
        raise ValueError("no stream for this packet")
    unit = Fraction(copy.target.time_base)
    scale = Fraction(packet.time_base or unit) / unit
    moved = round(shift / unit)
    pts, dts = packet.pts, packet.dts
    packet.duration = round((packet.duration or 0) * scale)
    packet.time_base = unit
    follower = 0 if copy.last_dts is None else copy.last_dts + max(1, packet.duration)
    new_pts = None if pts is None else round(pts * scale) + moved
    new_dts = None if dts is None else round(dts * scale) + moved
    if new_dts is None:
        new_dts = follower if new_pts is None else new_pts
    if copy.last_dts is not None:
        new_dts = max(new_dts, copy.last_dts + copy.least_step)
    packet.dts = new_dts
    packet.pts = new_dts if new_pts is None else max(new_pts, new_dts)
    copy.last_dts = new_dts


def first_seconds(packet: Packet[Stream]) -> Fraction | None:
    """When the packet is shown, in seconds; None where unknown."""
    stamp = packet.pts if packet.pts is not None else packet.dts
    return None if stamp is None or not packet.time_base else stamp * Fraction(packet.time_base)


def known_starts(
    source: FrameSource, streams: Iterable[Stream], first_packets: Mapping[int, Packet[Stream]]
) -> dict[int, Fraction]:
    """When each copied stream starts, in seconds, by index: by its first packet or header.

    Headers are used only where the source isn't cut at its start.
    """
    starts: dict[int, Fraction] = {}
    for stream in streams:
        packet = first_packets.get(stream.index)
        seconds = None if packet is None else first_seconds(packet)
        if seconds is None and not source.time_offset_s and stream.start_time is not None:
            seconds = stream.start_time * Fraction(stream.time_base or 0)
        if seconds is not None:
            starts[stream.index] = seconds
    return starts


def codec_name(stream: Stream) -> str:
    """FFmpeg's name of a stream's codec; "unknown" where it has none."""
    context = getattr(stream, "codec_context", None)
    if context is not None:
        return str(context.codec.canonical_name)
    if stream.type == "subtitle" and stream.container.format.name == "mpegts":
        return "dvb_teletext"  # the only one in there that PyAV has no decoder for
    name = getattr(stream, "name", None)
    return name if stream.type == "data" and name else "unknown"


def chapters_of(template: InputContainer | None) -> list[dict[str, object]]:
    """Chapters of an input; none where there is no input container."""
    return [] if template is None else [dict(chapter) for chapter in template.chapters()]


def needs_split(container: ContainerFacts, stream: Stream) -> bool:
    """Whether packets have to be cut into single AMR frames: the MP4 family takes no others."""
    return container.below_zero and codec_name(stream).startswith("amr_")


def earliest_start(stream: Stream, container: ContainerFacts) -> Fraction:
    """The earliest time in seconds, at most 0, at which a stream's packets may start.

    Matroska stores an audio decoder's delay (CodecDelay), which covers encoders' priming samples
    before zero; libavformat writes it only where the source has it too.
    """
    audio = stream.codec_context
    if container.name not in ("matroska", "webm") or not isinstance(audio, AudioCodecContext):
        return Fraction(0)
    if not audio.delay or not audio.sample_rate:
        return Fraction(0)
    rounding = Fraction(1, 1000)
    return -Fraction(audio.delay, audio.sample_rate) - rounding


def split_amr(packet: Packet[Stream]) -> list[Packet[Stream]]:
    """Single-frame packets with the same bytes in the same order; the packet itself if it is one.

    Stamps and duration are divided evenly: all frames of AMR last 20 ms.
    """
    codec = packet.stream.codec_context
    sizes = _WB_BYTES if codec is not None and "wb" in codec.codec.canonical_name else _NB_BYTES
    data = bytes(packet)
    parts: list[bytes] = []
    while data:
        size = sizes[data[0] >> 3 & 15]
        parts.append(data[:size])
        data = data[size:]
    if len(parts) <= 1:
        return [packet]
    return [_part(packet, part, index, len(parts)) for index, part in enumerate(parts)]


def _part(packet: Packet[Stream], data: bytes, index: int, count: int) -> Packet[Stream]:
    part = Packet(data)
    offset = (packet.duration or 0) * index // count
    part.time_base = packet.time_base
    part.pts = None if packet.pts is None else packet.pts + offset
    part.dts = None if packet.dts is None else packet.dts + offset
    part.duration = (packet.duration or 0) // count
    part.is_keyframe = packet.is_keyframe
    return part
