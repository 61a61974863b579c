"""The lines that ``vidcolor info`` shows of a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vidcolor.cli.terminal.text import duration
from vidcolor.cli.words.flags import in_flags

if TYPE_CHECKING:
    from vidcolor.engine.describe import Description, PhotoInfo, RunPlan
    from vidcolor.engine.options import ColorizeOptions
    from vidcolor.types import StreamInfo, VideoInfo

_EVERY = {1: "every frame coloured", "auto": "frames coloured where motion asks for it"}
_SMOOTHED = {"motion": "smoothed along the motion", "ema": "smoothed in place"}
_RANGES = {0: "unspecified range", 1: "limited range", 2: "full range"}


def description_lines(found: Description, options: ColorizeOptions) -> list[str]:
    """The file's name, what it holds, and what a run would do with it.

    Args:
        found: what the file holds.
        options: that it was described for.
    """
    lines = [found.path]
    if found.photo is not None:
        lines.append(f"  photo: {_photo(found.photo)}")
    if found.video is not None:
        lines += _video(found.video, found.main_stream)
    lines += [f"  note: {in_flags(warning)}" for warning in found.warnings]
    if found.photo is not None and found.photo.has_color:
        lines.append("  note: the source has colour: it is replaced")
    return [*lines, *_plan(found.plan, options)]


def _photo(photo: PhotoInfo) -> str:
    alpha = ", alpha" if photo.has_alpha else ""
    color = ", in colour" if photo.has_color else ""
    return f"{photo.format}, {photo.width}x{photo.height}, {photo.depth} bit{alpha}{color}"


def _video(info: VideoInfo, main_stream: int | None) -> Iterator[str]:
    yield f"  container: {info.container}, {_duration(info)}, starts at {info.start_s:g} s"
    yield (
        f"  video: {info.codec}, {info.width}x{info.height}, {info.pix_fmt}, {_rate(info)}"
        f"{_geometry(info)}"
    )
    yield f"  colour tags: {_tags(info)}"
    for stream in info.streams:
        if stream.index != main_stream:
            yield f"  stream {stream.index}: {_stream(stream)}"
    if info.chapters:
        yield f"  chapters: {info.chapters}"


def _plan(plan: RunPlan, options: ColorizeOptions) -> Iterator[str]:
    from vidcolor.engine.model_choice import chosen_line

    yield f"  output: {plan.output}"
    yield f"  model: {chosen_line(plan.kind, plan.model, options)}"
    if plan.part_models:
        yield f"  models of parts: {', '.join(plan.part_models)}"
    where = f"{','.join(plan.devices)} ({plan.precision})"
    yield f"  device: {in_flags(plan.problem) or where}"
    if plan.kind == "video":
        yield f"  over time: {_over_time(options)}"
    if options.quality is not None:
        yield f"  quality: {options.quality}{_effort(plan, options)}"
        yield f"  time: {_time(plan)}"


def _effort(plan: RunPlan, options: ColorizeOptions) -> str:
    """What the word does beside the choice of model and key frames, which other lines tell."""
    if plan.kind == "image":
        return ""
    if options.preset:
        return f", encoder preset {options.preset}"
    effort = {"draft": "a quick", "best": "a slow"}.get(options.quality or "", "the usual")
    return f", {effort} encoder preset"


def _time(plan: RunPlan) -> str:
    if plan.problem or plan.seconds is None:
        return "can't be told"
    return f"about {duration(plan.seconds)} on this machine, measured on a piece of it"


def _over_time(options: ColorizeOptions) -> str:
    """What is done about flicker."""
    parts = [_EVERY.get(options.distance, f"one frame in {options.distance} coloured")]
    if options.smoothing_s > 0:
        parts.append(f"{_SMOOTHED[options.stabilize]}, {options.smoothing_s:g} s")
    else:
        parts.append("not smoothed")
    if options.deflicker:
        parts.append("lightness deflickered")
    return ", ".join(parts)


def _duration(info: VideoInfo) -> str:
    if info.duration_s is None:
        return "unknown length"
    frames = f", about {info.frames} frames" if info.frames else ""
    return f"{info.duration_s:.2f} s{frames}"


def _rate(info: VideoInfo) -> str:
    if info.rate is None:
        return "unknown rate"
    return f"{float(info.rate):.3f} fps" + (" (variable)" if info.is_vfr else "")


def _geometry(info: VideoInfo) -> str:
    parts = []
    if info.sar != 1:
        parts.append(f"pixels {info.sar.numerator}:{info.sar.denominator}")
    if info.rotation:
        parts.append(f"turned {info.rotation} degrees")
    if info.is_mirrored:
        parts.append("mirrored")
    if info.field_order not in ("progressive", "unknown"):
        parts.append(f"interlaced ({info.field_order})")
    return "".join(f", {p}" for p in parts)


def _tags(info: VideoInfo) -> str:
    tags = info.tags
    span = _RANGES.get(tags.range, "?")
    return f"primaries {tags.primaries}, transfer {tags.transfer}, matrix {tags.matrix}, {span}"


def _stream(stream: StreamInfo) -> str:
    extras = "".join(f", {e}" for e in (stream.detail, stream.language) if e)
    return f"{stream.kind}, {stream.codec}{extras}"
