"""Metadata that is copied from a photo to its colorized copy, and what is corrected in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from vidcolor.media.still.metadata.exif import (
    ARTIST,
    COPYRIGHT,
    IMAGE_DESCRIPTION,
    ORIENTATION,
    SOFTWARE,
    ExifBlock,
)

_STRUCTURE = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 284}
    | {288, 289, 290, 291, 292, 297, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 330}
    | {332, 334, 336, 338, 339, 340, 341, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521}
    | {529, 530, 531, 532, 700, 33723, 34377, 34675, 37724, 50341}
)
"""Tags of the main directory that describe the old samples, or are copied in another way."""

_COLOR_SPACE, _PIXEL_X, _PIXEL_Y, _GAMMA = 0xA001, 0xA002, 0xA003, 0xA500

_PNG_KEYS = {
    IMAGE_DESCRIPTION: ("Description", "Title"),
    ARTIST: ("Author",),
    COPYRIGHT: ("Copyright",),
}
"""EXIF tags and the PNG keywords of the same meaning."""


@dataclass(slots=True)
class StillMetadata:
    """The source's metadata.

    Attributes:
        path: where the source was read from, None for bytes and standard input.
        exif: EXIF, or the tags of a TIFF.
        xmp: the XMP packet.
        iptc: IPTC records (IIM), as bytes.
        dpi: pixels per inch, (horizontal, vertical), of the upright picture.
        text: PNG keywords and their text; a JPEG's or GIF's comment as "Comment".
        profiled: the source has a colour space tag; the output is then tagged sRGB.
    """

    path: Path | None = None
    exif: ExifBlock = field(default_factory=ExifBlock)
    xmp: bytes = b""
    iptc: bytes = b""
    dpi: tuple[float, float] | None = None
    text: dict[str, str] = field(default_factory=dict)
    profiled: bool = False

    @property
    def software(self) -> str:
        """The program that made the picture, by EXIF, TIFF tag or PNG text; "" where unknown."""
        return self.exif.text(SOFTWARE) or self.text.get("Software", "")

    def turn_dpi(self, orientation: int) -> None:
        """Exchange the two values of ``dpi`` for a picture that is stored on its side.

        Args:
            orientation: as EXIF numbers them, 1 to 8.
        """
        if self.dpi is not None and orientation in (5, 6, 7, 8):
            self.dpi = self.dpi[::-1]


def signed(metadata: StillMetadata, comment: str) -> str:
    """The software tag of the output: the source's, then ``comment``."""
    before = metadata.software
    if not comment or comment in before:
        return before
    return f"{before}; {comment}" if before else comment


def prepare_exif(
    metadata: StillMetadata, comment: str, size: tuple[int, int], *, orientation: bool = True
) -> ExifBlock:
    """EXIF for the output: upright, sRGB, new size, software tag, without the old thumbnail.

    Args:
        metadata: the source's.
        comment: what colorized it.
        size: (width, height) of the output.
        orientation: keep the tag with the value 1; formats that rotate by other means have none.
    """
    old = metadata.exif
    main = {tag: entry for tag, entry in old.main.items() if tag not in _STRUCTURE}
    block = ExifBlock(old.order, main, dict(old.exif), dict(old.gps), dict(old.interop))
    block.is_file = old.is_file
    had_orientation = main.pop(ORIENTATION, None) is not None
    if had_orientation and orientation:
        main[ORIENTATION] = block.number_entry(1)
    if software := signed(metadata, comment):
        main[SOFTWARE] = block.text_entry(software)
    for tag, keys in _PNG_KEYS.items():
        said = next((metadata.text[key] for key in keys if key in metadata.text), "")
        if said and tag not in main:
            main[tag] = block.text_entry(said)
    _describe_samples(block, size)
    return block


def _describe_samples(block: ExifBlock, size: tuple[int, int]) -> None:
    """Set size and colour space to the output's."""
    for tag, value in ((_COLOR_SPACE, 1), (_PIXEL_X, size[0]), (_PIXEL_Y, size[1])):
        if tag in block.exif:
            block.exif[tag] = block.number_entry(value, long=tag != _COLOR_SPACE)
    block.exif.pop(_GAMMA, None)
    index = block.interop.get(1)
    if index is not None and not index.data.startswith(b"R98"):  # R03 means Adobe RGB
        block.interop.clear()


_XMP_DROPPED = re.compile(
    rb"""\s(?:photoshop:ICCProfile|photoshop:ColorMode|xmpNote:HasExtendedXMP|exif:ColorSpace
          |(?:hdrgm|HDRGainMap):\w+)\s*=\s*(?:"[^"]*"|'[^']*')
       |<(photoshop:ICCProfile|photoshop:ColorMode|xmpNote:HasExtendedXMP|exif:ColorSpace
          |xmp:Thumbnails|xap:Thumbnails|Container:Directory|GContainer:Directory
          |(?:hdrgm|HDRGainMap):\w+)\b[^>]*(?:/>|>.*?</\1\s*>)""",
    re.DOTALL | re.VERBOSE,
)
_XMP_ORIENTATION = re.compile(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)[1-8](?=\s*["'<])""")


def prepare_xmp(xmp: bytes) -> bytes:
    """XMP for the output: upright, without the old profile's name, thumbnails and gain maps."""
    return _XMP_ORIENTATION.sub(rb"\g<1>1", _XMP_DROPPED.sub(b"", xmp))


def has_gain_map(xmp: bytes) -> bool:
    """Whether XMP announces an HDR gain map (Ultra HDR, Apple)."""
    return re.search(rb"hdrgm:Version|HDRGainMap:", xmp) is not None
