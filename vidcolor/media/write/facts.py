"""What encoders and containers can do, as data: the only place to change for a new codec.

Facts were tried out with the libraries inside PyAV 18.1 (libavformat 62), not taken from manuals.
What a container holds of a source's other streams is not listed here: ``capability`` tests it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

from vidcolor.errors import OptionError

X26X_PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)
NVENC_PRESETS = (
    "p1",
    "p2",
    "p3",
    "p4",
    "p5",
    "p6",
    "p7",
    "slow",
    "medium",
    "fast",
    "hq",
    "lossless",
)


@dataclass(frozen=True, slots=True)
class EncoderFacts:
    """One video encoder.

    Attributes:
        name: FFmpeg's encoder name.
        label: the codec's name for messages.
        quality_option: AVOption that takes ``crf``; "" where quality can't be chosen.
        quality_range: lowest and highest value.
        quality: default value.
        quality_scale: factor between the user's number and the option's (FF_QP2LAMBDA).
        preset_option: AVOption that takes ``preset``; "" where there are none.
        presets: values of ``preset``.
        preset: default value, "" leaves the encoder's own.
        quick: value for drafts, "" where speed can't be chosen.
        slow: value for the best quality, likewise.
        options: further AVOptions, always set.
        keeps_source: keep the source's chroma resolution and depth (archival codecs).
        even_size: width and height must be multiples of the chroma subsampling.
        interlaced: can code two fields as such.
        says_range: the bitstream tags full or limited range.
        captions: carries A53 captions that are attached to frames.
        b_frames: codes frames in another order than they are shown in; ``bf`` 0 prevents it.
        hdr_params: name of the AVOption that takes mastering display and light level, with the
            two keys inside it; None where the bitstream has no place for them.
        max_time_base: largest denominator of the time base that the encoder takes.
    """

    name: str
    label: str
    quality_option: str = "crf"
    quality_range: tuple[float, float] = (0, 51)
    quality: float | None = None
    quality_scale: float = 1
    preset_option: str = "preset"
    presets: tuple[str, ...] = ()
    preset: str = ""
    quick: str = ""
    slow: str = ""
    options: dict[str, str] = field(default_factory=dict)
    keeps_source: bool = False
    even_size: bool = False
    interlaced: bool = False
    says_range: bool = True
    captions: bool = False
    b_frames: bool = False
    hdr_params: tuple[str, str, str] | None = None
    max_time_base: int = 2**31 - 1


ENCODERS: dict[str, EncoderFacts] = {
    facts.name: facts
    for facts in (
        EncoderFacts(
            "libx264",
            "H.264",
            quality=17,
            presets=X26X_PRESETS,
            # 0.6 of the time of "medium", 2 % more bits, 0.2 dB (docs/performance.md)
            preset="faster",
            quick="veryfast",
            slow="slow",
            even_size=True,
            interlaced=True,
            captions=True,
            b_frames=True,
            hdr_params=("x264-params", "mastering-display", "cll"),
        ),
        EncoderFacts(
            "libx265",
            "HEVC",
            quality=20,
            presets=X26X_PRESETS,
            preset="medium",
            quick="veryfast",
            slow="slow",
            # x265 prints to stderr by itself
            options={"x265-params": "log-level=none", "a53cc": "1"},
            even_size=True,
            captions=True,
            b_frames=True,
            hdr_params=("x265-params", "master-display", "max-cll"),
        ),
        EncoderFacts(
            "libsvtav1",
            "AV1",
            quality_range=(1, 63),
            quality=24,
            presets=tuple(str(n) for n in range(14)),
            preset="8",
            quick="12",
            slow="4",
            hdr_params=("svtav1-params", "mastering-display", "content-light"),
        ),
        EncoderFacts(
            "libvpx-vp9",
            "VP9",
            quality_range=(0, 63),
            quality=24,
            preset_option="cpu-used",
            presets=tuple(str(n) for n in range(9)),
            preset="4",
            quick="8",
            slow="1",
            options={"b": "0", "row-mt": "1", "tile-columns": "2"},
            max_time_base=10**9,
        ),
        EncoderFacts(
            "ffv1",
            "FFV1",
            quality_option="",
            preset_option="",
            # version 3 with checksums per slice and one frame per group, as archives use it
            options={"level": "3", "slicecrc": "1", "g": "1"},
            keeps_source=True,
            interlaced=True,
            says_range=False,
        ),
        EncoderFacts(
            "prores_ks",
            "ProRes",
            quality_option="global_quality",
            quality_range=(1, 224),
            quality_scale=118,
            preset_option="profile",
            presets=("proxy", "lt", "standard", "hq", "4444", "4444xq"),
            options={"vendor": "apl0"},
            keeps_source=True,
            interlaced=True,
            says_range=False,
        ),
        EncoderFacts(
            "h264_nvenc",
            "H.264",
            quality_option="cq",
            quality=19,
            presets=NVENC_PRESETS,
            preset="p5",
            quick="p2",
            slow="p7",
            options={"rc": "vbr", "b": "0"},
            even_size=True,
            interlaced=True,
            captions=True,
            b_frames=True,
        ),
        EncoderFacts(
            "hevc_nvenc",
            "HEVC",
            quality_option="cq",
            quality=21,
            presets=NVENC_PRESETS,
            preset="p5",
            quick="p2",
            slow="p7",
            options={"rc": "vbr", "b": "0"},
            even_size=True,
            captions=True,
            b_frames=True,
        ),
    )
}


HARDWARE_OF: dict[str, tuple[str, ...]] = {"libx264": ("h264_nvenc",), "libx265": ("hevc_nvenc",)}
"""Encoders of graphics cards that stand in for a software one, the first that works. Only those
that take our pixel formats from the host's memory: Quick Sync wants NV12, VA-API frames on the
card; AMF and VideoToolbox haven't been tried."""


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """One output container.

    Attributes:
        name: FFmpeg's muxer name.
        suffixes: file name extensions, the first is the usual one.
        codec: the encoder that is used by default.
        metadata: "free" takes any key; "mdta" takes any key if asked to, but then no cover art,
            else only ``ITUNES_KEYS``; "none" takes nothing.
        metadata_keys: keys that are kept though ``metadata`` is "none".
        says_range: tags full or limited range for codecs that don't do it themselves.
        b_frames: stamps may run out of order without being moved ("no": dts below zero are lost).
        unit: all stamps are rounded to multiples of this many seconds; None: exact.
        below_zero: packets of copied streams may start before zero.
        names_channels: holds PCM only with a channel layout (which channel is which).
        enables_tracks: marks tracks as played or not; by default the first of each kind is played.
        covers: how cover art goes in: as a "stream", as an attached "file", or "none": its muxer
            takes the stream and doesn't write it.
        copies: codecs of other streams that it holds, where its muxer accepts more than that;
            None: what the muxer accepts.
        attachments: holds attached files.
        chapters: holds chapters.
        time_codes: holds a time code, as a track or a tag.
        languages: holds the languages of streams.
        options: muxer options, always set.
        tags: codec tag by encoder, where players need another than the muxer's default.
    """

    name: str
    suffixes: tuple[str, ...]
    codec: str = "libx264"
    metadata: Literal["free", "mdta", "none"] = "free"
    metadata_keys: frozenset[str] = frozenset()
    says_range: bool = True
    b_frames: bool = True
    unit: Fraction | None = None
    below_zero: bool = False
    names_channels: bool = False
    enables_tracks: bool = False
    covers: Literal["stream", "file", "none"] = "stream"
    copies: frozenset[str] | None = None
    attachments: bool = False
    chapters: bool = True
    time_codes: bool = True
    languages: bool = True
    options: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


# `strict` admits TrueHD and others that the muxer can write but still calls experimental.
_MOV_OPTIONS = {"movflags": "+faststart", "strict": "experimental"}
_HVC1 = {"libx265": "hvc1", "hevc_nvenc": "hvc1"}

_TRANSPORT_STREAM_CODECS = frozenset(
    {
        "aac",
        "aac_latm",
        "ac3",
        "dts",
        "dvb_subtitle",
        "dvb_teletext",
        "eac3",
        "h264",
        "hdmv_pgs_subtitle",
        "hevc",
        "mp1",
        "mp2",
        "mp3",
        "mpeg1video",
        "mpeg2video",
        "mpeg4",
        "opus",
        "s302m",
        "truehd",
    }
)

CONTAINERS: tuple[ContainerFacts, ...] = (
    ContainerFacts(
        "mp4",
        (".mp4", ".m4v"),
        metadata="mdta",
        below_zero=True,
        names_channels=True,
        enables_tracks=True,
        options=_MOV_OPTIONS,
        tags=_HVC1,
    ),
    ContainerFacts(
        "mov",
        (".mov", ".qt"),
        metadata="mdta",
        says_range=False,
        below_zero=True,
        enables_tracks=True,
        covers="none",
        options=_MOV_OPTIONS,
        tags=_HVC1,
    ),
    ContainerFacts(
        "matroska",
        (".mkv", ".mk3d"),
        unit=Fraction(1, 1000),
        covers="file",
        attachments=True,
        options={"cues_to_front": "1"},
    ),
    ContainerFacts(
        "webm",
        (".webm",),
        codec="libvpx-vp9",
        unit=Fraction(1, 1000),
        options={"cues_to_front": "1"},
    ),
    ContainerFacts(
        "mpegts",
        (".ts",),
        metadata="none",
        says_range=False,
        b_frames=False,
        unit=Fraction(1, 90000),
        copies=_TRANSPORT_STREAM_CODECS,
        chapters=False,
        time_codes=False,
        options={"mpegts_copyts": "1"},
    ),
    ContainerFacts(
        "mpegts",
        (".m2ts", ".mts"),
        metadata="none",
        says_range=False,
        b_frames=False,
        unit=Fraction(1, 90000),
        copies=_TRANSPORT_STREAM_CODECS | {"pcm_bluray"},
        chapters=False,
        time_codes=False,
        # packets of 192 bytes, as discs and camcorders (AVCHD) have them
        options={"mpegts_copyts": "1", "mpegts_m2ts_mode": "1"},
    ),
    ContainerFacts(
        "3gp",
        (".3gp", ".3g2"),
        metadata="none",
        metadata_keys=frozenset({"creation_time", "location", "location-eng"}),
        below_zero=True,
        chapters=False,
        time_codes=False,
        options=_MOV_OPTIONS,
    ),
    ContainerFacts(
        "flv",
        (".flv",),
        says_range=False,
        b_frames=False,
        unit=Fraction(1, 1000),
        copies=frozenset({"aac", "mp3"}),
        chapters=False,
        time_codes=False,
        languages=False,
    ),
)

SEQUENCE_SUFFIXES = (".png", ".tif", ".tiff", ".dpx")

ITUNES_KEYS = frozenset(
    {
        "album",
        "album_artist",
        "artist",
        "comment",
        "compilation",
        "composer",
        "copyright",
        "creation_time",
        "date",
        "description",
        "disc",
        "episode_id",
        "episode_sort",
        "gapless_playback",
        "genre",
        "grouping",
        "hd_video",
        "keywords",
        "location",
        "lyrics",
        "media_type",
        "network",
        "season_number",
        "show",
        "synopsis",
        "title",
        "track",
    }
)
"""Global tags that an MP4 keeps in its "ilst" atom (tried one by one)."""


def encoder_facts(name: str) -> EncoderFacts:
    """Facts of the encoder called ``name``.

    Raises:
        OptionError: it isn't supported.
    """
    try:
        return ENCODERS[name]
    except KeyError:
        raise OptionError(
            f"{name!r} is unknown: choose one of {', '.join(ENCODERS)}", option="video_codec"
        ) from None


def find_container(path: Path) -> ContainerFacts | None:
    """The container for ``path``'s extension; None where it isn't supported."""
    suffix = path.suffix.lower()
    return next((facts for facts in CONTAINERS if suffix in facts.suffixes), None)


def container_facts(path: Path) -> ContainerFacts:
    """Facts of the container that ``path`` names; ``-`` (standard output) is Matroska.

    Raises:
        OptionError: the extension isn't supported.
    """
    facts = find_container(Path("-.mkv") if str(path) == "-" else path)
    if facts is None:
        known = " ".join(facts.suffixes[0] for facts in CONTAINERS)
        what = f"as {path.suffix}" if path.suffix else "under a name without extension"
        raise OptionError(
            f"{path}: can't write video {what}: use one of {known},"
            " or numbered images such as out_%06d.png"
        )
    return facts
