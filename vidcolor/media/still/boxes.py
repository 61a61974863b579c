"""The boxes of a JPEG 2000 file (ISO 15444-1 annex I): depth, profile, EXIF and XMP.

Pillow decodes the picture but looks at none of these.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_EXIF_UUID = b"JpgTiffExif->JP2"
_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


@dataclass(slots=True)
class Jp2Facts:
    """What the boxes say.

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
    """Read a JP2 file's boxes, or a bare codestream's header; what is damaged is left out."""
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
    """SIZ: the marker right after the codestream's start says components and depth."""
    if len(stream) >= 43 and stream.startswith(b"\xff\x4f\xff\x51"):
        facts.components = int.from_bytes(stream[40:42], "big")
        facts.depth = (stream[42] & 0x7F) + 1
