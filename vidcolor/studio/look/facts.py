"""What a file holds, as JSON for the page: facts in plain words, figures for the scripts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vidcolor.engine.describe import Description, PhotoInfo
from vidcolor.types import StreamInfo, VideoInfo


def photo_facts(found: Description, name: str) -> dict[str, Any]:
    """Of a photograph."""
    photo = found.photo
    if photo is None:
        raise ValueError("not the description of a photograph")
    return {
        "kind": "photo", "name": name, "width": photo.width, "height": photo.height,
        "has_color": photo.has_color, "facts": [["Photograph", _photo_line(photo)]],
        "warnings": _warnings(found, has_color=photo.has_color), "suffix": found.plan.output.suffix,
    }  # fmt: skip


def film_facts(found: Description, name: str) -> dict[str, Any]:
    """Of a film."""
    video = found.video
    if video is None:
        raise ValueError("not the description of a film")
    turned = video.rotation % 180 != 0
    return {
        "kind": "film", "name": name,
        "width": video.height if turned else video.width,
        "height": video.width if turned else video.height,
        "duration_s": video.duration_s, "frames": video.frames,
        "rate": None if video.rate is None else float(video.rate),
        "codec": video.codec, "container": video.container, "pix_fmt": video.pix_fmt,
        "has_sound": any(stream.kind == "audio" for stream in video.streams),
        "facts": [list(pair) for pair in _film_lines(video, found.main_stream)],
        "warnings": _warnings(found, has_color=False), "suffix": found.plan.output.suffix,
    }  # fmt: skip


def _warnings(found: Description, *, has_color: bool) -> list[str]:
    lines = [str(warning) for warning in found.warnings]
    if has_color:
        lines.append("the source has colour: it is replaced")
    if found.plan.problem:
        lines.append(str(found.plan.problem))
    return lines


def _photo_line(photo: PhotoInfo) -> str:
    extras = (", transparency" if photo.has_alpha else "") + (
        ", in colour" if photo.has_color else ""
    )
    return f"{photo.format}, {photo.width} x {photo.height}, {photo.depth} bit{extras}"


def _film_lines(video: VideoInfo, main: int | None) -> Iterator[tuple[str, str]]:
    yield "Length", _length(video)
    yield "Picture", ", ".join(_picture(video))
    yield "Container", video.container
    for stream in video.streams:
        if stream.index != main:
            yield stream.kind.capitalize(), _stream_line(stream)
    if video.chapters:
        yield "Chapters", str(video.chapters)
    for key, value in list(video.metadata.items())[:40]:
        yield key[:60], value[:500]


def _length(video: VideoInfo) -> str:
    if video.duration_s is None:
        return "unknown"
    minutes, seconds = divmod(video.duration_s, 60)
    frames = f", about {video.frames} frames" if video.frames else ""
    return f"{int(minutes)}:{seconds:04.1f}{frames}"


def _picture(video: VideoInfo) -> Iterator[str]:
    yield f"{video.codec}, {video.width} x {video.height}, {video.depth} bit"
    if video.rate is not None:
        yield f"{float(video.rate):.3f} frames per second" + (" (varies)" if video.is_vfr else "")
    if video.sar != 1:
        yield f"pixels {video.sar.numerator}:{video.sar.denominator}"
    if video.rotation:
        yield f"turned {video.rotation} degrees"
    if video.field_order in ("tff", "bff"):
        yield "interlaced"


def _stream_line(stream: StreamInfo) -> str:
    return ", ".join(each for each in (stream.codec, stream.detail, stream.language) if each)
