"""Headers that lie about size, frame rate, duration, pixel shape or pixel format.

Each lie changes a few bytes of a header that its own format's rules locate; checksums are made
right again, so that the lie is believed.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial

Lie = tuple[str, Callable[[], bytes]]

_SIZES = (0, 1, 65535)


def header_lies(suffix: str, data: bytes) -> Iterator[Lie]:
    """Named lies for the format that the first bytes show; none for unknown ones."""
    if data[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        yield from _iso(data)
    elif data.startswith(b"\x1a\x45\xdf\xa3"):
        yield from _matroska(data)
    elif data[8:12] == b"AVI ":
        yield from _avi(data)
    elif data.startswith(b"\x89PNG"):
        yield from _png(data)
    elif data.startswith(b"\xff\xd8"):
        yield from _jpeg(data)
    elif data.startswith((b"II", b"MM")):
        yield from _tiff(data)
    elif data.startswith(b"GIF8"):
        yield from _fields(data, {"width": 6, "height": 8}, "<H", _SIZES)
    elif data.startswith(b"BM"):
        yield from _fields(data, {"width": 18, "height": 22, "offset": 10}, "<I", (0, 1, 1 << 30))
        yield from _fields(data, {"bits": 28}, "<H", (0, 1, 4, 16, 64))
    elif data.startswith(b"YUV4MPEG2"):
        yield from _y4m(data)
    elif data[8:12] == b"WEBP" and data[12:16] == b"VP8X":
        yield from _fields(data, {"width": 24, "height": 27}, "<H", _SIZES)


def _patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def _fields(
    data: bytes, places: dict[str, int], kind: str, values: tuple[int, ...]
) -> Iterator[Lie]:
    for name, at in places.items():
        for value in values:
            if at >= 0 and at + struct.calcsize(kind) <= len(data):
                yield f"{name}-{value}", partial(_patched, data, at, struct.pack(kind, value))


def _iso(data: bytes) -> Iterator[Lie]:
    """MP4, MOV and 3GP: every box is a size, four letters, and fields at fixed places."""
    for entry in (b"avc1", b"hvc1", b"hev1", b"mp4v", b"apch", b"jpeg", b"png ", b"av01", b"s263"):
        at = data.find(entry, max(0, data.find(b"stsd")))
        if at > 0 and data.find(b"stsd") > 0:
            yield from _fields(data, {"width": at + 28, "height": at + 30}, ">H", _SIZES)
            break
    for box, places, kind, values in _ISO_FIELDS:
        at = data.find(box)
        if at > 0:
            named = {f"{box.decode()}-{name}": at + 4 + offset for name, offset in places.items()}
            yield from _fields(data, named, kind, values)


_HUGE = 0xFFFFFFFF
_ISO_FIELDS: tuple[tuple[bytes, dict[str, int], str, tuple[int, ...]], ...] = (
    (b"mvhd", {"timescale": 12, "duration": 16}, ">I", (0, 1, _HUGE)),
    (b"mdhd", {"timescale": 12, "duration": 16}, ">I", (0, 1, _HUGE)),
    (b"stts", {"entries": 4, "count": 8, "delta": 12}, ">I", (0, 1, 0x7FFFFFFF)),
    (b"stsz", {"size": 4, "count": 8}, ">I", (0, 1, 0x7FFFFFFF)),
    (b"stsc", {"entries": 4, "per-chunk": 12}, ">I", (0, 0x7FFFFFFF)),
    (b"stco", {"entries": 4, "first": 8}, ">I", (0, 0x7FFFFFFF)),
    (b"ctts", {"entries": 4, "offset": 12}, ">I", (0, 0x7FFFFFFF, 0xFFFFFF00)),
    (b"elst", {"entries": 4, "start": 12}, ">I", (0, 0x7FFFFFFF)),
    (b"pasp", {"h": 0, "v": 4}, ">I", (0, 1, 0x7FFFFFFF)),
    (b"avcC", {"profile": 1}, ">B", (66, 110, 122, 244)),
    (b"avcC", {"sps-profile": 9}, ">B", (66, 110, 122, 244)),
)


def _matroska(data: bytes) -> Iterator[Lie]:
    """Elements are an id, a size of one byte here, and a big-endian value."""
    ids = {
        "width": b"\xb0", "height": b"\xba", "frame-ns": b"\x23\xe3\x83", "duration": b"\x44\x89",
        "scale": b"\x2a\xd7\xb1", "display-w": b"\x54\xb0", "display-h": b"\x54\xba",
        "interlaced": b"\x9a", "matrix": b"\x55\xb1", "primaries": b"\x55\xbb",
    }  # fmt: skip
    tracks = data.find(b"\x16\x54\xae\x6b")
    for name, element in ids.items():
        at = data.find(element, 0 if name in ("duration", "scale") else max(0, tracks), 1 << 14)
        if at < 0:
            continue
        size = data[at + len(element)] & 0x7F
        if not 0 < size <= 8:
            continue
        for label, value in (("0", bytes(size)), ("1", bytes(size - 1) + b"\1"),
                             ("max", b"\x7f" + b"\xff" * (size - 1))):  # fmt: skip
            yield f"{name}-{label}", partial(_patched, data, at + len(element) + 1, value)


def _avi(data: bytes) -> Iterator[Lie]:
    avih, strh, strf = data.find(b"avih") + 8, data.find(b"strh") + 8, data.find(b"strf") + 8
    huge = (0, 1, 0x7FFFFFFF)
    places = {
        "us-per-frame": avih, "frames": avih + 16, "scale": strh + 20, "rate": strh + 24,
        "length": strh + 32, "width": strf + 4, "height": strf + 8,
    }  # fmt: skip
    yield from _fields(data, places, "<I", huge)
    yield from _fields(data, {"bits": strf + 14}, "<H", (0, 1, 16, 64))


def _png(data: bytes) -> Iterator[Lie]:
    cases = {
        "width-0": (16, ">I", 0), "width-65500": (16, ">I", 65500),
        "width-max": (16, ">I", 1 << 30),
        "height-0": (20, ">I", 0), "height-65500": (20, ">I", 65500),
        "height-max": (20, ">I", 1 << 30), "depth-1": (24, ">B", 1), "depth-16": (24, ">B", 16),
        "depth-3": (24, ">B", 3), "type-0": (25, ">B", 0), "type-3": (25, ">B", 3),
        "type-6": (25, ">B", 6), "interlace": (28, ">B", 1),
    }  # fmt: skip
    for name, (at, kind, value) in cases.items():
        yield name, partial(_png_patched, data, at, struct.pack(kind, value))


def _png_patched(data: bytes, at: int, new: bytes) -> bytes:
    changed = _patched(data, at, new)
    return _patched(changed, 29, struct.pack(">I", zlib.crc32(changed[12:29])))


def _jpeg(data: bytes) -> Iterator[Lie]:
    """The frame header SOFn: length, precision, height, width, components."""
    at = next((p for m in (b"\xff\xc0", b"\xff\xc2", b"\xff\xc1") if (p := data.find(m)) > 0), -1)
    if at < 0:
        return
    yield from _fields(data, {"height": at + 5, "width": at + 7}, ">H", _SIZES)
    yield from _fields(data, {"precision": at + 4}, ">B", (0, 1, 12, 16))
    yield from _fields(data, {"components": at + 9}, ">B", (0, 1, 4, 255))
    yield from _fields(data, {"sampling": at + 11}, ">B", (0, 0x44, 0xFF))


def _tiff(data: bytes) -> Iterator[Lie]:
    """The first directory's entries: tag, type, count, value."""
    order = "<" if data.startswith(b"II") else ">"
    if len(data) < 10 or struct.unpack(order + "H", data[2:4])[0] != 42:
        return
    (start,) = struct.unpack(order + "I", data[4:8])
    if start + 2 > len(data):
        return
    names = {256: "width", 257: "height", 258: "bits", 259: "compression", 262: "photometric",
             273: "offsets", 277: "samples", 278: "rows", 279: "bytes", 284: "planar",
             322: "tile-w", 323: "tile-h", 339: "format"}  # fmt: skip
    (count,) = struct.unpack(order + "H", data[start : start + 2])
    for index in range(min(count, 64)):
        at = start + 2 + 12 * index
        entry = data[at : at + 12]
        if len(entry) < 12 or (name := names.get(struct.unpack(order + "H", entry[:2])[0])) is None:
            continue
        for value in (0, 1, 65535):
            kind = struct.pack(order + "HIH", 3, 1, value)
            yield f"{name}-{value}", partial(_patched, data, at + 2, kind)
        if name in ("width", "height", "offsets", "bytes"):
            kind = struct.pack(order + "HII", 4, 1, 1 << 30)
            yield f"{name}-huge", partial(_patched, data, at + 2, kind)
    loop = struct.pack(order + "I", start)
    yield "endless-pages", partial(_patched, data, start + 2 + 12 * count, loop)


def _y4m(data: bytes) -> Iterator[Lie]:
    line, _, rest = data.partition(b"\n")
    words = line.split(b" ")
    for letter, values in (
        (b"W", (b"0", b"65500", b"99999999999", b"-5")), (b"H", (b"0", b"65500", b"x")),
        (b"F", (b"0:0", b"1:0", b"0:1", b"1:4000000000")), (b"A", (b"0:0", b"1:99999")),
        (b"C", (b"mono16", b"444p16", b"nonsense")), (b"I", (b"m", b"?")),
    ):  # fmt: skip
        for value in values:
            changed = [letter + value if word[:1] == letter else word for word in words]
            if changed == words:
                changed = [*words, letter + value]
            joined = b" ".join(changed) + b"\n" + rest
            yield f"{letter.decode()}-{value.decode()}", partial(bytes, joined)
