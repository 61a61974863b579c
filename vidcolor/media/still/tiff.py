"""TIFF in and out: decoded by tifffile where Pillow would lose bits or refuse.

Pillow (libtiff) decodes what is 8-bit gray, RGB, palette, CMYK or subsampled YCbCr; tifffile does
16-bit RGB, floating point, odd depths, separate planes and Lab.
"""

from __future__ import annotations

import io
import struct
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import UnidentifiedImageError

from vidcolor.errors import InputError
from vidcolor.media.pixels.limits import check_photo_size
from vidcolor.media.still.metadata.exif import (
    EXIF_IFD,
    GPS_IFD,
    ORIENTATION,
    Entry,
    ExifBlock,
    full_page,
)
from vidcolor.media.still.metadata.record import StillMetadata
from vidcolor.media.still.open import StillFile
from vidcolor.media.still.pillow import decode_with_pillow
from vidcolor.media.still.quiet import MUTED_STDERR
from vidcolor.media.still.raster import Raster, Samples, scale_bits, unpremultiply

_MINISWHITE, _MINISBLACK, _RGB, _PALETTE, _CMYK, _YCBCR, _LAB, _ICCLAB = 0, 1, 2, 3, 5, 6, 8, 9
_RAW = (32803, 34892)
_MODELS = {_MINISWHITE: ("gray", 1), _MINISBLACK: ("gray", 1), _RGB: ("rgb", 3)} | {
    _CMYK: ("cmyk", 4),
    _LAB: ("lab", 3),
    _ICCLAB: ("icclab", 3),
}
_LIBTIFF = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000})
"""Compressions that Pillow's libtiff decodes: not WebP, JPEG XL, LERC and others."""

_DNG_VERSION, _SUB_IFDS, _MAX_SAMPLE = 50706, 330, 281
_UINT, _INT, _FLOAT = 1, 2, 3
_MAX_PAGES = 10_000
"""Limit on counting pages: only one is read."""

_RESOLUTION_TAGS = (282, 283, 296)
_XMP, _IPTC = 700, 33723
_BYTE, _LONG, _UNDEFINED = 1, 4, 7


def decode_tiff(file: StillFile) -> Raster:
    """Decode the first full page of a TIFF.

    Raises:
        InputError: its size can't be, it is cut off, or a camera's raw file.
        Exception: whatever the decoders raise for damaged files; the caller rewords it.
    """
    with tifffile.TiffFile(io.BytesIO(file.data)) as tiff:
        _refuse_raw(file, cast(tifffile.TiffPage, tiff.pages[0]))
        number = full_page(file.data)[0]
        page = cast(tifffile.TiffPage, tiff.pages[number])
        samples_per_pixel = max(1, int(page.samplesperpixel))
        sample_bytes = samples_per_pixel * max(1, _bits(page) // 8)
        check_photo_size(file.name, int(page.imagewidth), int(page.imagelength), sample_bytes)
        _check_whole(file, page)
        full_pages = _count_pages(tiff)
        try:
            raster = _decode_with_libtiff(file, page, number) if _suits_pillow(page) else None
        except UnidentifiedImageError:  # a mix of samples that Pillow has no mode for
            raster = None
        if raster is None:
            raster = _decode(file, page)
    raster.pages = max(full_pages, 1)
    return raster


def _count_pages(tiff: tifffile.TiffFile) -> int:
    """Number of pages that are pictures of their own; the chain of directories may be circular."""
    count, seen = 0, set[int]()
    for page in tiff.pages:
        offset = int(page.offset)
        if offset in seen or len(seen) >= _MAX_PAGES:
            break
        seen.add(offset)
        count += not _is_extra(page)
    return count


def _bits(page: tifffile.TiffPage) -> int:
    return int(np.max(page.bitspersample))  # one number, or one for each sample


def _is_extra(page: tifffile.TiffPage | tifffile.TiffFrame) -> bool:
    """Whether a page is a reduced copy or a transparency mask, by its subfile type."""
    if not hasattr(page, "tags"):
        return False
    kind, old_kind = page.tags.get(254), page.tags.get(255)
    is_copy = old_kind is not None and old_kind.value == 2
    return is_copy or (kind is not None and bool(int(kind.value) & 0b101))


def _refuse_raw(file: StillFile, page: tifffile.TiffPage) -> None:
    """Refuse cameras' raw files: TIFFs whose first page is a small preview."""
    if (
        page.tags.get(_DNG_VERSION) is not None
        or int(page.photometric) in _RAW
        or (_is_extra(page) and page.tags.get(_SUB_IFDS) is not None)
    ):
        raise InputError(f"{file.name}: is a camera's raw file; develop it to TIFF or JPEG first")


def _check_whole(file: StillFile, page: tifffile.TiffPage) -> None:
    """Check that all of the data is there: libtiff fills missing parts with black or grey."""
    end = max(
        (at + size for at, size in zip(page.dataoffsets, page.databytecounts, strict=False)),
        default=0,
    )
    if not page.dataoffsets:
        raise InputError(f"{file.name}: damaged: no picture data in its first page")
    if end > len(file.data):
        raise InputError(
            f"{file.name}: truncated: the picture's data ends {end - len(file.data)} bytes "
            "behind the end of the file"
        )


def _decode_with_libtiff(file: StillFile, page: tifffile.TiffPage, number: int) -> Raster:
    with MUTED_STDERR:  # libtiff writes there about damaged strips
        raster = decode_with_pillow(file, page=number)
    raster.metadata, raster.icc = read_metadata(file, page)
    raster.metadata.turn_dpi(raster.metadata.exif.number(ORIENTATION) or 1)  # Pillow has turned it
    return raster


def _suits_pillow(page: tifffile.TiffPage) -> bool:
    photometric = int(page.photometric)
    return (
        _bits(page) <= 8
        and int(page.compression) in _LIBTIFF
        and int(page.sampleformat or _UINT) == _UINT
        and photometric in (_MINISWHITE, _MINISBLACK, _RGB, _PALETTE, _CMYK, _YCBCR)
        and not (photometric in (_RGB, _CMYK) and _bits(page) < 8)
        and not (int(page.planarconfig) == 2 and photometric != _YCBCR)
    )


def _decode(file: StillFile, page: tifffile.TiffPage) -> Raster:
    pixels = _pixels(page)
    photometric = int(page.photometric)
    metadata, icc = read_metadata(file, page)
    raster = Raster(pixels, "gray", None, "TIFF", icc=icc, metadata=metadata)
    raster.orientation = metadata.exif.number(ORIENTATION) or 1
    if photometric == _PALETTE:
        raster.samples, raster.model = _look_up(pixels[..., 0], page), "rgb"
        return raster
    if photometric not in _MODELS:
        raise ValueError(f"photometric interpretation {photometric} isn't supported")
    raster.model, colors = _MODELS[photometric]  # type: ignore[assignment]
    codes = _to_codes(pixels, page, raster)
    if photometric == _MINISWHITE:
        codes[..., :colors] = np.iinfo(codes.dtype).max - codes[..., :colors]
    raster.samples = codes[..., 0] if colors == 1 else np.ascontiguousarray(codes[..., :colors])
    _take_alpha(codes, colors, page, raster)
    return raster


def _pixels(page: tifffile.TiffPage) -> npt.NDArray[Any]:
    """``(H, W, C)`` samples as stored, of any dtype."""
    pixels = np.asarray(page.asarray(maxworkers=2))
    height, width, channels = int(page.imagelength), int(page.imagewidth), int(page.samplesperpixel)
    if channels > 1 and int(page.planarconfig) == 2:
        pixels = np.moveaxis(pixels.reshape(channels, height, width), 0, -1)
    return pixels.reshape(height, width, channels)


def _to_codes(pixels: npt.NDArray[Any], page: tifffile.TiffPage, raster: Raster) -> Samples:
    """Full-range uint8 or uint16 codes of any sample format."""
    kind, bits = int(page.sampleformat or _UINT), _bits(page)
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * np.uint8(255)
    if raster.model in ("lab", "icclab"):  # a and b are signed, L isn't; tifffile reads all alike
        return pixels.view(np.uint16 if bits == 16 else np.uint8)
    if kind == _FLOAT or pixels.dtype.kind == "f":
        return _scale_float(pixels, raster)
    if kind == _UINT and bits > 16:
        return (pixels >> (bits - 16)).astype(np.uint16)
    if kind == _INT:
        return _scale_float(pixels.astype(np.float64), raster)
    tag = page.tags.get(_MAX_SAMPLE)
    top = max(np.atleast_1d(tag.value)) if tag is not None else 0
    if bits == 16 and 255 < top < 65535 and int(pixels.max()) <= top:  # 10, 12, 14 bits in 16
        return (pixels.astype(np.uint32) * 65535 // np.uint32(top)).astype(np.uint16)
    brightest = int(pixels.max())
    if bits == 16 and brightest < 4096:
        raster.warnings.append(
            f"very dark: no sample is above {brightest} of 65535; if it holds fewer bits than "
            "it says, stretch it first"
        )
    return np.array(scale_bits(pixels, bits))


def _scale_float(pixels: npt.NDArray[Any], raster: Raster) -> Samples:
    """0..1 (slight overshoot is clipped) as codes; any other range is stretched, with a warning."""
    finite = np.nan_to_num(pixels.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(finite.min()), float(finite.max())
    if low < -0.1 or high > 1.25:
        raster.warnings.append(f"samples from {low:g} to {high:g} are stretched to black..white")
        finite = (finite - low) / max(high - low, 1e-30)
    return (np.clip(finite, 0, 1) * 65535 + 0.5).astype(np.uint16)


def _take_alpha(codes: Samples, colors: int, page: tifffile.TiffPage, raster: Raster) -> None:
    """Take the first extra sample that is marked as alpha; associated alpha is undone."""
    for index, kind in enumerate(page.extrasamples or ()):
        if int(kind) in (1, 2) and colors + index < codes.shape[2]:
            alpha = np.ascontiguousarray(codes[..., colors + index])
            if int(kind) == 1 and raster.model in ("gray", "rgb"):
                raster.samples = unpremultiply(raster.samples, alpha)
            raster.alpha = None if alpha.min() == np.iinfo(alpha.dtype).max else alpha
            return


def _look_up(indices: npt.NDArray[Any], page: tifffile.TiffPage) -> Samples:
    colormap = np.asarray(page.colormap)  # (3, N) uint16
    codes: Samples = np.moveaxis(colormap, 0, -1)[indices]
    return codes.astype(np.uint16)


def read_metadata(file: StillFile, page: tifffile.TiffPage) -> tuple[StillMetadata, bytes | None]:
    """Metadata and ICC profile of a TIFF's page."""
    exif = ExifBlock.parse(file.data, ifd=int(page.offset), is_file=True)

    def raw(tag: int) -> bytes:
        return exif.main[tag].data if tag in exif.main else b""

    icc = raw(34675) or None
    metadata = StillMetadata(file.path, exif, raw(700), raw(33723), profiled=icc is not None)
    unit = exif.number(296) or 2
    resolution = [_rational(page, tag) for tag in (282, 283)]
    if unit in (2, 3) and all(1 < value < 1e5 for value in resolution):
        factor = 2.54 if unit == 3 else 1.0
        metadata.dpi = (resolution[0] * factor, resolution[1] * factor)
    return metadata, icc


def _rational(page: tifffile.TiffPage, tag: int) -> float:
    entry: Any = page.tags.get(tag)
    try:
        return float(entry.value[0]) / float(entry.value[1])
    except (AttributeError, TypeError, IndexError, ZeroDivisionError):
        return 0.0


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
        exif: tags of the main directory, and the EXIF and GPS directories.
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
    """Append the EXIF and GPS directories, and a main one that points at them.

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
