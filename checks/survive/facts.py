"""What a player would find in a media file: read with PyAV and Pillow, not with vidcolor.

An independent reading: nothing of ``vidcolor`` is imported here, so that a mistake in its reader
can't hide the same mistake in its writer.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pillow_heif
from PIL import Image, ImageCms, ImageFile, ImageOps

pillow_heif.register_heif_opener()
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what it can't read is no matter

Rgb = npt.NDArray[np.uint8]
_ANIMATED = {"GIF", "PNG", "WEBP"}


@dataclass
class VideoFacts:
    """One video file.

    Attributes:
        stamps_s: presentation time of each decoded frame; None where it has none.
        packets: per stream other than the colorized one: (kind, codec, hash of all payloads).
        starts_s: first stamp of each kind of stream.
        geometry: sample aspect ratio, rotation, size.
        tags: (primaries, transfer, matrix, range), as FFmpeg's numbers.
        chapters: (start in seconds, title).
        errors: packets that the decoder refused.
    """

    stamps_s: list[Fraction | None] = field(default_factory=list)
    packets: list[tuple[str, str, str]] = field(default_factory=list)
    starts_s: dict[str, float] = field(default_factory=dict)
    geometry: tuple[str, int, tuple[int, int]] = ("", 0, (0, 0))
    tags: tuple[int, int, int, int] = (2, 2, 2, 0)
    chapters: list[tuple[float, str]] = field(default_factory=list)
    errors: int = 0


@dataclass(frozen=True)
class PhotoFacts:
    """One photo: upright size, Pillow's mode, bits per sample, and what is kept beside pixels."""

    size: tuple[int, int]
    mode: str
    depth: int
    has_icc: bool
    has_exif: bool


def is_photo(path: Path) -> bool:
    """Whether Pillow takes the file for a still picture."""
    try:
        with Image.open(path) as image:
            return not (image.format in _ANIMATED and getattr(image, "n_frames", 1) > 1)
    except Exception:  # whatever a damaged file raises, it isn't a readable photo
        return path.suffix.lower() in {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".heic", ".avif"}


def read_video(path: Path) -> VideoFacts:
    """Demux all of a file and decode its default video stream.

    Raises:
        ValueError: there is no video stream.
        av.FFmpegError: the file can't be opened.
    """
    facts = VideoFacts()
    hashes: dict[int, hashlib._Hash] = defaultdict(hashlib.sha256)
    with av.open(str(path), metadata_errors="replace") as container:
        stream = container.streams.best("video")
        if stream is None:
            raise ValueError(f"{path}: no video stream")
        stream.thread_type = "AUTO"
        for packet in container.demux():
            index = packet.stream.index  # packet.stream_index is 0 in the last, flushing packets
            _note_start(facts, packet, is_main=index == stream.index)
            if index != stream.index:
                hashes[index].update(bytes(packet))
                continue
            _decode(facts, packet)
        _note_streams(facts, container, stream, hashes)
    return facts


def _note_start(facts: VideoFacts, packet: av.Packet, *, is_main: bool) -> None:
    kind = "video" if is_main else packet.stream.type
    if packet.pts is not None and packet.time_base is not None and (is_main or kind != "video"):
        at_s = float(packet.pts * packet.time_base)
        facts.starts_s[kind] = min(at_s, facts.starts_s.get(kind, at_s))


def _decode(facts: VideoFacts, packet: av.Packet) -> None:
    try:
        for frame in packet.decode():
            if not facts.stamps_s:
                facts.geometry = ("", frame.rotation, (frame.width, frame.height))
                facts.tags = (
                    int(frame.color_primaries),
                    int(frame.color_trc),
                    int(frame.colorspace),
                    int(frame.color_range),
                )
            known = frame.pts is not None and frame.time_base is not None
            facts.stamps_s.append(frame.pts * frame.time_base if known else None)
    except av.FFmpegError:
        facts.errors += 1


def _note_streams(
    facts: VideoFacts,
    container: av.container.InputContainer,
    main: av.VideoStream,
    hashes: dict[int, hashlib._Hash],
) -> None:
    for stream in container.streams:
        if stream.index != main.index:
            codec = stream.codec_context.name if stream.codec_context else "?"
            digest = hashes[stream.index].hexdigest()[:12]
            facts.packets.append((stream.type, codec, digest))
    sar = main.sample_aspect_ratio or main.codec_context.sample_aspect_ratio or Fraction(1)
    facts.geometry = (f"{sar.numerator}:{sar.denominator}", *facts.geometry[1:])
    for chapter in container.chapters():
        start_s = float(chapter["start"] * chapter["time_base"])
        facts.chapters.append((round(start_s, 2), chapter["metadata"].get("title", "")))


def pick_frames(path: Path, numbers: list[int]) -> list[Rgb]:
    """Decode and return frames by their number in presentation order, ``(H, W, 3)`` uint8 RGB."""
    found: list[Rgb] = []
    with av.open(str(path), metadata_errors="replace") as container:
        stream = container.streams.best("video")
        if stream is None:
            return found
        stream.thread_type = "AUTO"
        number = 0
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            for frame in frames:
                if number in numbers:
                    found.append(frame.to_ndarray(format="rgb24"))
                number += 1
            if number > max(numbers, default=0):
                break
    return found


@contextlib.contextmanager
def _lenient() -> Iterator[None]:
    """Let Pillow read what is there of a damaged file, up to 100 megapixels; then as before."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
    ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = True, 100_000_000
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = before


def read_photo(path: Path) -> tuple[PhotoFacts, Rgb]:
    """Read a photo upright: its facts, and its picture as ``(H, W, 3)`` uint8 RGB."""
    with _lenient(), Image.open(path) as image:
        has_icc, has_exif = "icc_profile" in image.info, bool(image.getexif())
        upright = ImageOps.exif_transpose(image)
        depth = 16 if image.mode.startswith(("I", "F")) else _stored_depth(path)
        if image.mode.startswith(("I", "F")):
            codes = np.asarray(upright, np.float64)
            upright = Image.fromarray((codes / (257 if codes.max() > 255 else 1)).astype(np.uint8))
        picture = np.asarray(_as_srgb(upright))
        return PhotoFacts(upright.size, image.mode, depth, has_icc, has_exif), picture


def _as_srgb(image: Image.Image) -> Image.Image:
    """Convert to 8-bit sRGB by the picture's ICC profile, where it has a usable one."""
    profile = image.info.get("icc_profile")
    image = image.convert("RGB") if image.mode in ("RGBA", "P") else image
    if profile and image.mode in ("RGB", "CMYK", "L"):
        with contextlib.suppress(ImageCms.PyCMSError):
            stored = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(
                image, stored, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            return converted or image
    return image.convert("RGB")


def _stored_depth(path: Path) -> int:
    """8 or 16: Pillow reads 16-bit RGB as 8-bit, OpenCV doesn't."""
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return 16 if stored is not None and stored.dtype == np.uint16 else 8


def lightness_difference(source: Rgb, result: Rgb) -> tuple[float, float]:
    """Compare a grey and a coloured picture of the same size.

    Returns:
        (mean |dL*| between the source's grey and the result, mean chroma C* of the result).
    """
    grey = cv2.cvtColor(source, cv2.COLOR_RGB2GRAY)
    before = cv2.cvtColor(cv2.merge([grey] * 3).astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    after = cv2.cvtColor(result.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    d_lightness = np.abs(before[..., 0] - after[..., 0]).mean()
    chroma = np.hypot(after[..., 1], after[..., 2]).mean()
    return float(d_lightness), float(chroma)
