"""Write a colorized photo: format by extension, metadata kept, the file appears when complete."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image

from vidcolor.errors import DependencyError, OptionError, OutputError
from vidcolor.media.files.atomic import AtomicPath, check_distinct, check_writable, output_error
from vidcolor.media.still.icc import srgb_profile
from vidcolor.media.still.metadata.boxes import append_metadata
from vidcolor.media.still.metadata.png import insert_metadata
from vidcolor.media.still.metadata.record import StillMetadata, prepare_exif, prepare_xmp, signed
from vidcolor.media.still.pillow import register_heif
from vidcolor.media.still.quiet import quiet_libraries
from vidcolor.media.still.raster import Samples, to_depth
from vidcolor.media.still.tiff import encode_tiff
from vidcolor.types import StillImage

_PNG_LEVEL = 3
"""Zlib level: five times the speed of the usual 6 for 3 % more bytes."""


@dataclass(slots=True)
class _Page:
    """The input of an encoder.

    Attributes:
        rgb: ``(H, W, 3)``, in a depth that the format holds.
        alpha: ``(H, W)`` in the same dtype, or None.
        metadata: the source's.
        comment: what colorized it.
        notes: lines for the user; the encoder appends to them.
    """

    rgb: Samples
    alpha: Samples | None
    metadata: StillMetadata
    comment: str
    notes: list[str]

    @property
    def pixels(self) -> Samples:
        """``(H, W, 3)`` or, with alpha, ``(H, W, 4)``."""
        if self.alpha is None:
            return np.ascontiguousarray(self.rgb)
        return np.dstack([self.rgb, self.alpha])

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.rgb.shape[1], self.rgb.shape[0]

    @property
    def icc(self) -> bytes | None:
        """The profile to embed: sRGB where the source had one, else none."""
        return srgb_profile() if self.metadata.profiled else None

    def exif(self, *, orientation: bool = True) -> bytes:
        """EXIF for the output, as TIFF structure."""
        block = prepare_exif(self.metadata, self.comment, self.size, orientation=orientation)
        return block.to_bytes()


def writable_extension(extension: str) -> bool:
    """Whether ``write_still`` can write files of this extension (with or without the dot)."""
    return _dotted(extension) in _ENCODERS


def write_still(
    path: str | os.PathLike[str],
    rgb: Samples,
    source: StillImage,
    *,
    comment: str,
    place: AtomicPath | None = None,
) -> tuple[str, ...]:
    """Write a colorized photo; it appears under its name only when it is complete.

    Args:
        path: where to; "-" writes PNG to standard output. An existing file is replaced.
        rgb: ``(H, W, 3)`` uint8 or uint16 sRGB codes, upright.
        source: what ``read_still`` returned; its alpha and metadata are kept.
        comment: what colorized it ("vidcolor 0.1.0, model compact"), added to the software tag.
        place: ``path``, held since before the work began; it is committed.

    Returns:
        Lines for the user: what the format can't hold.

    Raises:
        OptionError: an extension that can't be written, or the output is the input itself.
        OutputError: the file can't be written.
        DependencyError: HEIC without pillow-heif.
    """
    metadata = source.metadata if isinstance(source.metadata, StillMetadata) else StillMetadata()
    page = _Page(rgb, source.alpha, metadata, comment, [])
    if os.fspath(path) == "-":
        data = _encode(page, ".png", "standard output")
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return tuple(page.notes)
    target = Path(path)
    check_still_output(target, source)
    with place or AtomicPath(target) as place:
        data = _encode(page, _dotted(target.suffix), str(target))
        try:
            place.temporary.write_bytes(data)
        except OSError as error:
            raise output_error(target, error) from error
        place.commit()
    return tuple(page.notes)


def encode_still(rgb: Samples, metadata: StillMetadata, *, comment: str, extension: str) -> bytes:
    """Encode an opaque picture as a file's bytes.

    Args:
        rgb: ``(H, W, 3)`` uint8 or uint16 sRGB codes, upright.
        metadata: the source's.
        comment: what colorized it.
        extension: ``.png``, ``.tif`` or another that ``write_still`` knows.

    Raises:
        OutputError: it can't be encoded.
    """
    return _encode(_Page(rgb, None, metadata, comment, []), _dotted(extension), "the image")


def check_still_output(path: str | os.PathLike[str], source: StillImage) -> None:
    """Check that ``write_still`` can work, before the colours are made.

    Raises:
        OptionError: an extension that can't be written, or the output is the input itself.
        OutputError: the folder is missing or can't be written.
    """
    if os.fspath(path) == "-":
        return
    target = Path(path)
    if not writable_extension(target.suffix):
        raise OptionError(
            f"{target}: can't write photos of type '{target.suffix or 'none'}'; "
            f"these work: {', '.join(sorted(_ENCODERS))}"
        )
    if isinstance(source.metadata, StillMetadata) and source.metadata.path is not None:
        check_distinct(source.metadata.path, target)
    check_writable(target)


def _dotted(extension: str) -> str:
    lower = extension.lower()
    return lower if not lower or lower.startswith(".") else f".{lower}"


def _encode(page: _Page, extension: str, name: str) -> bytes:
    encoder = _ENCODERS[extension]
    deep = encoder in (_png, _tiff)
    if page.rgb.dtype == np.uint16 and not deep:
        page.rgb = to_depth(page.rgb, 8)
        page.notes.append(f"{extension} holds 8 bits per channel, the picture has more: rounded")
    _fit_alpha(page, extension)
    try:
        with quiet_libraries():
            return encoder(page)
    except DependencyError:
        raise
    except Exception as error:  # encoders raise anything; sizes beyond a format's are usual
        raise OutputError(f"{name}: can't be encoded as {extension} ({error})") from error


def _fit_alpha(page: _Page, extension: str) -> None:
    """Bring alpha to the picture's depth and width, or drop it where the format has none."""
    if page.alpha is None:
        return
    if extension in _OPAQUE:
        page.alpha = None
        page.notes.append(
            f"{extension} holds no transparency: the picture is opaque, with the colours that "
            "lay under it"
        )
        return
    if page.alpha.shape != page.rgb.shape[:2]:
        page.alpha = None
        page.notes.append("transparency is left out: the output has another size")
        return
    page.alpha = to_depth(page.alpha, page.rgb.dtype.itemsize * 8)


def _png(page: _Page) -> bytes:
    text = {key: value for key, value in page.metadata.text.items() if key != "Software"}
    if software := signed(page.metadata, page.comment):
        text["Software"] = software
    exif = page.metadata.exif
    return insert_metadata(
        bytes(imagecodecs.png_encode(page.pixels, level=_PNG_LEVEL)),
        icc=page.icc,
        dpi=page.metadata.dpi,
        text=text,
        exif=page.exif() if exif.main or exif.exif else b"",
        xmp=prepare_xmp(page.metadata.xmp),
    )


def _tiff(page: _Page) -> bytes:
    exif = prepare_exif(page.metadata, page.comment, page.size)
    return encode_tiff(
        page.pixels,
        exif,
        icc=page.icc,
        dpi=page.metadata.dpi,
        xmp=prepare_xmp(page.metadata.xmp),
        iptc=page.metadata.iptc,
    )


_SEGMENT = 65_500
"""A JPEG marker segment holds 65533 bytes, with identifiers."""


def _jpeg(page: _Page) -> bytes:
    exif, xmp = page.exif(), prepare_xmp(page.metadata.xmp)
    if len(exif) > _SEGMENT:
        page.notes.append(
            f"EXIF of {len(exif)} bytes doesn't fit into JPEG: only who made it is kept"
        )
        slim = StillMetadata(text={"Software": page.metadata.software})
        exif = prepare_exif(slim, page.comment, page.size).to_bytes()
    if len(xmp) > _SEGMENT - 29:
        page.notes.append(f"XMP of {len(xmp)} bytes doesn't fit into JPEG: left out")
        xmp = b""
    options: dict[str, Any] = {"quality": 95, "subsampling": 0, "exif": b"Exif\0\0" + exif}
    if page.metadata.iptc and len(page.metadata.iptc) < _SEGMENT - 40:
        options["extra"] = _iptc_segment(page.metadata.iptc)
    if comment := page.metadata.text.get("Comment"):
        options["comment"] = comment.encode("utf-8")[:_SEGMENT]
    return _with_pillow(page, "JPEG", xmp=xmp, **options)


def _iptc_segment(iptc: bytes) -> bytes:
    """IPTC as Photoshop's resource 0x0404 in an APP13 segment."""
    body = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + len(iptc).to_bytes(4, "big") + iptc
    body += bytes(len(iptc) % 2)
    return b"\xff\xed" + (len(body) + 2).to_bytes(2, "big") + body


def _webp(page: _Page) -> bytes:
    return _with_pillow(
        page, "WEBP", quality=95, method=4, exact=True, exif=page.exif(),
        xmp=prepare_xmp(page.metadata.xmp),
    )  # fmt: skip


def _avif(page: _Page) -> bytes:
    return _with_pillow(
        page, "AVIF", quality=92, subsampling="4:4:4", speed=9, exif=page.exif(orientation=False),
        xmp=prepare_xmp(page.metadata.xmp),
    )  # fmt: skip


def _heif(page: _Page) -> bytes:
    register_heif("the output")
    exif = b"Exif\0\0" + page.exif(orientation=False)
    # x265's default preset takes half a minute for 8 Mpx; this one makes the file 17 % larger
    return _with_pillow(
        page, "HEIF", quality=90, chroma=444, enc_params={"preset": "ultrafast"}, exif=exif,
        xmp=prepare_xmp(page.metadata.xmp),
    )  # fmt: skip


def _jpeg2000(page: _Page) -> bytes:
    data = _with_pillow(page, "JPEG2000", mct=1)
    return append_metadata(data, page.exif(), prepare_xmp(page.metadata.xmp))


def _bmp(page: _Page) -> bytes:
    page.notes.append(".bmp holds no metadata: the source's isn't kept, and no credit is written")
    return _with_pillow(page, "BMP")


def _with_pillow(page: _Page, kind: str, **options: object) -> bytes:
    if page.metadata.dpi and kind in ("JPEG", "BMP"):
        options["dpi"] = page.metadata.dpi
    if page.icc and kind not in ("JPEG2000", "BMP"):
        options["icc_profile"] = page.icc
    stream = io.BytesIO()
    Image.fromarray(page.pixels).save(stream, kind, **options)
    return stream.getvalue()


_ENCODERS: dict[str, Callable[[_Page], bytes]] = {
    ".png": _png,
    ".tif": _tiff,
    ".tiff": _tiff,
    ".jpg": _jpeg,
    ".jpeg": _jpeg,
    ".jpe": _jpeg,
    ".jfif": _jpeg,
    ".webp": _webp,
    ".avif": _avif,
    ".heic": _heif,
    ".heif": _heif,
    ".jp2": _jpeg2000,
    ".bmp": _bmp,
}
_OPAQUE = (".jpg", ".jpeg", ".jpe", ".jfif", ".bmp")
