"""Tiny films and photos in many formats, made on the spot: sources for ``mutations.py``."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

_FRAMES = 10
_WIDTH, _HEIGHT = 80, 48

_FILMS: dict[str, tuple[str, str, bool]] = {
    "h264.mp4": ("libx264", "yuv420p", True),
    "h264.mkv": ("libx264", "yuv420p", True),
    "h264.mov": ("libx264", "yuv422p", False),
    "h264.ts": ("libx264", "yuv420p", True),
    "h264.flv": ("libx264", "yuv420p", False),
    "h264.264": ("libx264", "yuv420p", False),
    "h265.mkv": ("libx265", "yuv420p10le", False),
    "mpeg4.avi": ("mpeg4", "yuv420p", False),
    "mpeg2.mpg": ("mpeg2video", "yuv420p", False),
    "mjpeg.avi": ("mjpeg", "yuvj420p", False),
    "ffv1.mkv": ("ffv1", "gray", False),
    "prores.mov": ("prores_ks", "yuv422p10le", False),
    "vp9.webm": ("libvpx-vp9", "yuv420p", False),
    "png.mov": ("png", "rgb24", False),
    "raw.y4m": ("wrapped_avframe", "yuv420p", False),
    "film.gif": ("gif", "gray", False),
}
"""File name: (encoder, pixel format, with sound)."""

_PHOTOS: dict[str, dict[str, Any]] = {
    "grey.png": {},
    "baseline.jpg": {"quality": 85},
    "progressive.jpg": {"progressive": True},
    "plain.tif": {},
    "packed.tif": {"compression": "tiff_lzw"},
    "photo.webp": {},
    "photo.bmp": {},
    "photo.jp2": {},
    "photo.avif": {},
    "photo.heic": {},
}


def make_sources(folder: Path) -> list[Path]:
    """Write all of them; what this machine has no encoder for is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name, (codec, pix_fmt, sound) in _FILMS.items():
        with contextlib.suppress(av.FFmpegError, ValueError):
            made.append(_film(folder / name, codec, pix_fmt, sound))
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    for name, options in _PHOTOS.items():
        with contextlib.suppress(OSError, KeyError, ValueError):
            picture = Image.fromarray(_luma(0))
            colored = name.endswith(("heic", "avif", "webp"))
            (picture.convert("RGB") if colored else picture).save(folder / name, **options)
            made.append(folder / name)
    return made


def _luma(index: int) -> npt.NDArray[np.uint8]:
    """A moving pattern with a cut in the middle, ``(H, W)``, 30..220."""
    y, x = np.mgrid[:_HEIGHT, :_WIDTH]
    wave = np.sin((x + 3 * index) / 7) + np.sin((y - 2 * index) / (9 if index < 6 else 3))
    return (125 + 47 * wave).astype(np.uint8)


def _film(path: Path, codec: str, pix_fmt: str, sound: bool) -> Path:
    options = {"g": "5", "threads": "1", "flags": "+bitexact"}
    if codec == "libx265":
        options["x265-params"] = "log-level=none"
    if codec == "libvpx-vp9":
        options["cpu-used"] = "8"
    format_ = "yuv4mpegpipe" if path.suffix == ".y4m" else None
    same = {"fflags": "+bitexact"}  # Matroska's random UID would choose other mutations each time
    with av.open(str(path), "w", format=format_, container_options=same) as out:
        film: Any = out.add_stream(codec, rate=25, options=options)
        film.width, film.height, film.pix_fmt = _WIDTH, _HEIGHT, pix_fmt
        voice: Any = out.add_stream("aac", rate=48000) if sound else None
        for index in range(_FRAMES):
            frame = av.VideoFrame.from_ndarray(_luma(index), format="gray").reformat(format=pix_fmt)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            out.mux(film.encode(frame))
            if voice is not None:
                _tone(out, voice, index)
        out.mux(film.encode(None))
        if voice is not None:
            out.mux(voice.encode(None))
    return path


def _tone(out: av.container.OutputContainer, voice: Any, index: int) -> None:  # noqa: ANN401
    """A frame's worth of sound."""
    t = (1920 * index + np.arange(1920)) / 48000
    samples = (0.2 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)[None]
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 48000, 1920 * index, Fraction(1, 48000)
    out.mux(voice.encode(frame))
