"""Which way up a picture is stored, as EXIF numbers it: 1 is upright, 6 lies on its left side."""

from __future__ import annotations

from vidcolor.media.still.exif import ORIENTATION, ExifBlock
from vidcolor.media.still.png import SIGNATURE, read_chunks


def read_orientation(data: bytes) -> int:
    """What a TIFF, PNG or JPEG says; 1 where it says nothing, for other files too.

    Reads the header alone, and by no library that has a state: any thread may ask.
    """
    if data.startswith(b"\xff\xd8"):
        block = ExifBlock.parse(_jpeg_exif(data))
    elif data.startswith(SIGNATURE):
        found = (body for kind, body in read_chunks(data) if kind == b"eXIf")
        block = ExifBlock.parse(next(found, b""))
    else:
        block = ExifBlock.parse(data, is_file=True)
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
