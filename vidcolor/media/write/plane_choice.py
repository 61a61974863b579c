"""Choose the pixel format that is encoded, and with it the planes that the engine delivers."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from av.codec.codec import Codec, UnknownCodecError

from vidcolor.errors import Message, Option, OptionError
from vidcolor.media.pixels.layout import is_full_range, pixel_layout, rgb_matrix
from vidcolor.media.write.facts import ContainerFacts, EncoderFacts
from vidcolor.types import UNSPECIFIED, ColorTags, EncodeSettings, PlanarFormat, VideoInfo

TRANSPARENCY_LOST = "transparency is not kept: the colorized picture is opaque"

_SAME_LUMA = {4: 6, 10: 9}
"""Unsupported matrices, with the one that has the same (nearly, for 4) luma weights."""

_YUV = re.compile(r"yuv4\d\dp(\d+le)?|p\d10le")


@dataclass(frozen=True, slots=True)
class EncodableLayout:
    """A Y'CbCr pixel format that frames can be written in: depth and log2 of its subsampling."""

    pix_fmt: str
    depth: int
    shift: tuple[int, int]


def choose_planes(
    info: VideoInfo,
    encoder: EncoderFacts,
    container: ContainerFacts,
    settings: EncodeSettings,
) -> tuple[PlanarFormat, list[str]]:
    """Decide on planes for a source, an encoder and a container.

    Args:
        info: the source.
        encoder: its formats and limits.
        container: tags full or limited range, if the encoder doesn't.
        settings: ``pix_fmt`` and ``size`` are looked at.

    Returns:
        The format, and one line for each thing that it can't keep.

    Raises:
        OptionError: the encoder takes no such format, isn't part of this build, or can't encode
            a picture of this size.
    """
    size = settings.size or (info.width, info.height)
    fitting = [
        layout
        for layout in encoder_layouts(encoder)
        if not encoder.even_size or _divides(layout.shift, size)
    ]
    if settings.pix_fmt is None:
        layout, notes = _choose_layout(info, encoder, fitting, size)
    else:
        layout, notes = _named_layout(settings.pix_fmt, encoder, fitting, size), []
    if info.has_alpha and not pixel_layout(info.pix_fmt).has_alpha:  # beside, and not decoded
        notes.append(TRANSPARENCY_LOST)
    can_say = encoder.says_range or container.says_range
    return PlanarFormat(
        pix_fmt=layout.pix_fmt,
        depth=layout.depth,
        chroma_shift=layout.shift,
        full_range=can_say and writes_full_range(info, settings.pix_fmt),
        matrix=choose_matrix(info),
        primaries=info.tags.primaries,
        transfer=info.tags.transfer,
    ), notes


def encoder_layouts(encoder: EncoderFacts) -> list[EncodableLayout]:
    """Every supported layout that ``encoder`` takes.

    Raises:
        OptionError: this build of PyAV has no such encoder.
    """
    try:
        formats = Codec(encoder.name, "w").video_formats or ()
    except UnknownCodecError:
        raise OptionError(
            f"the encoder {encoder.name} is not part of this PyAV build: choose another ",
            Option("video_codec"),
        ) from None
    found = []
    for name in (form.name for form in formats if _YUV.fullmatch(form.name)):
        layout = pixel_layout(name)
        found.append(EncodableLayout(name, layout.bits, layout.chroma_shift))
    return found


def writes_full_range(info: VideoInfo, pix_fmt: str | None = None) -> bool:
    """Whether the output has full range: as the source, unless that is RGB.

    RGB pictures become limited range, which every player shows right, tagged or not.
    """
    if (pix_fmt or "").startswith("yuvj"):
        return True
    return not info.is_rgb and is_full_range(info.pix_fmt, info.tags.range)


def choose_matrix(info: VideoInfo) -> int:
    """The H.273 matrix of the output: the source's, or what players assume."""
    matrix = _SAME_LUMA.get(info.tags.matrix, info.tags.matrix)
    return rgb_matrix(replace(info.tags, matrix=matrix), info.height)


def output_tags(info: VideoInfo, planes: PlanarFormat) -> ColorTags:
    """Tags of the output: the source's where set, and the output's own matrix and range.

    The place of chroma samples is tagged only where source and output are both 4:2:0.
    """
    known = info.tags
    same_chroma = info.chroma_shift == planes.chroma_shift == (1, 1) and not info.is_rgb
    return ColorTags(
        primaries=known.primaries or UNSPECIFIED,
        transfer=known.transfer or UNSPECIFIED,
        matrix=planes.matrix,
        range=2 if planes.full_range else 1,
        chroma_location=known.chroma_location if same_chroma else 0,
    )


def _divides(shift: tuple[int, int], size: tuple[int, int]) -> bool:
    return size[0] % (1 << shift[0]) == 0 and size[1] % (1 << shift[1]) == 0


def _wanted(info: VideoInfo, encoder: EncoderFacts) -> tuple[int, tuple[int, int]]:
    """The best depth and chroma subsampling."""
    if encoder.keeps_source:
        whole = info.is_gray or info.is_rgb
        return info.depth, (0, 0) if whole else info.chroma_shift
    return (8 if info.depth <= 8 else 10), (1, 1)


def _choose_layout(
    info: VideoInfo, encoder: EncoderFacts, fitting: list[EncodableLayout], size: tuple[int, int]
) -> tuple[EncodableLayout, list[str]]:
    """The layout with the least loss, among these the smallest."""
    depth, shift = _wanted(info, encoder)

    def cost(layout: EncodableLayout) -> tuple[int, int, int, int]:
        lost = sum(max(0, have - want) for have, want in zip(layout.shift, shift, strict=True))
        more = sum(max(0, want - have) for have, want in zip(layout.shift, shift, strict=True))
        return max(0, depth - layout.depth), lost, more, max(0, layout.depth - depth)

    if not fitting:
        raise OptionError(
            f"{encoder.name} can't encode {size[0]}x{size[1]} pixels: use ",
            Option("video_codec", "libx264"),
        )
    best = min(fitting, key=cost)
    notes: list[str] = []
    if best.depth < info.depth:
        notes.append(
            Message(
                f"{encoder.name} writes {best.depth} bits, the source has {info.depth}: rounded; ",
                Option("video_codec", "ffv1"),
                " keeps them all, in .mkv",
            )
        )
    if not encoder.keeps_source and best.shift != shift:
        notes.append(
            f"{encoder.label} with an odd size ({size[0]}x{size[1]}) is written as"
            f" {best.pix_fmt}: every software player shows it, some hardware players don't"
        )
    return best, notes


def _named_layout(
    pix_fmt: str, encoder: EncoderFacts, fitting: list[EncodableLayout], size: tuple[int, int]
) -> EncodableLayout:
    """The layout with the name that was asked for."""
    name = pix_fmt.replace("yuvj", "yuv")
    known = {layout.pix_fmt: layout for layout in encoder_layouts(encoder)}
    if name not in known:
        raise OptionError(
            f"{encoder.name} doesn't take ",
            Option("pix_fmt", pix_fmt),
            f": choose one of {', '.join(known)}",
        )
    if known[name] not in fitting:
        even = ", ".join(layout.pix_fmt for layout in fitting)
        raise OptionError(
            f"{encoder.name} can't encode {size[0]}x{size[1]} pixels as {pix_fmt}: use ",
            even or Message("another ", Option("video_codec")),
        )
    return known[name]
