"""Every format but TIFF: Pillow decodes 8 bits, imagecodecs and pillow-heif what has more."""

from __future__ import annotations

import io
import re
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image

from vidcolor.errors import DependencyError
from vidcolor.media.pixels.limits import check_photo_size
from vidcolor.media.still.metadata.boxes import heif_depth, read_facts
from vidcolor.media.still.metadata.exif import ORIENTATION, ExifBlock
from vidcolor.media.still.metadata.png import only_picture, only_text
from vidcolor.media.still.metadata.record import StillMetadata
from vidcolor.media.still.open import StillFile
from vidcolor.media.still.raster import Raster, Samples, scale_bits, split_channels

_FORMATS = {
    "JPEG": ("JPEG",),  # its plugin opens MPO too, which has none of its own
    "PNG": ("PNG",),
    "TIFF": ("TIFF",),
    "GIF": ("GIF",),
    "WEBP": ("WEBP",),
    "JPEG2000": ("JPEG2000",),
    "AVIF": ("AVIF",),
    "HEIF": ("HEIF",),
    "BMP": ("BMP",),
    "PPM": ("PPM",),
    "PSD": ("PSD",),
    "ICO": ("ICO",),
}
"""Format by content and the Pillow plugins that may open it; no others, some run programs."""

_NO_TEXT = re.compile(r"(?i)^(xml:com\.adobe\.xmp|raw profile type .*)$")


def decode_with_pillow(file: StillFile, *, page: int = 0) -> Raster:
    """Decode one picture of a file.

    Args:
        file: any kind.
        page: number of a TIFF's directory, from 0.

    Raises:
        InputError: its size can't be.
        DependencyError: HEIC without pillow-heif.
        Exception: whatever Pillow raises for damaged files; the caller rewords it.
    """
    if file.kind == "HEIF":
        register_heif(file.name)
    with Image.open(io.BytesIO(_openable(file)), formats=_FORMATS[file.kind]) as image:
        image.seek(page)
        check_photo_size(file.name, *image.size, 2 * len(image.getbands()))
        pages = _count_pages(image)
        samples, alpha, model = _pixels(image, file)
        metadata = collect_metadata(image, file)
        raster = Raster(samples, model, alpha, str(image.format), pages=pages, metadata=metadata)
        raster.icc = image.info.get("icc_profile") or None
        if file.kind == "PNG" and raster.icc is None and "srgb" not in image.info:
            raster.gamma = image.info.get("gamma")
        if file.kind == "JPEG2000":
            _add_boxes(file, raster)
        metadata.profiled = raster.icc is not None or "srgb" in image.info
        # Pillow turns TIFFs by itself; viewers of JPEG 2000 ignore EXIF's orientation
        if file.kind not in ("TIFF", "JPEG2000"):
            raster.orientation = metadata.exif.number(ORIENTATION) or 1
        return raster


def _pixels(image: Image.Image, file: StillFile) -> tuple[Samples, Samples | None, Any]:
    """Samples, alpha and model at full depth; the picture stays loaded where Pillow decoded it."""
    deep = _decode_deep(file)
    # a mosaic or a crop that only Pillow's decoder knows comes out in another size
    if deep is None or (deep.shape[1::-1] != image.size and file.kind != "JPEG"):
        image.load()
        return _split(image)
    return split_channels(deep)


def _add_boxes(file: StillFile, raster: Raster) -> None:
    facts = read_facts(file.data)
    raster.icc = raster.icc or facts.icc
    raster.metadata.xmp = raster.metadata.xmp or facts.xmp
    raster.metadata.exif = ExifBlock.parse(facts.exif)


def register_heif(name: str) -> None:
    """Register HEIC with Pillow.

    Raises:
        DependencyError: pillow-heif isn't installed.
    """
    try:
        import pillow_heif
    except ImportError:
        raise DependencyError(
            f"{name}: HEIC needs the package pillow-heif: pip install pillow-heif"
        ) from None
    if "HEIF" not in Image.OPEN:
        pillow_heif.register_heif_opener()


def collect_metadata(image: Image.Image, file: StillFile) -> StillMetadata:
    """The metadata of a loaded picture."""
    info = image.info
    metadata = StillMetadata(path=file.path)
    metadata.exif = ExifBlock.parse(_exif_bytes(info))
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
    metadata.xmp = xmp.encode("utf-8") if isinstance(xmp, str) else bytes(xmp)
    photoshop = info.get("photoshop")
    if isinstance(photoshop, dict) and isinstance(photoshop.get(0x0404), bytes):
        metadata.iptc = photoshop[0x0404]
    dpi = info.get("dpi")
    if dpi and "resolution" not in info and all(1 < float(value) < 1e5 for value in dpi):
        metadata.dpi = (float(dpi[0]), float(dpi[1]))
    metadata.text = _png_texts(file) if file.kind == "PNG" else _comment(image)
    return metadata


def _png_texts(file: StillFile) -> dict[str, str]:
    """Keywords and texts, except those that hold other metadata."""
    with Image.open(io.BytesIO(only_text(file.data)), formats=("PNG",)) as image:
        texts: dict[str, str] = getattr(image, "text", {})
        return {
            str(key): str(value) for key, value in texts.items() if not _NO_TEXT.match(str(key))
        }


def _comment(image: Image.Image) -> dict[str, str]:
    """The comment of a JPEG or GIF."""
    comment = image.info.get("comment")
    if isinstance(comment, bytes):
        comment = comment.decode("utf-8", "replace")
    return {"Comment": str(comment)} if comment and image.format != "JPEG2000" else {}


def _exif_bytes(info: dict[Any, Any]) -> bytes:
    """EXIF as found, or from the hexadecimal text that older ImageMagick wrote into PNG."""
    exif = info.get("exif")
    if isinstance(exif, bytes):
        return exif
    for key in ("Raw profile type exif", "Raw profile type APP1"):
        if isinstance(info.get(key), str):
            try:
                return bytes.fromhex("".join(info[key].split()[2:]))
            except ValueError:
                return b""
    return b""


def _count_pages(image: Image.Image) -> int:
    """Frames or pages in the file; 1 where counting them fails."""
    shown = image.tell()
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # damage behind the first picture doesn't matter
        return 1
    finally:
        image.seek(shown)


def _split(image: Image.Image) -> tuple[Samples, Samples | None, Any]:
    """Samples, alpha and model of a loaded picture in any of Pillow's modes."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _deep_gray(image), None, "gray"
    if image.mode == "CMYK":
        return np.asarray(image), None, "cmyk"
    if image.mode == "LAB":
        return np.asarray(image), None, "lab"
    gray = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        pixels = np.asarray(image.convert("LA" if gray else "RGBA"))
        alpha = np.ascontiguousarray(pixels[..., -1])
        colors = pixels[..., 0] if gray else pixels[..., :3]
        return np.ascontiguousarray(colors), None if alpha.min() == 255 else alpha, _model(gray)
    return np.asarray(image.convert("L" if gray else "RGB")), None, _model(gray)


def _model(gray: bool) -> str:
    return "gray" if gray else "rgb"


def _deep_gray(image: Image.Image) -> Samples:
    """Pillow's 16 and 32-bit gray modes; "I" holds 16-bit codes for the formats read here."""
    codes: Samples = np.clip(np.asarray(image), 0, 65535).astype(np.uint16)
    return codes


def _decode_deep(file: StillFile) -> Samples | None:
    """``(H, W)`` or ``(H, W, C)`` uint16 pixels of a picture that has more than 8 bits.

    Args:
        file: a file whose header (and so size) has been checked.

    Returns:
        The pixels, as stored (not turned); None where 8 bits hold all there is.

    Raises:
        Exception: whatever the decoders raise for damaged files; the caller rewords it.
    """
    depth = _stored_depth(file)
    if depth <= 8:
        return None
    if file.kind == "PNG":
        return np.asarray(imagecodecs.png_decode(only_picture(file.data)))
    if file.kind == "JPEG2000":
        return scale_bits(imagecodecs.jpeg2k_decode(file.data), depth)
    if file.kind == "AVIF":
        return scale_bits(imagecodecs.avif_decode(file.data), depth)
    if file.kind == "JPEG":
        return decode_deep_jpeg(file.data)
    return _decode_heif(file, depth)


def _stored_depth(file: StillFile) -> int:
    """Bits per sample in the file, for the formats where Pillow may show fewer."""
    if file.kind == "PNG":
        return file.data[24]
    if file.kind == "JPEG2000":
        facts = read_facts(file.data)
        return facts.depth if facts.components in (1, 2, 3, 4) else 8
    if file.kind in ("AVIF", "HEIF"):
        return heif_depth(file.data)
    if file.kind == "JPEG":
        return jpeg_depth(file.data)
    return 8


def jpeg_depth(data: bytes) -> int:
    """Bits per sample of a JPEG; 8 where it has no frame header."""
    at = _jpeg_frame(data)
    return data[at + 4] if at else 8


def _jpeg_frame(data: bytes) -> int:
    """Where a JPEG's frame header (SOF) begins with its marker; 0 where there is none."""
    at = 2
    while at + 10 < len(data):
        if data[at] != 0xFF:
            return 0
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return at
        if marker == 0xFF:  # a fill byte
            at += 1
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return 0


def _openable(file: StillFile) -> bytes:
    """The file; a JPEG above 8 bits with 8 in its header, to read its metadata and profile.

    Pillow refuses other depths than 8 when it opens the file.
    """
    if file.kind != "JPEG" or jpeg_depth(file.data) <= 8:
        return file.data
    depth_at = _jpeg_frame(file.data) + 4
    return file.data[:depth_at] + b"\x08" + file.data[depth_at + 1 :]


def decode_deep_jpeg(data: bytes) -> Samples:
    """JPEG of 12 bits, or lossless of up to 16, stretched to 16.

    Returns:
        ``(H, W)`` or ``(H, W, 3)`` uint16.

    Raises:
        ValueError: it is cut off, which libjpeg doesn't say, or has four channels.
        RuntimeError: it is damaged.
    """
    if not data.rstrip(b"\0").endswith(b"\xff\xd9"):
        raise ValueError("truncated")
    depth = jpeg_depth(data)
    pixels = np.asarray(imagecodecs.jpeg8_decode(data))
    if pixels.ndim == 3 and pixels.shape[2] != 3:
        raise ValueError(f"JPEG with {pixels.shape[2]} channels of {depth} bits")
    return scale_bits(pixels, depth)


def _decode_heif(file: StillFile, depth: int) -> Samples:
    """HEIC above 8 bits: libheif gives the codes in the upper bits of 16."""
    import pillow_heif

    opened = pillow_heif.open_heif(io.BytesIO(file.data), convert_hdr_to_8bit=False)
    pixels = np.asarray(opened)
    if pixels.dtype != np.uint16:
        return pixels
    return scale_bits(pixels >> (16 - depth), depth)
