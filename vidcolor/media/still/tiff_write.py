"""TIFF output: 8 or 16-bit RGB(A), deflate, with the source's tags, EXIF and GPS directories."""

from __future__ import annotations

import io
import struct

import tifffile

from vidcolor.media.still.exif import EXIF_IFD, GPS_IFD, Entry, ExifBlock
from vidcolor.media.still.raster import Samples

_RESOLUTION_TAGS = (282, 283, 296)
_XMP, _IPTC = 700, 33723
_BYTE, _LONG, _UNDEFINED = 1, 4, 7


def encode_tiff(
    pixels: Samples,
    exif: ExifBlock,
    *,
    icc: bytes | None,
    dpi: tuple[float, float] | None,
    xmp: bytes,
    iptc: bytes,
) -> bytes:
    """Encode one page.

    Args:
        pixels: ``(H, W, 3)`` or, with straight alpha, ``(H, W, 4)``; uint8 or uint16.
        exif: tags of the main directory, and the camera's and the place's directories.
        icc: profile to embed.
        dpi: pixels per inch.
        xmp: XMP packet.
        iptc: IPTC records.
    """
    tags = {tag: e for tag, e in exif.main.items() if tag not in (EXIF_IFD, GPS_IFD)}
    for tag in _RESOLUTION_TAGS:
        tags.pop(tag, None)
    for tag, kind, data in ((_XMP, _BYTE, xmp), (_IPTC, _UNDEFINED, iptc)):
        if data:
            tags[tag] = Entry(kind, len(data), data)
    stream = io.BytesIO()
    tifffile.imwrite(
        stream,
        pixels,
        byteorder=exif.order,  # type: ignore[arg-type]
        photometric="rgb",
        planarconfig="contig",
        extrasamples=["unassalpha"] if pixels.shape[2] == 4 else None,
        compression="adobe_deflate",
        predictor=True,
        metadata=None,
        software=False,
        resolution=dpi or (1, 1),
        resolutionunit="inch" if dpi else "none",
        iccprofile=icc,
        extratags=[(tag, e.type, e.count, e.data, True) for tag, e in sorted(tags.items())],
    )
    return _add_directories(stream.getvalue(), exif)


def _add_directories(data: bytes, exif: ExifBlock) -> bytes:
    """Append the camera's and the place's directories, and a main one that points at them.

    tifffile refuses to write these two tags, so its directory is copied to the end with two rows
    more, and the header points there.
    """
    if not (exif.exif or exif.gps):
        return data
    if data[2:4] not in (b"*\0", b"\0*"):  # BigTIFF has other directories; only above 4 GB
        return data
    data += bytes(len(data) % 2)
    parts, exif_at, gps_at = exif.pack_children(len(data))
    rows = _rows(data, exif.order)
    for tag, at in ((EXIF_IFD, exif_at), (GPS_IFD, gps_at)):
        if at:
            rows[tag] = struct.pack(exif.order + "HHII", tag, _LONG, 1, at)
    main_at = len(data) + len(parts)
    main = struct.pack(exif.order + "H", len(rows)) + b"".join(rows[tag] for tag in sorted(rows))
    head = data[:4] + struct.pack(exif.order + "I", main_at)
    return b"".join([head, memoryview(data)[8:], parts, main, bytes(4)])


def _rows(data: bytes, order: str) -> dict[int, bytes]:
    """The 12-byte rows of the first directory, by tag."""
    at = struct.unpack_from(order + "I", data, 4)[0]
    count = struct.unpack_from(order + "H", data, at)[0]
    starts = range(at + 2, at + 2 + 12 * count, 12)
    return {struct.unpack_from(order + "H", data, row)[0]: data[row : row + 12] for row in starts}
