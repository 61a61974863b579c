"""Clips made on the spot, and the plain decode loop that the reader is compared with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from vidcolor.media.source import FrameSource
from vidcolor.types import LumaFrame


def moving_luma(index: int, *, width: int = 96, height: int = 64) -> npt.NDArray[np.uint8]:
    """A smooth pattern that moves by a few pixels per frame, codes 30..220."""
    y, x = np.mgrid[:height, :width]
    wave = np.sin((x + 3 * index) / 7) + np.sin((y - 2 * index) / 9)
    return (125 + 47 * wave).astype(np.uint8)


def gray_frame(luma: npt.NDArray[np.uint8], pix_fmt: str = "yuv420p") -> av.VideoFrame:
    """A planar YUV frame with that luma, stored as it is, and neutral chroma."""
    frame = av.VideoFrame(luma.shape[1], luma.shape[0], pix_fmt)
    dtype = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    neutral = 1 << (frame.format.components[0].bits - 1)
    for index, plane in enumerate(frame.planes):
        width = plane.line_size // np.dtype(dtype).itemsize
        rows = np.full((plane.height, width), neutral, dtype)
        if index == 0:
            rows[:, : luma.shape[1]] = luma
        plane.update(rows.tobytes())
    return frame


def write_clip(
    path: Path,
    *,
    frames: int = 20,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    stamps: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 25),
    rate: int = 25,
    audio_s: float = 0.0,
    size: tuple[int, int] = (96, 64),
    options: dict[str, str] | None = None,
    format: str | None = None,
) -> Path:
    """Encode moving frames (and a tone) into any container."""
    with av.open(str(path), "w", format=format) as output:
        stream: Any = output.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.codec_context.time_base = time_base
        sound: Any = output.add_stream("aac", rate=48000) if audio_s else None
        for index in range(frames):
            frame = gray_frame(moving_luma(index, width=size[0], height=size[1]), pix_fmt)
            frame.pts = stamps[index] if stamps else index
            frame.time_base = time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound is not None:
            _write_tone(output, sound, audio_s)
    return path


def _write_tone(
    output: av.container.OutputContainer, sound: av.AudioStream, seconds: float
) -> None:
    for start in range(0, int(seconds * 48000), 1024):
        t = (start + np.arange(1024)) / 48000
        tone = (0.2 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        output.mux(sound.encode(frame))
    output.mux(sound.encode(None))


def frames_of(source: FrameSource) -> list[LumaFrame]:
    """Only the frames."""
    return [item for item in source if isinstance(item, LumaFrame)]


def split(source: FrameSource) -> tuple[list[LumaFrame], list[Any]]:
    """Frames, and packets of the other streams."""
    items = list(source)
    return (
        [item for item in items if isinstance(item, LumaFrame)],
        [item for item in items if not isinstance(item, LumaFrame)],
    )


def fingerprints(packets: Iterable[Any]) -> dict[int, str]:
    """Hash content, stamps and key flags of each stream's packets, in order."""
    hashes: dict[int, Any] = {}
    for packet in packets:
        known = (packet.pts, packet.dts, packet.duration, packet.is_keyframe)
        digest = hashes.setdefault(packet.stream_index, hashlib.md5())
        digest.update(bytes(packet) + repr(known).encode())
    return {index: digest.hexdigest() for index, digest in hashes.items()}


def plain_decode(path: Path) -> tuple[list[int | None], list[int], dict[int, str]]:
    """What a plain PyAV loop gets: stamps, sums of planar luma, fingerprints of other streams."""
    stamps: list[int | None] = []
    sums: list[int] = []
    others: list[Any] = []
    with av.open(str(path), metadata_errors="replace") as container:
        video: Any = container.streams.best("video")
        video.thread_type = "AUTO"  # as in the reader: concealment of damage depends on it
        for packet in container.demux():
            if packet.stream.index != video.index:
                if packet.size or packet.pts is not None:
                    others.append(packet)
                continue
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            for frame in frames:
                stamps.append(frame.pts)
                sums.append(_luma_sum(frame))
        prints = fingerprints(others)
    return stamps, sums, prints


def _luma_sum(frame: av.VideoFrame) -> int:
    """Sum plane 0 without using the code under test; -1 for what isn't planar YUV or gray."""
    if not frame.format.name.startswith(("yuv", "gray")):
        return -1
    plane = frame.planes[0]
    dtype = np.uint8 if frame.format.components[0].bits <= 8 else np.uint16
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return int(rows.view(dtype)[:, : frame.width].astype(np.uint64).sum())
