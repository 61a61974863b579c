"""What a film is, from its header and its first frame."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Final, cast

import av
from av.codec.context import CodecContext
from av.container import InputContainer
from av.stream import AttachmentStream, Stream
from av.video.stream import VideoStream

from vidcolor.media.pixels.fields import FieldOrder, header_field_order
from vidcolor.media.pixels.layout import pixel_layout
from vidcolor.media.pixels.orientation import is_mirrored, rotation
from vidcolor.media.read.packets.container import NO_TIMESTAMPS, OpenContainer, is_cover
from vidcolor.types import UNSPECIFIED, ColorTags, StreamInfo, VideoInfo

_MAX_RATE: Final = 1000
_SUSPICIOUS_SECONDS: Final = 3600
_LEAST_BYTES_PER_SECOND: Final = 50
_MOST_COUNTED: Final = 1.1
"""Times as many frames as the length and the rate let expect: rates are averages."""


def describe_container(
    opened: OpenContainer, stream: VideoStream, *, path: str, size: int | None
) -> VideoInfo:
    """Describe an open film by its header alone.

    Args:
        opened: the open film.
        stream: the video stream in question; it has a decoder.
        path: as the user wrote it.
        size: bytes in the file, None where unknown.
    """
    context, container = stream.codec_context, opened.container
    pix_fmt = context.pix_fmt or ""
    rate = frame_rate(stream)
    duration = _duration(opened, stream, size)
    estimate = round(duration * rate) if duration and rate else None
    counted = stream.frames
    if estimate and counted > _MOST_COUNTED * estimate:
        counted = estimate  # an edit list hides the others
    info = VideoInfo(
        path=path,
        container=container.format.name,
        codec=codec_name(stream),
        width=context.width,
        height=context.height,
        pix_fmt=pix_fmt,
        depth=8,
        chroma_shift=(0, 0),
        is_gray=False,
        is_rgb=False,
        has_alpha=_has_alpha_beside(stream),
        time_base=stream.time_base or Fraction(1, 1000),
        rate=rate,
        is_vfr=_is_vfr(container, stream),
        sar=stream.sample_aspect_ratio or Fraction(1),
        rotation=0,
        field_order=header_field_order(context.field_order),
        tags=ColorTags(
            primaries=context.color_primaries,
            transfer=context.color_trc,
            matrix=context.colorspace,
            range=context.color_range,
        ),
        duration_s=duration,
        frames=counted or estimate,
        start_s=float(opened.start_s),
        streams=tuple(describe_stream(each) for each in container.streams),
        chapters=len(container.chapters()),
        metadata=dict(container.metadata),
    )
    return with_pixels(info, pix_fmt) if pix_fmt else info


def with_pixels(info: VideoInfo, pix_fmt: str) -> VideoInfo:
    """Return the same with a pixel format and what follows from it."""
    layout = pixel_layout(pix_fmt)
    return replace(
        info,
        pix_fmt=pix_fmt,
        depth=layout.depth,
        chroma_shift=layout.chroma_shift,
        is_gray=layout.is_gray,
        is_rgb=layout.is_rgb,
        has_alpha=info.has_alpha or layout.has_alpha,
    )


def with_first_frame(
    info: VideoInfo,
    frame: av.VideoFrame,
    *,
    field_order: FieldOrder,
    matrix: tuple[int, ...] | None,
) -> VideoInfo:
    """Return the same, corrected by what the decoder gave.

    Args:
        info: from the header.
        frame: the first decoded frame.
        field_order: as established so far.
        matrix: the display matrix.
    """
    tags = info.tags
    tags = ColorTags(
        primaries=_known(frame.color_primaries, tags.primaries),
        transfer=_known(frame.color_trc, tags.transfer),
        matrix=_known(frame.colorspace, tags.matrix),
        range=frame.color_range or tags.range,
        chroma_location=tags.chroma_location,
    )
    return replace(
        with_pixels(info, frame.format.name),
        width=frame.width,
        height=frame.height,
        tags=tags,
        rotation=rotation(matrix),
        is_mirrored=is_mirrored(matrix),
        field_order=field_order,
    )


def _has_alpha_beside(stream: VideoStream) -> bool:
    """Whether VP8 or VP9 has alpha in pictures of its own, which libav's decoders leave out.

    Other codecs that say so were made of such a film, and its tag was copied.
    """
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    return codec_name(stream) in ("vp8", "vp9") and tags.get("alpha_mode") == "1"


def _known(of_frame: int, of_header: int) -> int:
    return of_header if of_frame == UNSPECIFIED else of_frame


def codec_name(stream: Stream) -> str:
    """Return FFmpeg's codec name (not the decoder's), or the tag, or ""."""
    context = cast("CodecContext | None", stream.codec_context)
    if context is None:
        return str(getattr(stream, "name", None) or "")
    return context.codec.canonical_name or context.name


def describe_stream(stream: Stream) -> StreamInfo:
    """Describe one stream in a line."""
    kind = stream.type
    context = stream.codec_context
    detail = ""
    codec = codec_name(stream)
    if isinstance(stream, AttachmentStream):
        codec, detail = stream.mimetype or "", stream.metadata.get("filename", "")
    elif is_cover(stream):
        detail = "cover art"
    elif kind == "video" and context is not None:
        detail = f"{context.width}x{context.height}"  # type: ignore[attr-defined]
    elif kind == "audio" and context is not None:
        layout = context.layout.name  # type: ignore[attr-defined]
        detail = f"{context.sample_rate} Hz, {layout}"  # type: ignore[attr-defined]
    language = stream.language or ""
    return StreamInfo(
        index=stream.index,
        kind=kind,
        codec=codec,
        detail=detail,
        language="" if language == "und" else language,
    )


def frame_rate(stream: VideoStream) -> Fraction | None:
    """Return average frames per second; None where unknown or absurd."""
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0 < rate < _MAX_RATE:
            return rate
    return None


def _is_vfr(container: InputContainer, stream: VideoStream) -> bool:
    """Compare average and base rate; a base rate of two fields per frame is no sign."""
    average, base = stream.average_rate, stream.base_rate
    if not average or not base or container.format.flags & NO_TIMESTAMPS:
        return False
    ratio = float(base / average)
    return min(abs(ratio - 1), abs(ratio / 2 - 1)) > 0.01


def container_length(opened: OpenContainer) -> Fraction:
    """Return the duration in seconds by the header, 0 if unknown.

    What libav reads from Matroska is the time of the end, as most programs write it.
    """
    container, start = opened.container, opened.start_s
    length = Fraction(container.duration or 0, av.time_base)
    if "matroska" in container.format.name.split(",") and 0 < start < length:
        return length - start
    return length


def _duration(opened: OpenContainer, stream: VideoStream, size: int | None) -> float | None:
    """Return the header's duration in seconds, None if missing or absurd."""
    seconds: float | None = None
    if stream.duration and stream.time_base:
        seconds = float(stream.duration * stream.time_base)
    else:
        seconds = float(container_length(opened))
    if seconds is None or seconds <= 0:
        return None
    absurd = (
        seconds > _SUSPICIOUS_SECONDS
        and size is not None
        and size / seconds < _LEAST_BYTES_PER_SECOND
    )
    return None if absurd else seconds
