"""Plain data that travels between the rooms: no torch, no av, nothing that does work.

The way of a frame: ``LumaFrame`` (reader) -> tensors (engine) -> ``ColorFrame`` (writer).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""One plane of code values, ``(H, W)``, uint8 up to 8 bit, else native-endian uint16."""

UNSPECIFIED = 2
"""The code point of ITU-T H.273 that says "not known" for primaries, transfer and matrix."""

LUMA_WEIGHTS: Final = {
    1: (0.2126, 0.0722),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
"""(Kr, Kb) of the matrices that vidcolor reads RGB by and writes, by H.273 code point."""


@dataclass(frozen=True, slots=True)
class ColorTags:
    """Colour description of a stream, as ITU-T H.273 code points (FFmpeg uses the same numbers).

    Attributes:
        primaries: 1 is BT.709, 9 BT.2020, 2 unspecified.
        transfer: 1 is BT.709, 16 PQ, 18 HLG, 2 unspecified.
        matrix: 0 RGB, 1 BT.709, 5 and 6 BT.601, 7 SMPTE 240M, 9 BT.2020, 2 unspecified.
        range: FFmpeg's color_range: 0 unspecified, 1 limited ("mpeg"), 2 full ("jpeg").
        chroma_location: FFmpeg's chroma location: 0 unspecified, 1 left, 2 centre, 3 top left.
    """

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    range: int = 0
    chroma_location: int = 0


@dataclass(frozen=True, slots=True)
class PlanarFormat:
    """How the writer wants a colour frame's planes.

    Attributes:
        pix_fmt: FFmpeg's name of the pixel format that is encoded.
        model: "yuv": planes are Y, Cb, Cr; "rgb": planes are R, G, B, full range.
        depth: bits per sample, 8 to 16.
        chroma_shift: log2 of the chroma subsampling, (horizontal, vertical); (1, 1) is 4:2:0.
            Chroma planes measure ``ceil(size / 2**shift)``.
        full_range: codes span 0..2**depth - 1; else 16..235 (Y), 16..240 (C) << (depth - 8).
        matrix: the H.273 matrix of Y, Cb and Cr: 1, 5, 6, 7 or 9; never unspecified.
        primaries: the H.273 primaries that the output is tagged with; unknown ones are BT.709's.
        transfer: the H.273 transfer that the output is tagged with; all but PQ (16) and HLG (18)
            are taken as the sRGB curve.
    """

    pix_fmt: str
    model: Literal["yuv", "rgb"] = "yuv"
    depth: int = 8
    chroma_shift: tuple[int, int] = (1, 1)
    full_range: bool = False
    matrix: int = 1
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED


@dataclass(slots=True)
class LumaFrame:
    """One decoded frame: lightness only, with its place in time.

    Attributes:
        luma: the luma plane ``(H, W)`` as stored (not rotated), code values of ``depth`` bits.
        depth: bits per sample, 8 to 16.
        full_range: whether the codes span the whole range or the limited one (16..235 at 8 bit).
        pts: presentation time in units of ``time_base``; always set, never repeated.
        time_base: seconds per unit of ``pts``.
        duration: in units of ``time_base``; 0 where unknown.
        interlaced: the decoder says that this frame holds two fields.
        top_field_first: order of the fields, where interlaced.
        side_data: what the writer carries over (closed captions, HDR metadata); opaque to others.
        exposure: change of exposure for the output, in logits of lightness (see
            ``temporal.shift_exposure``); 0 leaves it alone.
    """

    luma: Plane
    depth: int
    full_range: bool
    pts: int
    time_base: Fraction
    duration: int = 0
    interlaced: bool = False
    top_field_first: bool = False
    side_data: tuple[Any, ...] = ()
    exposure: float = 0.0

    @property
    def seconds(self) -> float:
        """Presentation time in seconds."""
        return float(self.pts * self.time_base)


@dataclass(slots=True)
class ColorFrame:
    """One colorized frame on its way to the encoder.

    Attributes:
        planes: three planes as the writer's ``PlanarFormat`` asks for them.
        source: the frame that it was made from (its ``luma`` may be dropped by then).
    """

    planes: tuple[Plane, Plane, Plane]
    source: LumaFrame


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One stream of an input file, for ``vidcolor info`` and messages.

    Attributes:
        index: the stream's number in the file.
        kind: "video", "audio", "subtitle", "data" or "attachment".
        codec: FFmpeg's codec name, or the tag where FFmpeg knows no name.
        detail: one short phrase, such as "48000 Hz, stereo" or "cover art".
        language: ISO 639-2 code or "".
    """

    index: int
    kind: str
    codec: str
    detail: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a video before its frames are decoded.

    ``duration_s`` and ``frames`` come from headers, may be wrong, and are None where headers say
    nothing: they feed the progress bar and nothing else.

    Attributes:
        container: FFmpeg's format name, such as "mov,mp4,m4a,3gp,3g2,mj2".
        codec: the video stream's codec name.
        width, height: stored size in pixels, before rotation and sample aspect.
        pix_fmt: FFmpeg's pixel format name.
        depth: bits per luma sample.
        chroma_shift: as in ``PlanarFormat``; (0, 0) for RGB, palette and gray formats.
        is_gray: the pixel format has no chroma (gray, monochrome).
        is_rgb: the pixel format is RGB or palette.
        has_alpha: the pixel format has an alpha plane, or WebM has alpha beside the pictures.
        time_base: of the video stream.
        rate: average frames per second, None where unknown.
        is_vfr: the header's average and base rates disagree.
        sar: sample (pixel) aspect ratio, 1 where unknown.
        rotation: degrees clockwise to turn for display: 0, 90, 180, 270 (other angles rounded).
        is_mirrored: left and right are exchanged for display, after turning.
        field_order: "progressive", "tff", "bff" or "unknown", as the header says.
        tags: colour description as stored.
        start_s: the file's start time in seconds.
        streams: all streams of the file.
        chapters: number of chapters.
        metadata: global tags.
    """

    path: str
    container: str
    codec: str
    width: int
    height: int
    pix_fmt: str
    depth: int
    chroma_shift: tuple[int, int]
    is_gray: bool
    is_rgb: bool
    has_alpha: bool
    time_base: Fraction
    rate: Fraction | None
    is_vfr: bool
    sar: Fraction
    rotation: int
    field_order: str
    tags: ColorTags
    duration_s: float | None
    frames: int | None
    start_s: float
    is_mirrored: bool = False
    streams: tuple[StreamInfo, ...] = ()
    chapters: int = 0
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EncodeSettings:
    """What the user may say about the output; None means "the default that fits".

    Attributes:
        video_codec: FFmpeg encoder name, such as "libx264", or None by container.
        crf: constant rate factor (or the encoder's nearest notion of quality).
        preset: encoder preset.
        effort: which preset where none is named: the encoder's usual one, a quick or a slow one.
        pix_fmt: FFmpeg pixel format name.
        audio: "copy" keeps every audio stream; "none" drops them.
        strict: raise StreamLossError where a stream of the source can't be kept, or numbered images
            can't hold what a film has beside its pictures.
        threads: encoder threads, 0 lets the encoder decide.
        comment: who colorized it, written to the metadata ("vidcolor 0.1.0, model compact").
        size: (width, height) of the encoded picture where it isn't the source's (``compare``).
    """

    video_codec: str | None = None
    crf: float | None = None
    preset: str | None = None
    effort: Literal["quick", "usual", "slow"] = "usual"
    pix_fmt: str | None = None
    audio: Literal["copy", "none"] = "copy"
    strict: bool = False
    threads: int = 0
    comment: str = ""
    size: tuple[int, int] | None = None


@dataclass(slots=True)
class StillImage:
    """One photo, upright (EXIF orientation applied), as lightness, with what must be kept.

    Attributes:
        luma: ``(H, W)`` uint8 or uint16, full-range codes of the grey picture (sRGB curve).
        depth: 8 or 16.
        alpha: ``(H, W)`` in the same depth, or None.
        format: container name as Pillow spells it ("JPEG", "PNG", "TIFF", ...).
        has_color: the source is visibly coloured (its colours are replaced).
        metadata: opaque to all but ``media``: EXIF, ICC, XMP, resolution.
        warnings: one line each, for the user ("3 pages: only the first is colorized").
    """

    luma: Plane
    depth: int
    alpha: Plane | None
    format: str
    has_color: bool
    metadata: Any = None
    warnings: tuple[str, ...] = ()
