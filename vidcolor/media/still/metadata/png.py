"""The chunks of a PNG file (W3C PNG, third edition), which no library lets one place."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PICTURE = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_TEXT = (b"tEXt", b"zTXt", b"iTXt")


def read_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (type, content) of each chunk, up to the end or to damage."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if at + 12 + size > len(data):
            return
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        at += 12 + size


def pack_chunk(kind: bytes, content: bytes) -> bytes:
    """One chunk: length, type, content, CRC."""
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))
    )


def only_picture(data: bytes) -> bytes:
    """The file reduced to its pixels: libpng prints warnings about ancillary chunks."""
    kept = (pack_chunk(kind, body) for kind, body in read_chunks(data) if kind in _PICTURE)
    return SIGNATURE + b"".join(kept)


def only_text(data: bytes) -> bytes:
    """A PNG of one pixel with the file's texts: reads those behind the pixels without decoding."""
    header = pack_chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    texts = (pack_chunk(kind, body) for kind, body in read_chunks(data) if kind in _TEXT)
    pixel = pack_chunk(b"IDAT", zlib.compress(b"\0\0")) + pack_chunk(b"IEND", b"")
    return SIGNATURE + header + b"".join(texts) + pixel


def insert_metadata(
    data: bytes,
    *,
    icc: bytes | None,
    dpi: tuple[float, float] | None,
    text: Mapping[str, str],
    exif: bytes,
    xmp: bytes,
) -> bytes:
    """Put metadata right after the header of an encoded PNG.

    Args:
        data: the file as encoded.
        icc: profile to embed; it is called "sRGB".
        dpi: pixels per inch.
        text: keywords and their text.
        exif: TIFF structure.
        xmp: XMP packet.
    """
    chunks = b""
    if icc:
        chunks += pack_chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(icc))
    if dpi:
        meters = [min(max(round(value / 0.0254), 0), 0x7FFFFFFF) for value in dpi]
        chunks += pack_chunk(b"pHYs", struct.pack(">IIB", meters[0], meters[1], 1))
    for key, value in text.items():
        chunks += _text_chunk(key, value)
    if xmp:
        chunks += pack_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
    if exif:
        chunks += pack_chunk(b"eXIf", exif)
    after_header = len(SIGNATURE) + 25
    return data[:after_header] + chunks + data[after_header:]


def _text_chunk(key: str, value: str) -> bytes:
    """A tEXt chunk for Latin-1, else iTXt; long texts are compressed."""
    keyword = key.encode("latin-1", "replace")[:79]
    try:
        plain = value.encode("latin-1")
    except UnicodeEncodeError:
        body = zlib.compress(value.encode("utf-8"))
        return pack_chunk(b"iTXt", keyword + b"\0\1\0\0\0" + body)
    if len(plain) > 2000:
        return pack_chunk(b"zTXt", keyword + b"\0\0" + zlib.compress(plain))
    return pack_chunk(b"tEXt", keyword + b"\0" + plain)
