"""``vidcolor info``: what is in a file, and what a run would make of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vidcolor.engine.default_output import default_output
from vidcolor.engine.model_choice import auto_line
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.sources import open_source
from vidcolor.errors import DeviceError, InputError
from vidcolor.media.kinds import Kind, lone_scan
from vidcolor.media.open import sniff
from vidcolor.media.source import FrameSource
from vidcolor.media.still.read import read_still
from vidcolor.models import loading
from vidcolor.models.families.registry import MODELS
from vidcolor.models.running.device import DTYPES, common_precision, resolve_devices
from vidcolor.models.spec import PRECISIONS
from vidcolor.models.spec import Kind as ModelKind
from vidcolor.types import StreamInfo, VideoInfo


@dataclass(frozen=True, slots=True)
class Description:
    """What a file holds.

    Attributes:
        kind: what it is.
        lines: that, and what ``vidcolor`` would do with it.
        video: facts about a film, None for a photo.
    """

    kind: Kind
    lines: tuple[str, ...]
    video: VideoInfo | None = None


def describe(path: str | Path, options: ColorizeOptions | None = None) -> Description:
    """Tell what a file holds and what ``vidcolor`` would do with it; opens it once.

    Raises:
        InputError: if it can't be read at all.
        OptionError: ``options.fps`` for a film that has a rate.
    """
    options = options or ColorizeOptions()
    kind = sniff(path)
    if kind == "image":
        return Description(kind, tuple(_describe_photo(path, options)))
    if kind == "audio":
        raise InputError(f"{path}: holds sound but no picture: there is nothing to colorize")
    if kind == "scan":
        raise lone_scan(path)
    with open_source(path, options) as source:
        if kind == "unknown" and options.decoder == "pyav":
            raise InputError(f"{path}: is neither a film nor a photo that can be read")
        output = default_output(Path(path), "sequence" if kind == "sequence" else "video")
        lines = (*_describe_video(source), *_plan("video", output, options))
        return Description(kind, lines, source.info)


def _describe_photo(path: str | Path, options: ColorizeOptions) -> list[str]:
    photo = read_still(path)
    height, width = photo.luma.shape
    extras = "".join(
        (", alpha" if photo.alpha is not None else "", ", in colour" if photo.has_color else "")
    )
    lines = [f"{path}", f"  photo: {photo.format}, {width}x{height}, {photo.depth} bit{extras}"]
    lines += [f"  note: {w}" for w in photo.warnings]
    if photo.has_color:
        lines.append("  note: the source has colour: it is replaced")
    return lines + _plan("image", default_output(Path(path), "image"), options)


def _describe_video(source: FrameSource) -> list[str]:
    info = source.info
    lines = [
        f"{info.path}",
        f"  container: {info.container}, {_duration(info)}, starts at {info.start_s:g} s",
        f"  video: {info.codec}, {info.width}x{info.height}, {info.pix_fmt}, {_rate(info)}"
        f"{_geometry(info)}",
        f"  colour tags: {_tags(info)}",
    ]
    lines += [f"  stream {s.index}: {_stream(s)}" for s in info.streams if not _is_main(source, s)]
    if info.chapters:
        lines.append(f"  chapters: {info.chapters}")
    return lines + [f"  note: {w}" for w in source.status.warnings]


def _plan(kind: ModelKind, output: Path, options: ColorizeOptions) -> list[str]:
    name = options.model
    if name == "auto":
        name = loading.choose_model(kind, options.device, weights_dir=options.weights_dir)
        model = auto_line(kind, name)
    else:
        model = f"using {name}"
    lines = [f"  output: {output}", f"  model: {model}", f"  device: {_device(name, options)}"]
    return lines if kind == "image" else [*lines, f"  over time: {_over_time(options)}"]


def _device(model: str, options: ColorizeOptions) -> str:
    """Where the network would run and in which number format, or why it can't."""
    safe = MODELS[model].precisions if model in MODELS else PRECISIONS
    try:
        devices = resolve_devices(options.device)
        dtype = common_precision(options.precision, devices, safe)
    except DeviceError as error:
        return str(error)
    precision = next(name for name, known in DTYPES.items() if known == dtype)
    return f"{','.join(map(str, devices))} ({precision})"


def _over_time(options: ColorizeOptions) -> str:
    """What is done about flicker, in one line."""
    every = {1: "every frame coloured", "auto": "frames coloured where motion asks for it"}
    parts = [every.get(options.every, f"one frame in {options.every} coloured")]
    if options.smoothing_s > 0:
        kind = {"motion": "smoothed along the motion", "ema": "smoothed in place"}
        parts.append(f"{kind[options.stabilize]}, {options.smoothing_s:g} s")
    else:
        parts.append("not smoothed")
    if options.deflicker:
        parts.append("lightness deflickered")
    return ", ".join(parts)


def _is_main(source: FrameSource, stream: StreamInfo) -> bool:
    return source.video_stream is not None and source.video_stream.index == stream.index


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
    span = {0: "unspecified range", 1: "limited range", 2: "full range"}.get(tags.range, "?")
    return f"primaries {tags.primaries}, transfer {tags.transfer}, matrix {tags.matrix}, {span}"


def _stream(stream: StreamInfo) -> str:
    extras = "".join(f", {e}" for e in (stream.detail, stream.language) if e)
    return f"{stream.kind}, {stream.codec}{extras}"
