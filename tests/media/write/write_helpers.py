"""Clips made to order, a stand-in for the colorizer, and what a file holds as plain data."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.packet import Packet

from vidcolor.media.open import open_source
from vidcolor.media.source import FrameSource, ReadSettings
from vidcolor.media.write.film import VideoWriter
from vidcolor.types import ColorFrame, EncodeSettings, LumaFrame, PlanarFormat

FAST = EncodeSettings(preset="ultrafast", comment="vidcolor 0.0.1, model test")
INTERLACED_FLAGS = (1 << 18) | (1 << 29)


@dataclass
class Clip:
    """What ``make_clip`` writes; defaults are a dozen 64x48 frames at 25 fps."""

    pts: list[int] = field(default_factory=lambda: list(range(12)))
    time_base: Fraction = Fraction(1, 25)
    size: tuple[int, int] = (64, 48)
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    options: dict[str, str] = field(default_factory=lambda: {"preset": "ultrafast", "bf": "0"})
    sar: Fraction | None = None
    matrix: tuple[int, ...] | None = None
    fields: str = ""
    tags: tuple[int, int, int, int] = (2, 2, 2, 0)
    languages: tuple[str, ...] = ()
    audio_start: Fraction = Fraction(0)
    audio_codec: str = "aac"
    audio_bit_rate: int = 0
    subtitle: tuple[str, bytes] | None = None
    attachment: tuple[str, bytes, str] | None = None
    cover: bytes | None = None
    chapters: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    video_metadata: dict[str, str] = field(default_factory=dict)
    captions: bytes | None = None


def make_clip(path: Path, clip: Clip | None = None, **changes: Any) -> Path:  # noqa: ANN401
    """Write a clip with a moving ramp, and everything else that is asked for."""
    clip = clip or Clip(**changes)
    with av.open(str(path), "w", container_options={"avoid_negative_ts": "auto"}) as out:
        video = out.add_stream(clip.codec, rate=25, time_base=clip.time_base)
        video.width, video.height = clip.size
        video.pix_fmt = clip.pix_fmt
        video.options = dict(clip.options)
        context = video.codec_context
        if clip.sar:
            context.sample_aspect_ratio = clip.sar
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = (
            clip.tags
        )
        if clip.fields:
            context.flags |= INTERLACED_FLAGS
            context.field_order = 2 if clip.fields == "tff" else 3
        if clip.matrix:
            video.set_display_matrix(clip.matrix)
        video.metadata.update(clip.video_metadata)
        out.metadata.update(clip.metadata)
        sounds = []
        for number, language in enumerate(clip.languages):
            sound = out.add_stream(clip.audio_codec, rate=48000, bit_rate=clip.audio_bit_rate)
            sound.layout = "mono"
            sound.metadata["language"] = language
            sound.disposition = 1 if number == 0 else 8
            sounds.append(sound)
        text = _add_subtitle(out, clip)
        if clip.attachment:
            name, data, kind = clip.attachment
            out.add_attachment(name, kind, data)
        picture = _add_cover(out, clip)
        if clip.chapters:
            out.set_chapters(clip.chapters)
        out.start_encoding()
        if picture is not None and clip.cover is not None:
            packet = Packet(clip.cover)
            packet.stream, packet.pts, packet.dts = picture, 0, 0
            packet.time_base = Fraction(1, 90000)
            packet.is_keyframe = True
            out.mux(packet)
        _write(out, clip, video, sounds, text)
    return path


def _add_subtitle(out: Any, clip: Clip) -> Any:  # noqa: ANN401
    if clip.subtitle is None:
        return None
    text = out.add_mux_stream(clip.subtitle[0])
    text.time_base = Fraction(1, 1000)
    text.metadata["language"] = "deu"
    return text


def _add_cover(out: Any, clip: Clip) -> Any:  # noqa: ANN401
    if clip.cover is None:
        return None
    picture = out.add_mux_stream("mjpeg", width=16, height=16)
    picture.time_base = Fraction(1, 90000)
    picture.disposition = 1024
    return picture


def _write(out: Any, clip: Clip, video: Any, sounds: list[Any], text: Any) -> None:  # noqa: ANN401
    marker = _field_marker(clip)
    for number, pts in enumerate(clip.pts):
        frame = ramp(clip.size, clip.pix_fmt, number)
        frame.pts, frame.time_base = pts, clip.time_base
        if marker:
            marker.push(frame)
            frame = marker.pull()
        for packet in video.encode(frame):
            out.mux(with_captions(packet, clip.captions) if clip.captions else packet)
    for packet in video.encode(None):
        out.mux(with_captions(packet, clip.captions) if clip.captions else packet)
    for number, sound in enumerate(sounds):
        _write_tone(out, sound, number, clip.audio_start)
    if text is not None and clip.subtitle is not None:
        for start in (100, 300):
            packet = Packet(clip.subtitle[1])
            packet.stream, packet.time_base = text, Fraction(1, 1000)
            packet.pts = packet.dts = start
            packet.duration = 150
            out.mux(packet)


def _field_marker(clip: Clip) -> Any:  # noqa: ANN401
    if not clip.fields:
        return None
    graph = av.filter.Graph()
    form = av.VideoFormat(clip.pix_fmt, *clip.size)
    source = graph.add_buffer(None, *clip.size, form, time_base=clip.time_base)
    marker, sink = graph.add("setfield", clip.fields), graph.add("buffersink")
    source.link_to(marker)
    marker.link_to(sink)
    graph.configure()
    return graph


def _write_tone(out: Any, sound: Any, number: int, start: Fraction) -> None:  # noqa: ANN401
    context = sound.codec_context
    size = context.frame_size or 1024
    form = context.format.name
    for block in range(48000 // 2 // size):
        wave = np.sin(np.arange(size) * (0.02 + 0.01 * number)) * 0.3
        samples = (
            wave.astype(np.float32) if form.startswith("flt") else (wave * 32767).astype(np.int16)
        )
        frame = av.AudioFrame.from_ndarray(samples[None], form, "mono")
        frame.sample_rate = 48000
        frame.time_base = Fraction(1, 48000)
        frame.pts = round(start * 48000) + block * size
        out.mux(sound.encode(frame))
    out.mux(sound.encode(None))


def ramp(size: tuple[int, int], pix_fmt: str, number: int) -> av.VideoFrame:
    """A grey ramp that moves by three columns a frame."""
    width, height = size
    line = (np.arange(width)[None, :] * 2 + number * 3 + np.arange(height)[:, None]) % 200 + 20
    grey = av.VideoFrame.from_ndarray(line.astype(np.uint8), "gray")
    return grey.reformat(format=pix_fmt)


def caption_sei(data: bytes) -> bytes:
    """An H.264 SEI unit that holds A53 captions ``data`` (three bytes a piece)."""
    payload = b"\xb5\x00\x31GA94\x03" + bytes([0x40 | len(data) // 3, 0xFF]) + data + b"\xff"
    return b"\x00\x00\x00\x01\x06\x04" + bytes([len(payload)]) + payload + b"\x80"


def with_captions(packet: Packet[Any], data: bytes) -> Packet[Any]:
    """The same picture with captions before it."""
    changed = Packet(caption_sei(data) + bytes(packet))
    changed.stream, changed.time_base = packet.stream, packet.time_base
    changed.pts, changed.dts, changed.duration = packet.pts, packet.dts, packet.duration
    changed.is_keyframe = packet.is_keyframe
    return changed


def flat_planes(form: PlanarFormat, size: tuple[int, int]) -> tuple[Any, Any, Any]:
    """A ramp for Y (or R, G, B), constant chroma: what the engine delivers, without its work."""
    width, height = size
    dtype = np.uint8 if form.depth <= 8 else np.uint16
    up = form.depth - 8
    ramp_ = (np.arange(width)[None, :] + np.arange(height)[:, None]) % 200 + 20
    luma = (ramp_ << up).astype(dtype)
    if form.model == "rgb":
        return luma, np.full_like(luma, 90 << up), np.full_like(luma, 30 << up)
    shape = (-(-height // (1 << form.chroma_shift[1])), -(-width // (1 << form.chroma_shift[0])))
    return luma, np.full(shape, 100 << up, dtype), np.full(shape, 150 << up, dtype)


def colorize(
    source_path: Path,
    output: Path | str,
    settings: EncodeSettings = FAST,
    **reader_options: Any,  # noqa: ANN401
) -> VideoWriter:
    """Read, replace the picture by ``flat_planes``, write; returns the writer for its notes."""
    with open_source(source_path, ReadSettings(**reader_options)) as source:
        return write_all(source, output, settings)


def write_all(source: FrameSource, output: Path | str, settings: EncodeSettings) -> VideoWriter:
    """Write every item of an open source."""
    size = settings.size or (source.info.width, source.info.height)
    with VideoWriter(output, source, settings) as writer:
        planes = flat_planes(writer.plane_format, size)
        for item in source:
            writer.write(ColorFrame(planes, item) if isinstance(item, LumaFrame) else item)
        writer.commit()
    return writer


@dataclass
class Held:
    """What a file holds."""

    frames: list[Fraction]
    last_duration: Fraction
    packets: dict[int, list[str]]
    starts: dict[int, Fraction]
    kinds: list[str]
    codecs: list[str]
    languages: list[str | None]
    dispositions: list[int]
    metadata: dict[str, str]
    video_metadata: dict[str, str]
    chapters: list[tuple[Fraction, Fraction, str]]
    sar: Fraction
    size: tuple[int, int]
    pix_fmt: str
    tags: tuple[int, int, int, int]
    side_data: list[dict[str, bytes]]
    interlaced: bool


def inspect(path: Path) -> Held:
    """Decode a file's first picture stream and hash the other streams' packets."""
    frames, side_data, first, last = [], [], None, None
    packets: dict[int, list[str]] = {}
    starts: dict[int, Fraction] = {}
    duration = Fraction(0)
    with av.open(str(path), metadata_errors="replace") as file:
        picture = next(s for s in file.streams.video if not s.disposition & 1024)
        for packet in file.demux():
            if packet.stream.index == picture.index:
                if packet.pts is not None and (last is None or packet.pts >= last):
                    last = packet.pts
                    duration = (packet.duration or 0) * Fraction(packet.time_base)
                for frame in packet.decode():
                    first = first or frame
                    frames.append(frame.pts * Fraction(frame.time_base))
                    side_data.append({d.type.name: bytes(d) for d in frame.side_data})
            elif packet.size:
                digest = hashlib.md5(bytes(packet)).hexdigest()
                packets.setdefault(packet.stream.index, []).append(digest)
                if packet.pts is not None:
                    starts.setdefault(packet.stream.index, packet.pts * Fraction(packet.time_base))
        assert first is not None
        return Held(
            frames=frames,
            last_duration=duration,
            packets=packets,
            starts=starts,
            kinds=[s.type for s in file.streams],
            codecs=[s.codec_context.name if s.codec_context else "" for s in file.streams],
            languages=[s.language for s in file.streams],
            dispositions=[int(s.disposition) for s in file.streams],
            metadata={k.lower(): v for k, v in file.metadata.items()},
            video_metadata={k.lower(): v for k, v in picture.metadata.items()},
            chapters=[
                (c["start"] * c["time_base"], c["end"] * c["time_base"], c["metadata"]["title"])
                for c in file.chapters()
            ],
            sar=Fraction(picture.sample_aspect_ratio or 1),
            size=(first.width, first.height),
            pix_fmt=first.format.name,
            tags=(first.color_primaries, first.color_trc, first.colorspace, first.color_range),
            side_data=side_data,
            interlaced=first.interlaced_frame,
        )
