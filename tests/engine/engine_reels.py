"""A reel with all that shots and spans have to cope with, 64 x 48, made in a moment."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SIZE = (64, 48)
DISSOLVE = 17
BEGINS = {30: "cut", 60 + DISSOLVE // 2: "dissolve", 117: "fade"}
"""First frames of the shots behind the first."""
FRAMES = 267
"""The last shot, 150 frames, is longer than spans may be in tests."""


def reel_frames(*, flicker: float = 0.04) -> list[np.ndarray]:
    """Four shots, joined by a cut, a dissolve and a fade through black; their exposure flickers."""
    rng = np.random.default_rng(5)
    shots = [rng.integers(40, 215, (6, 8)).repeat(8, 0).repeat(8, 1) for _ in range(4)]
    frames: list[np.ndarray] = []
    for number in range(FRAMES):
        at = sum(number >= first for first in (30, 60 + DISSOLVE // 2, 117))
        picture = _moved(shots[at], number)
        if 60 <= number < 60 + DISSOLVE:
            share = (number - 60 + 1) / (DISSOLVE + 1)
            picture = (1 - share) * _moved(shots[1], number) + share * _moved(shots[2], number)
        if 97 <= number < 117:  # 14 frames of fade, 6 of black
            picture = picture * max(1 - (number - 96) / 14, 0)
        gain = float(rng.normal(1.0, flicker)) if number < 97 or number >= 117 else 1.0
        frames.append(np.clip(picture * gain, 0, 255).astype(np.uint8))
    return frames


def _moved(picture: np.ndarray, number: int) -> np.ndarray:
    return np.roll(picture, number // 3, axis=1).astype(float)


def write_reel(
    path: Path, *, codec: str = "libx264", is_vfr: bool = False, sound: bool = True,
    frames: list[np.ndarray] | None = None,
) -> Path:  # fmt: skip
    """The reel as a file; H.264 has B-frames. With ``is_vfr`` frames last 1 to 3 units."""
    frames = reel_frames() if frames is None else frames
    steps = np.random.default_rng(3).integers(1, 4, len(frames)) if is_vfr else [2] * len(frames)
    stamps = np.cumsum([0, *steps])
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate=24)
        video.width, video.height = SIZE
        video.pix_fmt = "gray" if codec == "ffv1" else "yuv420p"
        video.codec_context.time_base = Fraction(1, 48)
        if codec == "libx264":
            video.options = {"crf": "12", "bf": "3"}
        audio = out.add_stream("aac", rate=8000, layout="mono") if sound else None
        for begin in range(0, 8000 * len(frames) // 24 if audio else 0, 1000):
            wave = np.sin(np.arange(begin, begin + 1000) / 5.0, dtype=np.float32)[None]
            samples = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            samples.sample_rate, samples.pts, samples.time_base = 8000, begin, Fraction(1, 8000)
            out.mux(audio.encode(samples))
        for grey, stamp in zip(frames, stamps, strict=False):
            frame = av.VideoFrame.from_ndarray(np.stack([grey] * 3, -1), format="rgb24")
            frame = frame.reformat(format=video.pix_fmt)
            frame.pts, frame.time_base = int(stamp), Fraction(1, 48)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if audio:
            out.mux(audio.encode(None))
    return path
