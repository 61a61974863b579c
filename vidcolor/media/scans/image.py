"""One colorized scan as PNG or TIFF, with the metadata of the scan's file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import cast

import numpy as np
import tifffile
from PIL import Image

from vidcolor.media.still.metadata.exif import ORIENTATION
from vidcolor.media.still.metadata.record import StillMetadata
from vidcolor.media.still.open import StillFile, open_still
from vidcolor.media.still.pillow import collect_metadata
from vidcolor.media.still.quiet import quiet_libraries
from vidcolor.media.still.tiff import read_metadata
from vidcolor.media.still.write import encode_still
from vidcolor.types import Plane


def encode_scan(
    planes: tuple[Plane, Plane, Plane], scan: Path | None, *, comment: str, suffix: str
) -> bytes:
    """Encode an image.

    Args:
        planes: R, G, B, ``(H, W)`` uint8 or uint16 codes, upright.
        scan: the file that it was made of; None for a film's frame.
        comment: what colorized it.
        suffix: ``.png``, ``.tif`` or ``.tiff``.

    Raises:
        OutputError: it can't be encoded.
    """
    metadata = StillMetadata() if scan is None else read_scan(scan)[0]
    metadata.turn_dpi(metadata.exif.number(ORIENTATION) or 1)
    return encode_still(np.dstack(planes), metadata, comment=comment, extension=suffix)


def read_scan(path: Path) -> tuple[StillMetadata, bytes | None]:
    """Metadata and ICC profile of a TIFF, PNG or JPEG; empty for other files."""
    try:
        file = open_still(path)
        with quiet_libraries():
            if file.kind == "TIFF":
                with tifffile.TiffFile(io.BytesIO(file.data)) as tiff:
                    return read_metadata(file, cast(tifffile.TiffPage, tiff.pages[0]))
            if file.kind in ("PNG", "JPEG"):
                return _read_with_pillow(file)
    except Exception:  # a header may be damaged in any way, and the picture was decoded
        return StillMetadata(), None
    return StillMetadata(), None


def _read_with_pillow(file: StillFile) -> tuple[StillMetadata, bytes | None]:
    with Image.open(io.BytesIO(file.data), formats=(file.kind,)) as image:
        metadata = collect_metadata(image, file)
        icc = image.info.get("icc_profile") or None
        metadata.profiled = icc is not None or "srgb" in image.info
        return metadata, icc
