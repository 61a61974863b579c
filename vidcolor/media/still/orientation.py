"""Which way up a picture is stored, as EXIF numbers it: 1 is upright, 6 lies on its left side."""

from __future__ import annotations

from vidcolor.media.read.side_data import is_mirrored, rotation
from vidcolor.media.still.exif import ORIENTATION, ExifBlock
from vidcolor.media.still.png import SIGNATURE, read_chunks

_BY_TURN = {
    (0, False): 1, (0, True): 2, (180, False): 3, (180, True): 4,
    (90, True): 5, (90, False): 6, (270, True): 7, (270, False): 8,
}  # fmt: skip
"""By degrees clockwise to turn for display, and whether left and right are exchanged then."""


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


def matrix_orientation(matrix: tuple[int, ...] | None) -> int:
    """The orientation nearest to a display matrix; 1 for None."""
    return _BY_TURN[rotation(matrix), is_mirrored(matrix)]


def _jpeg_exif(data: bytes) -> bytes:
    """The first EXIF segment, b"" where there is none before the picture."""
    at = 2
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] not in (b"\xda", b""):
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == 0xE1 and data.startswith(b"Exif\0\0", at + 4):
            return data[at + 4 : end]
        at = end
    return b""
