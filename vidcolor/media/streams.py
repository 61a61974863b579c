"""Copies audio, subtitles and all else, packet for packet, as far as a container takes it."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import av
from av.audio.codeccontext import AudioCodecContext
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from .amr import split_amr
from .formats import CONTAINERS, ContainerFacts
from .source import FrameSource

logger = logging.getLogger(__name__)

_LEAST_VALUED_FIRST = ("data", "attachment", "subtitle", "video", "audio")
_DUMMY_CODECS = ("mpeg4", "vp8", "flv1")
# QuickTime numbers languages; libavformat finds the number by one spelling only
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
_REFUSED = (av.error.FFmpegError, OSError, ValueError, TypeError, RuntimeError)


@dataclass(slots=True)
class CopiedStream:
    """A stream of the output that takes another stream's packets.

    Attributes:
        target: the stream in the output; None for cover art that became an attachment.
        last_dts: of the last packet written, in ``target``'s time base.
        amr: packets have to be cut into single AMR frames.
        skips_empty: the muxer writes empty packets by itself, where nothing is shown.
    """

    target: Stream | None
    last_dts: int | None = None
    amr: bool = False
    skips_empty: bool = False


@dataclass(slots=True)
class CopyPlan:
    """Which streams are copied, and which the container can't hold.

    Attributes:
        streams: to be copied.
        lost: can't be.
        notes: one line for each of ``lost``.
    """

    streams: list[Stream] = field(default_factory=list)
    lost: list[Stream] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def plan_copies(
    streams: Iterable[Stream],
    container: ContainerFacts,
    *,
    audio: bool = True,
    chapters: bool = False,
) -> CopyPlan:
    """Find out what ``container`` holds, by trying each stream in a muxer that writes to memory.

    Args:
        streams: candidates.
        container: where to.
        audio: False leaves audio streams out, silently.
        chapters: the source has chapters; their text track is then written anew, not copied.
    """
    plan = CopyPlan()
    for stream in streams:
        if stream.type == "audio" and not audio:
            continue
        if chapters and is_chapter_text(stream):
            continue
        if is_time_code(stream) and container.metadata != "none":
            continue
        if can_hold(container, stream):
            plan.streams.append(stream)
        else:
            plan.lost.append(stream)
    plan.notes = loss_notes(plan.lost, container)
    return plan


def is_time_code(stream: Stream) -> bool:
    """Whether this is a time code track whose start the demuxer has put into a tag.

    MP4 and QuickTime muxers write such a track anew from the tag (a copy lacks the frame rate,
    which PyAV can't set); Matroska keeps the tag.
    """
    return stream.type == "data" and "timecode" in stream.metadata


def has_time_code(source: FrameSource) -> bool:
    """Whether a time code would be written, be it from a track or from tags."""
    tagged = [source.template, source.video_stream, *source.copied_streams]
    return any(item is not None and "timecode" in item.metadata for item in tagged)


def loss_notes(lost: Sequence[Stream], container: ContainerFacts) -> list[str]:
    """One line for each stream that ``container`` can't hold, with one that can where there is."""
    notes = []
    for stream in lost:
        better = _better_container(container, stream)
        hint = f"; {better.suffixes[0]} can" if better else ""
        notes.append(
            f"stream {stream.index} ({stream.type}, {codec_name(stream)}) is left out:"
            f" {container.name} can't hold it{hint}"
        )
    return notes


def is_chapter_text(stream: Stream) -> bool:
    """Whether this is the text track in which MP4 and QuickTime repeat their chapters' titles."""
    return stream.type == "data" and getattr(stream, "name", None) == "bin_data"


def can_hold(
    container: ContainerFacts, stream: Stream, first: Packet[Stream] | None = None
) -> bool:
    """Whether a muxer takes the stream beside a dummy video stream: its header, and one packet."""
    if container.copies is not None and codec_name(stream) not in container.copies:
        return False
    output = av.open(
        io.BytesIO(), "w", format=container.name, container_options={"strict": "experimental"}
    )
    try:
        _add_dummy(output)
        target = add_copy(output, stream)
        output.start_encoding()
        if first is not None:
            part = split_amr(first)[0] if needs_split(container, stream) else first
            output.mux_one(_copied_packet(part, target))
            output.close()
    except _REFUSED as error:
        logger.debug("%s refuses stream %d: %s", container.name, stream.index, error)
        return False
    finally:
        close_quietly(output)
    return True


def add_copy(output: OutputContainer, stream: Stream) -> Stream:
    """Add a stream to ``output`` that takes ``stream``'s packets, with its tags and disposition.

    Raises:
        ValueError: the container refuses the codec.
    """
    target = output.add_stream_from_template(stream, opaque=True)
    target.time_base = stream.time_base
    target.disposition = stream.disposition
    target.metadata.update(container_tags(output, stream.metadata))
    return target


def container_tags(output: OutputContainer, tags: Mapping[str, str]) -> dict[str, str]:
    """Stream tags as the container spells them."""
    language = tags.get("language", "")
    if output.format.name == "mov" and language in _QUICKTIME_CODES:
        return {**tags, "language": _QUICKTIME_CODES[language]}
    return dict(tags)


def is_cover(stream: Stream) -> bool:
    """Whether the stream is a single picture, such as cover art."""
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def add_cover_attachment(output: OutputContainer, stream: Stream, picture: bytes) -> None:
    """Write cover art as Matroska wants it: an attached file with the names that it reserves."""
    kind = {"mjpeg": "jpeg", "png": "png", "gif": "gif", "bmp": "bmp"}.get(
        codec_name(stream), "jpeg"
    )
    suffix = "jpg" if kind == "jpeg" else kind
    name = stream.metadata.get("filename", f"cover.{suffix}")
    output.add_attachment(name, stream.metadata.get("mimetype", f"image/{kind}"), picture)


def without_least(streams: Sequence[Stream]) -> tuple[list[Stream], Stream | None]:
    """``streams`` without the least valued one (data first), and that one; None where empty."""
    for kind in _LEAST_VALUED_FIRST:
        for stream in reversed(streams):
            if stream.type == kind:
                return [other for other in streams if other is not stream], stream
    return list(streams), None


def repair_stamps(packet: Packet[Stream], copy: CopiedStream, shift: Fraction) -> None:
    """Give a packet stamps that muxers take, moving as little as possible.

    As ffmpeg does it: a missing dts is the pts and the other way round, with neither the packet
    follows its predecessor, and dts that don't rise are raised by the smallest unit.

    Args:
        packet: in any time base; comes out in the target's.
        copy: where it goes; its ``last_dts`` is updated.
        shift: seconds to add.
    """
    target = copy.target
    assert target is not None and target.time_base is not None
    unit = Fraction(target.time_base)
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
    if copy.last_dts is not None and new_dts <= copy.last_dts:
        new_dts = copy.last_dts + 1
    packet.dts = new_dts
    packet.pts = new_dts if new_pts is None else max(new_pts, new_dts)
    copy.last_dts = new_dts


def first_seconds(packet: Packet[Stream]) -> Fraction | None:
    """When the packet is shown, in seconds; None where it doesn't say."""
    stamp = packet.pts if packet.pts is not None else packet.dts
    return None if stamp is None or not packet.time_base else stamp * Fraction(packet.time_base)


def codec_name(stream: Stream) -> str:
    """FFmpeg's name of a stream's codec; "unknown" where it has none."""
    context = getattr(stream, "codec_context", None)
    if context is not None:
        return str(context.codec.canonical_name)
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

    Matroska says by how much an audio decoder's output is late, which is what encoders' priming
    before zero amounts to; only where the source says so too does libavformat write that.
    """
    audio = stream.codec_context
    if container.name not in ("matroska", "webm") or not isinstance(audio, AudioCodecContext):
        return Fraction(0)
    if not audio.delay or not audio.sample_rate:
        return Fraction(0)
    rounding = Fraction(1, 1000)
    return -Fraction(audio.delay, audio.sample_rate) - rounding


def _copied_packet(packet: Packet[Stream], target: Stream) -> Packet[Stream]:
    """A packet with the same data for a trial: muxing changes stamps."""
    copy = Packet(bytes(packet))
    copy.time_base, copy.is_keyframe = packet.time_base, packet.is_keyframe
    copy.pts = copy.dts = 0
    copy.duration = packet.duration or 0
    copy.stream = target
    return copy


def _better_container(container: ContainerFacts, stream: Stream) -> ContainerFacts | None:
    """Another container that takes the stream; Matroska first."""
    by_name = {facts.name: facts for facts in CONTAINERS}
    names = ("matroska", "mov", "mpegts")
    others = (by_name[name] for name in names if name != container.name)
    return next((facts for facts in others if can_hold(facts, stream)), None)


def _add_dummy(output: OutputContainer) -> None:
    """Add some video stream that the container takes: alone, some streams are refused."""
    for codec in _DUMMY_CODECS:
        try:
            dummy = output.add_mux_stream(codec, rate=25, width=64, height=64)
        except ValueError:
            continue
        dummy.time_base = Fraction(1, 25)
        return


def close_quietly(output: OutputContainer) -> None:
    """Free a muxer whose output nobody wants."""
    try:
        output.close()
    except _REFUSED as error:
        logger.debug("closing a trial muxer: %s", error)
