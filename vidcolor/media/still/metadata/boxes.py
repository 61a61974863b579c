"""Boxes of ISO files: JPEG 2000 (ISO 15444-1 annex I) and HEIF, AVIF among it (ISO 23008-12).

Pillow decodes the pictures but looks at few of the boxes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_EXIF_UUID = b"JpgTiffExif->JP2"
_MAX_DERIVATIONS: Final = 4
"""Limit on how often a picture may refer to others that it is made of (tiles)."""

_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


@dataclass(slots=True)
class Jp2Facts:
    """Properties of a JPEG 2000 file.

    Attributes:
        depth: bits per sample of the first component.
        components: number of components, 0 where unknown.
        icc: the embedded profile, or None.
        exif: TIFF structure, or b"".
        xmp: XMP packet, or b"".
    """

    depth: int = 8
    components: int = 0
    icc: bytes | None = None
    exif: bytes = b""
    xmp: bytes = b""


def read_facts(data: bytes) -> Jp2Facts:
    """Read a JP2 file's boxes, or a bare codestream's header; damaged boxes are skipped."""
    facts = Jp2Facts()
    if data.startswith(b"\xff\x4f\xff\x51"):
        _read_header(data[:64], facts)
        return facts
    for kind, body in _boxes(data):
        if kind == b"jp2c":
            _read_header(body[:64], facts)
        elif kind == b"jp2h":
            for inner, content in _boxes(body):
                if inner == b"colr" and content[:1] in (b"\2", b"\3") and facts.icc is None:
                    facts.icc = content[3:]
        elif kind == b"uuid" and body.startswith(_EXIF_UUID):
            facts.exif = body[16:]
        elif kind == b"uuid" and body.startswith(_XMP_UUID):
            facts.xmp = body[16:]
    return facts


def append_metadata(data: bytes, exif: bytes, xmp: bytes) -> bytes:
    """Add EXIF and XMP to a JP2 file as uuid boxes at its end, as exiftool does."""
    for uuid, content in ((_EXIF_UUID, exif), (_XMP_UUID, xmp)):
        if content:
            data += struct.pack(">I", len(content) + 24) + b"uuid" + uuid + content
    return data


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        head = 8
        if size == 1 and at + 16 <= len(data):
            size, head = struct.unpack(">Q", data[at + 8 : at + 16])[0], 16
        if size == 0:
            size = len(data) - at
        if size < head:
            return
        yield kind, data[at + head : at + size]
        at += size


def _read_header(stream: bytes, facts: Jp2Facts) -> None:
    """Read components and depth from the SIZ marker right after the codestream's start."""
    if len(stream) >= 43 and stream.startswith(b"\xff\x4f\xff\x51"):
        facts.components = int.from_bytes(stream[40:42], "big")
        facts.depth = (stream[42] & 0x7F) + 1


def heif_depth(data: bytes) -> int:
    """Bits per sample of the picture that a HEIF or AVIF file shows; 8 where unknown.

    That is the primary item (``pitm``), not a thumbnail or a gain map: its properties are listed in
    ``ipma`` and stand in ``ipco``. A picture made of tiles has its first tile's depth (``dimg``).
    """
    meta = next((body[4:] for kind, body in _boxes(data) if kind == b"meta"), b"")
    parts = dict(_boxes(meta))
    properties = list(_boxes(parts.get(b"iprp", b"")))
    configurations = list(_boxes(dict(properties).get(b"ipco", b"")))
    owned: dict[int, list[int]] = {}
    try:
        item = _item_id(parts[b"pitm"], 4, wide=parts[b"pitm"][0] > 0)
        for kind, body in properties:
            if kind == b"ipma":
                owned |= _associations(body)
        tiles = _first_sources(parts.get(b"iref", b"")) if b"iref" in parts else {}
        for _ in range(_MAX_DERIVATIONS):
            for index in owned.get(item, ()):
                if 0 < index <= len(configurations):
                    depth = _configured_depth(*configurations[index - 1])
                    if depth:
                        return depth
            item = tiles[item]
    except (KeyError, IndexError):  # damaged, or without a depth
        pass
    return 8


def _item_id(body: bytes, at: int, *, wide: bool) -> int:
    return int.from_bytes(body[at : at + (4 if wide else 2)], "big")


def _associations(ipma: bytes) -> dict[int, list[int]]:
    """The numbers of each item's properties, from 1.

    Raises:
        IndexError: the box is cut off.
    """
    wide_id, wide_index = ipma[0] > 0, ipma[3] & 1
    at, found = 8, dict[int, list[int]]()
    for _ in range(int.from_bytes(ipma[4:8], "big")):
        item = _item_id(ipma, at, wide=wide_id)
        at += 4 if wide_id else 2
        count = ipma[at]
        at += 1
        step = 2 if wide_index else 1
        numbers = [ipma[at + n * step : at + (n + 1) * step] for n in range(count)]
        essential = 0x8000 if wide_index else 0x80
        found[item] = [int.from_bytes(number, "big") & ~essential for number in numbers]
        at += count * step
    return found


def _first_sources(iref: bytes) -> dict[int, int]:
    """For each derived item, the first item that it is made of."""
    wide = iref[0] > 0
    size = 4 if wide else 2
    return {
        _item_id(body, 0, wide=wide): _item_id(body, size + 2, wide=wide)
        for kind, body in _boxes(iref[4:])
        if kind == b"dimg"
    }


def _configured_depth(kind: bytes, body: bytes) -> int | None:
    """Bits per sample by a decoder's configuration; None for other properties.

    Raises:
        IndexError: the box is cut off.
    """
    if kind == b"av1C":  # AV1 in ISO files, 2.3.3: high_bitdepth, twelve_bit
        return (12 if body[2] & 0x20 else 10) if body[2] & 0x40 else 8
    if kind == b"hvcC":  # ISO 14496-15, 8.3.3.1: bit_depth_luma_minus8
        return (body[17] & 7) + 8
    return None
