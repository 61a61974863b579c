"""Which of a source's other streams can a container hold? Tested with an in-memory muxer."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
from av.audio.codeccontext import AudioCodecContext
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from vidcolor.media.write.facts import ContainerFacts, find_container
from vidcolor.media.write.pcm import DISC_CODECS, PcmRecoder, plain_codec
from vidcolor.media.write.streams import (
    add_copy,
    codec_name,
    is_chapter_text,
    is_cover,
    is_time_code,
    needs_split,
    split_amr,
)

logger = logging.getLogger(__name__)

_TRIAL_SAMPLES = 480
"""Samples of at most 8 bytes; a whole number of samples of 3 bytes too."""
_LEAST_IMPORTANT_FIRST = ("data", "attachment", "subtitle", "video", "audio")
_BETTER = (".mkv", ".mov", ".ts", ".m2ts")
_DUMMY_CODECS = ("mpeg4", "vp8", "flv1")
_REFUSED = (av.error.FFmpegError, OSError, ValueError, TypeError, RuntimeError)


@dataclass(slots=True)
class CopyPlan:
    """Which streams are copied, and which the container can't hold.

    Attributes:
        streams: to be copied.
        recoded: of these, by index, the codec in which a disc's sound is written.
        lost: can't be.
        notes: one line for each of ``lost``.
    """

    streams: list[Stream] = field(default_factory=list)
    recoded: dict[int, str] = field(default_factory=dict)
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
        if is_time_code(stream):  # written from its tag, or noted as lost
            continue
        if can_hold(container, stream):
            plan.streams.append(stream)
        elif codec := can_recode(container, stream):
            plan.streams.append(stream)
            plan.recoded[stream.index] = codec
        else:
            plan.lost.append(stream)
    plan.notes = loss_notes(plan.lost, container)
    return plan


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


def language_notes(streams: Iterable[Stream], container: ContainerFacts) -> list[str]:
    """A note where ``container`` loses the languages of copied streams."""
    languages = {stream.metadata.get("language", "und") for stream in streams} - {"und"}
    if container.languages or not languages:
        return []
    return [f"{container.name} can't hold the streams' languages ({', '.join(sorted(languages))})"]


def recoding_notes(streams: Iterable[Stream], recoded: Mapping[int, str]) -> list[str]:
    """One line for each stream that is written in another codec."""
    return [
        f"stream {stream.index} (audio, {codec_name(stream)}) is written as"
        f" {recoded[stream.index]}: the same samples in a form that the container holds"
        for stream in streams
        if stream.index in recoded
    ]


def can_recode(container: ContainerFacts, stream: Stream) -> str | None:
    """The codec in which the container holds a disc's sound without loss; None: in none."""
    plain = plain_codec(stream)
    if plain is None:
        return None
    held = container.copies
    codecs = [codec for codec in (plain, "pcm_bluray") if held is None or codec in held]
    return next((codec for codec in codecs if _takes(container, stream, codec)), None)


def _takes(container: ContainerFacts, stream: Stream, codec: str) -> bool:
    """Whether a muxer takes a disc's sound as ``codec``."""
    output = av.open(io.BytesIO(), "w", format=container.name)
    try:
        PcmRecoder(output, stream, codec)
        output.start_encoding()
    except _REFUSED as error:
        logger.debug("%s refuses %s: %s", container.name, codec, error)
        return False
    finally:
        close_quietly(output)
    return True


def can_hold(
    container: ContainerFacts, stream: Stream, first: Packet[Stream] | None = None
) -> bool:
    """Whether a muxer takes the stream beside a dummy video stream: its header, and one packet.

    Args:
        container: whose muxer.
        stream: of the source.
        first: its first packet, where it is known; PCM is tried with silence.
    """
    first = first or _silence(stream)
    if is_cover(stream) and container.covers != "stream":
        return container.covers == "file"
    if stream.type == "attachment" and not container.attachments:
        return False  # WebM's muxer takes it and drops it
    if container.copies is not None and codec_name(stream) not in container.copies:
        return False
    output = av.open(
        io.BytesIO(), "w", format=container.name, container_options=_trial_options(container)
    )
    try:
        _add_dummy(output)
        target = add_copy(output, stream, container)
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


def without_least(streams: Sequence[Stream]) -> tuple[list[Stream], Stream | None]:
    """``streams`` without the least important one (data first), and that one; None where empty."""
    for kind in _LEAST_IMPORTANT_FIRST:
        for stream in reversed(streams):
            if stream.type == kind:
                return [other for other in streams if other is not stream], stream
    return list(streams), None


def _trial_options(container: ContainerFacts) -> dict[str, str]:
    """The container's options, except those that need a file."""
    written = {key: value for key, value in container.options.items() if key.startswith("mpegts")}
    return {**written, "strict": "experimental"}


def _silence(stream: Stream) -> Packet[Stream] | None:
    """A packet of PCM for a trial: some muxers check the sound only with the trailer."""
    audio = stream.codec_context
    if not isinstance(audio, AudioCodecContext) or codec_name(stream) in DISC_CODECS:
        return None
    if not audio.name.startswith("pcm_") or not audio.sample_rate:
        return None
    packet: Packet[Stream] = Packet(bytes(_TRIAL_SAMPLES * 8 * audio.layout.nb_channels))
    packet.time_base, packet.duration = Fraction(1, audio.sample_rate), _TRIAL_SAMPLES
    packet.is_keyframe = True
    return packet


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
    others = (find_container(Path(f"film{suffix}")) for suffix in _BETTER)
    return next(
        (
            facts
            for facts in others
            if facts
            and facts != container
            and (can_hold(facts, stream) or can_recode(facts, stream))
        ),
        None,
    )


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
    """Free a muxer whose output isn't needed; never raises."""
    try:
        output.close()
    except _REFUSED as error:
        logger.debug("closing a trial muxer: %s", error)
