"""Set up a libav video encoder from its facts, the settings and the source."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import cast

import av
import cv2
from av.video.codeccontext import VideoCodecContext

from vidcolor.errors import Message, Option, OptionError
from vidcolor.media.write.facts import ContainerFacts, EncoderFacts
from vidcolor.types import ColorTags, EncodeSettings, PlanarFormat

_FLAG_INTERLACED_DCT = 1 << 18
_FLAG_INTERLACED_ME = 1 << 29
_FRAME_THREADS = 1 << 12
"""AV_CODEC_CAP_FRAME_THREADS."""
_MAX_RATE = 480
_FALLBACK_RATE = Fraction(30)
_MICROSECONDS = Fraction(1, 1_000_000)
_SLOWEST_RATE = Fraction(1, 1_000_000)
_SPARSE_RATE = Fraction(1, 60)
"""Frames per second below which frames aren't reordered (no B-frames)."""
_LARGE_PX = 16384
"""Width and height beyond which libx264 takes no picture."""

FIELD_PROGRESSIVE, FIELD_TOP_FIRST, FIELD_BOTTOM_FIRST = 1, 2, 3
"""libav's AVFieldOrder."""


@dataclass(frozen=True, slots=True)
class EncoderPlan:
    """Everything that has to be set before an encoder is opened.

    Attributes:
        facts: which encoder.
        planes: pixel format of the frames.
        tags: colour description of the stream.
        size: width, height of the frames.
        time_base: unit of frames' pts.
        rate: frames per second for rate control and levels; frames are shown at their pts.
        sar: sample aspect ratio; None where the source has none.
        field_order: libav's AVFieldOrder, 0 unknown.
        options: AVOptions.
        threads: 0 lets the encoder decide.
        tag: codec tag for the container, "" for its default.
    """

    facts: EncoderFacts
    planes: PlanarFormat
    tags: ColorTags
    size: tuple[int, int]
    time_base: Fraction
    rate: Fraction
    sar: Fraction | None = None
    field_order: int = 0
    options: dict[str, str] = field(default_factory=dict)
    threads: int = 0
    tag: str = ""

    @property
    def codes_fields(self) -> bool:
        """Whether frames are coded as two fields."""
        return self.field_order > FIELD_PROGRESSIVE and self.facts.interlaced


def configure(context: VideoCodecContext, plan: EncoderPlan) -> None:
    """Write ``plan`` into an encoder that isn't open yet."""
    if plan.facts.name == "libsvtav1":
        # the library's only switch for its log, read when it is opened; 1 leaves errors
        os.environ.setdefault("SVT_LOG", "1")
    context.width, context.height = plan.size
    context.pix_fmt = plan.planes.pix_fmt
    context.time_base = plan.time_base
    context.framerate = plan.rate
    if plan.sar:
        context.sample_aspect_ratio = plan.sar
    context.color_primaries = plan.tags.primaries
    context.color_trc = plan.tags.transfer
    context.colorspace = plan.tags.matrix
    context.color_range = plan.tags.range
    context.field_order = plan.field_order
    if plan.codes_fields:
        context.flags |= _FLAG_INTERLACED_DCT | _FLAG_INTERLACED_ME
    # PyAV presets slice threads, which x264 takes as sliced (worse) coding. libav's frame threads
    # return a packet whenever a thread has finished: the same span would differ from run to run.
    context.thread_type = "SLICE" if context.codec.capabilities & _FRAME_THREADS else "AUTO"
    context.thread_count = plan.threads
    if plan.tag:
        context.codec_tag = plan.tag
    context.options = dict(plan.options)


def new_encoder(plan: EncoderPlan) -> VideoCodecContext:
    """An encoder that isn't open yet."""
    context = cast(VideoCodecContext, av.CodecContext.create(plan.facts.name, "w"))
    configure(context, plan)
    return context


def try_encoder(plan: EncoderPlan) -> None:
    """Open the encoder once as a trial, so that bad settings fail before any decoding.

    Raises:
        OptionError: the encoder refuses the plan, or isn't usable on this machine.
    """
    try:
        new_encoder(plan).open()
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise OptionError(_refusal(plan, error)) from error


def _refusal(plan: EncoderPlan, error: Exception) -> Message:
    """One line: what an encoder refused, and what to do."""
    name = plan.facts.name
    reason = getattr(error, "strerror", None) or str(error)
    if name.endswith("_nvenc"):
        return Message(
            f"{name} can't be opened ({reason}): it needs an NVIDIA card with a video encoder that"
            f" takes {plan.planes.pix_fmt}, and its driver; ",
            Option("video_codec", "libx264"), " works everywhere",
        )  # fmt: skip
    width, height = plan.size
    hint = Message("; ", Option("video_codec", "libx264"), " takes nearly everything")
    if name == "libx264":
        large = max(plan.size) > _LARGE_PX
        lossless = Message("; an output named .mkv with ", Option("video_codec", "ffv1"))
        hint = Message(lossless, " takes it") if large else Message()
    return Message(f"{name} can't encode {width}x{height} {plan.planes.pix_fmt} ({reason})", hint)


def encoder_options(facts: EncoderFacts, settings: EncodeSettings) -> dict[str, str]:
    """AVOptions for the user's quality and preset, with the encoder's defaults.

    Raises:
        OptionError: out of range, unknown, or not applicable.
    """
    options = dict(facts.options)
    quality = facts.quality if settings.crf is None else settings.crf
    if quality is not None:
        _check_quality(facts, quality)
        options[facts.quality_option] = f"{quality * facts.quality_scale:g}"
        if facts.quality_option == "global_quality":
            options["flags"] = "+qscale"
    if facts.name == "libx264" and _has_avx512():
        # x264's macroblock tree reads uninitialized memory in its AVX-512 code: the results differ
        # from run to run. AVX2 is as fast (measured: 0.95 of the time).
        options["x264opts"] = "asm=avx2"
    by_effort = {"quick": facts.quick, "slow": facts.slow}.get(settings.effort, "")
    preset = settings.preset or by_effort or facts.preset
    if preset:
        _check_preset(facts, preset)
        options[facts.preset_option] = preset
    return options


@cache
def _has_avx512() -> bool:
    features = cv2.getCPUFeaturesLine().split()  # "?" marks what this processor lacks
    return any("AVX512" in name and not name.endswith("?") for name in features)


def _check_quality(facts: EncoderFacts, quality: float) -> None:
    if not facts.quality_option:
        raise OptionError(f"{facts.name} is lossless: ", Option("crf"), " has no meaning with it")
    low, high = facts.quality_range
    if not (math.isfinite(quality) and low <= quality <= high):
        span = f"{low:g} (best) to {high:g}"
        raise OptionError(f"is {quality:g}: {facts.name} takes {span}", option="crf")


def _check_preset(facts: EncoderFacts, preset: str) -> None:
    if not facts.presets:
        raise OptionError(f"{facts.name} has no presets: leave ", Option("preset"), " out")
    if preset not in facts.presets:
        known = ", ".join(facts.presets)
        raise OptionError(f"{preset!r} is unknown: {facts.name} takes {known}", option="preset")


def choose_time_base(source: Fraction, facts: EncoderFacts) -> Fraction:
    """The encoder's unit of time: the source's wherever the encoder takes it.

    Encoders want a unit of at most a second, with a 32-bit (VP9: 30-bit) denominator. A longer
    unit is divided, which is exact; a finer one becomes microseconds.
    """
    if source.denominator > facts.max_time_base:
        return _MICROSECONDS
    return source if source <= 1 else Fraction(1, source.denominator)


def choose_rate(time_base: Fraction, *candidates: Fraction | None) -> Fraction:
    """The first plausible frame rate, at most one frame per unit of time (libvpx requires it).

    Nonsense in headers (1000 fps) would raise the level that the stream claims to need.
    """
    plausible = (rate for rate in candidates if rate and 0 < rate <= _MAX_RATE)
    rate = next(plausible, _FALLBACK_RATE)
    return max(min(rate, 1 / time_base).limit_denominator(1_000_000), _SLOWEST_RATE)


def header_options(container: ContainerFacts, plan: EncoderPlan) -> dict[str, str]:
    """AVOptions that follow from the container and the plan's tags."""
    options: dict[str, str] = {}
    if plan.tags.chroma_location:
        options["chroma_sample_location"] = str(plan.tags.chroma_location)
    # MP4 stores the distance from decoding to showing in 32 bits: too few for hours
    sparse = plan.rate < _SPARSE_RATE
    if (sparse or not container.b_frames) and plan.facts.b_frames:
        options["bf"] = "0"
    return options
