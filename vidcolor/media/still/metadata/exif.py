"""Read, change and write EXIF; tag values are copied byte by byte.

Pillow's own EXIF class re-encodes values: text that isn't ASCII becomes question marks, unknown
types are lost, and maker notes end up elsewhere, where their inner offsets point at nothing. Here
an entry's bytes are copied unparsed, and the maker note stays at its offset.

EXIF is a TIFF structure, so the same parser reads the tags of TIFF files, BigTIFF too.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from vidcolor.media.still.metadata.png import SIGNATURE, read_chunks

IMAGE_DESCRIPTION, ORIENTATION, SOFTWARE, ARTIST, COPYRIGHT = 270, 274, 305, 315, 33432
EXIF_IFD, GPS_IFD, INTEROP_IFD, MAKER_NOTE = 0x8769, 0x8825, 0xA005, 0x927C

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_BIG_SIZES = {16: 8, 17: 8, 18: 8}
_ASCII, _SHORT, _LONG = 2, 3, 4
_MAX_ENTRIES = 4096
_MAX_PAGES = 64
_SUBFILE, _OLD_SUBFILE = 254, 255
_COPY_OR_MASK, _OLD_COPY = 0b101, 2
"""NewSubfileType's bits and SubfileType's value, TIFF 6.0 pages 36 and 40."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag's value.

    Attributes:
        type: TIFF data type, 1 to 13 (16 to 18 in BigTIFF).
        count: number of values.
        data: the value's bytes, in the byte order of its block.
        offset: where the value lay in the block that it was read from, 0 if made here.
    """

    type: int
    count: int
    data: bytes
    offset: int = 0


Directory = dict[int, Entry]


@dataclass(slots=True)
class ExifBlock:
    """The directories of an EXIF block.

    Attributes:
        order: "<" (Intel) or ">" (Motorola).
        main: the directory of the picture itself (IFD0).
        exif: the camera's directory.
        gps: the directory of the place.
        interop: the interoperability directory.
        is_file: read from a TIFF file: offsets mean nothing outside of it.
    """

    order: str = "<"
    main: Directory = field(default_factory=dict)
    exif: Directory = field(default_factory=dict)
    gps: Directory = field(default_factory=dict)
    interop: Directory = field(default_factory=dict)
    is_file: bool = False

    @classmethod
    def parse(cls, data: bytes, *, ifd: int | None = None, is_file: bool = False) -> ExifBlock:
        """Read a block ("Exif" and two zero bytes before it are skipped).

        What is damaged is left out: entries with wild offsets, unknown types, whole directories.

        Args:
            data: an EXIF block or a TIFF file.
            ifd: offset of the main directory; by default the header's first.
            is_file: ``data`` is a TIFF file.
        """
        while data.startswith(b"Exif\0\0"):
            data = data[6:]
        order = {b"II": "<", b"MM": ">"}.get(data[:2])
        if order is None or len(data) < 8:
            return cls()
        reader = _Reader(data, order)
        block = cls(order=order, is_file=is_file)
        block.main = reader.directory(reader.first if ifd is None else ifd)
        block.exif = reader.directory(reader.pointer(block.main, EXIF_IFD))
        block.gps = reader.directory(reader.pointer(block.main, GPS_IFD))
        block.interop = reader.directory(reader.pointer(block.exif, INTEROP_IFD))
        return block

    def text(self, tag: int) -> str:
        """A text tag of the main directory, "" where absent; UTF-8, else Latin-1."""
        entry = self.main.get(tag)
        if entry is None or entry.type not in (1, _ASCII, 7):
            return ""
        raw = entry.data.split(b"\0", 1)[0].strip()
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("latin-1")

    def number(self, tag: int) -> int | None:
        """The first value of a SHORT or LONG tag of the main directory."""
        entry = self.main.get(tag)
        if entry is None or entry.type not in (_SHORT, _LONG) or not entry.data:
            return None
        size = _SIZES[entry.type]
        byteorder = "little" if self.order == "<" else "big"
        return int.from_bytes(entry.data[:size], byteorder)  # type: ignore[arg-type]

    def text_entry(self, value: str) -> Entry:
        """An ASCII entry; UTF-8 for other characters, as the Metadata Working Group advises."""
        data = value.encode("utf-8") + b"\0"
        return Entry(_ASCII, len(data), data)

    def number_entry(self, value: int, *, long: bool = False) -> Entry:
        """A SHORT or LONG entry with one value."""
        code = self.order + ("I" if long else "H")
        return Entry(_LONG if long else _SHORT, 1, struct.pack(code, value))

    def to_bytes(self) -> bytes:
        """The block as TIFF structure, without the "Exif" prefix; b"" where it holds nothing."""
        if not (self.main or self.exif or self.gps):
            return b""
        note = self.exif.get(MAKER_NOTE)
        body, kept = b"", None
        if note is not None and not self.is_file and 8 <= note.offset <= 40_000:
            body, kept = bytes(note.offset - 8) + note.data, note.offset
            body += bytes(len(body) % 2)
        start = 8 + len(body)
        main_size = len(_pack(self._main_with(1, 1), self.order, start))
        parts, exif_at, gps_at = self.pack_children(start + main_size, note_at=kept)
        main = _pack(self._main_with(exif_at, gps_at), self.order, start)
        magic = b"II*\0" if self.order == "<" else b"MM\0*"
        return magic + struct.pack(self.order + "I", start) + body + main + parts

    def pack_children(self, start: int, *, note_at: int | None = None) -> tuple[bytes, int, int]:
        """The EXIF and GPS directories, laid out from offset ``start`` (even).

        Args:
            start: offset of the returned bytes in the block or file.
            note_at: the maker note is already there; point to it.

        Returns:
            The bytes, and the offsets of the two directories (0 where there is none).
        """
        parts, exif_at, gps_at = b"", 0, 0
        if self.interop:
            parts += _pack(self.interop, self.order, start)
        if self.exif:
            exif = {tag: e for tag, e in self.exif.items() if tag != INTEROP_IFD}
            if self.interop:
                exif[INTEROP_IFD] = self.number_entry(start, long=True)
            exif_at = start + len(parts)
            parts += _pack(exif, self.order, exif_at, {MAKER_NOTE: note_at} if note_at else {})
        if self.gps:
            gps_at = start + len(parts)
            parts += _pack(self.gps, self.order, gps_at)
        return parts, exif_at, gps_at

    def _main_with(self, exif_at: int, gps_at: int) -> Directory:
        main = {tag: e for tag, e in self.main.items() if tag not in (EXIF_IFD, GPS_IFD)}
        if self.exif:
            main[EXIF_IFD] = self.number_entry(exif_at, long=True)
        if self.gps:
            main[GPS_IFD] = self.number_entry(gps_at, long=True)
        return main


def read_orientation(data: bytes) -> int:
    """The orientation of a TIFF, PNG or JPEG; 1 where it has none, for other files too.

    Reads only the header, without a library that has global state: safe in any thread.
    """
    if data.startswith(b"\xff\xd8"):
        block = ExifBlock.parse(_jpeg_exif(data))
    elif data.startswith(SIGNATURE):
        found = (body for kind, body in read_chunks(data) if kind == b"eXIf")
        block = ExifBlock.parse(next(found, b""))
    else:
        block = ExifBlock.parse(data, ifd=full_page(data)[1] or None, is_file=True)
    said = block.number(ORIENTATION) or 1
    return said if said <= 8 else 1


def _jpeg_exif(data: bytes) -> bytes:
    """The first EXIF segment, b"" where there is none before the picture."""
    at = 2
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] not in (b"\xda", b""):
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == 0xE1 and data.startswith(b"Exif\0\0", at + 4):
            return data[at + 4 : end]
        at = end
    return b""


def full_page(data: bytes) -> tuple[int, int]:
    """The first page of a TIFF that is neither a reduced copy nor a mask.

    Some scanning programs write the small copy first.

    Returns:
        Its number from 0 and its directory's offset; those of the first page where all are copies.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        return 0, 0
    reader = _Reader(data, order)
    at, seen = reader.first, list[int]()
    while at and at not in seen and len(seen) < _MAX_PAGES:
        page = reader.directory(at)
        if not page:
            break
        kind, old_kind = reader.number(page, _SUBFILE), reader.number(page, _OLD_SUBFILE)
        if not kind & _COPY_OR_MASK and old_kind != _OLD_COPY:
            return len(seen), at
        seen.append(at)
        at = reader.following(at)
    return 0, reader.first


def from_full_page(data: bytes) -> bytes:
    """The file with its header pointing at the full page; unchanged where it does already."""
    number, at = full_page(data)
    if number == 0:
        return data
    order = "<" if data.startswith(b"II") else ">"
    if data[2:4] in (b"\x2b\0", b"\0\x2b"):
        return data[:8] + struct.pack(order + "Q", at) + data[16:]
    return data[:4] + struct.pack(order + "I", at) + data[8:]


def _pack(
    entries: Directory, order: str, start: int, placed: Mapping[int, int] | None = None
) -> bytes:
    """A directory and its values, of even length.

    Args:
        entries: what it holds.
        order: byte order.
        start: offset of the returned bytes.
        placed: tags whose value lies elsewhere already, with that offset.
    """
    placed = placed or {}
    rows, values = b"", b""
    free = start + 2 + 12 * len(entries) + 4
    for tag, entry in sorted(entries.items()):
        if len(entry.data) <= 4:
            where = entry.data.ljust(4, b"\0")
        elif tag in placed:
            where = struct.pack(order + "I", placed[tag])
        else:
            where = struct.pack(order + "I", free + len(values))
            values += entry.data + bytes(len(entry.data) % 2)
        rows += struct.pack(order + "HHI", tag, entry.type, entry.count) + where
    return struct.pack(order + "H", len(entries)) + rows + bytes(4) + values


class _Reader:
    """Reads directories of a TIFF structure; every offset is checked."""

    def __init__(self, data: bytes, order: str) -> None:
        self.data = data
        self.order = order
        self.big = data[2:4] in (b"\x2b\0", b"\0\x2b")
        self.first = self._uint(8, 8) if self.big else self._uint(4, 4)

    def _uint(self, at: int, size: int) -> int:
        raw = self.data[at : at + size]
        return int.from_bytes(raw, "little" if self.order == "<" else "big")

    def pointer(self, directory: Directory, tag: int) -> int:
        """Where a child directory starts, 0 where there is none."""
        entry = directory.get(tag)
        if entry is None or entry.type not in (_LONG, 13, 16, 18) or entry.count != 1:
            return 0
        return int.from_bytes(entry.data, "little" if self.order == "<" else "big")

    def following(self, at: int) -> int:
        """Where the directory behind the one at an offset starts, 0 where it is the last."""
        width, head, inline = (20, 8, 8) if self.big else (12, 2, 4)
        if at < 8 or at + head > len(self.data):
            return 0
        return self._uint(at + head + width * self._uint(at, head), inline)

    def number(self, directory: Directory, tag: int) -> int:
        """The value of a tag that holds one number, 0 where there is none."""
        entry = directory.get(tag)
        if entry is None or entry.count != 1 or entry.type not in (_SHORT, _LONG):
            return 0
        return int.from_bytes(entry.data, "little" if self.order == "<" else "big")

    def directory(self, at: int) -> Directory:
        """The entries of the directory at an offset; empty where that is no directory."""
        width, head, inline = (20, 8, 8) if self.big else (12, 2, 4)
        if at < 8 or at + head > len(self.data):
            return {}
        count = self._uint(at, head)
        if count > _MAX_ENTRIES:
            return {}
        entries: Directory = {}
        for row in range(at + head, at + head + width * count, width):
            tag, kind = self._uint(row, 2), self._uint(row + 2, 2)
            number = self._uint(row + 4, inline)
            size = (_SIZES | _BIG_SIZES if self.big else _SIZES).get(kind, 0) * number
            where = row + width - inline
            if size > inline:
                where = self._uint(where, inline)
            value = self.data[where : where + size]
            if size and len(value) == size:
                entries.setdefault(tag, Entry(kind, number, value, where))
        return entries
