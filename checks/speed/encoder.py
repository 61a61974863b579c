"""Encoders and presets: CPU time, size, error of luma and chroma, on coloured frames of films.

::

    python checks speed/encoder CLIP... --size 1920x1080 --frames 48
    python checks speed/encoder CLIP --codecs libx264 --presets veryfast faster medium --threads 1

The clips are scaled and coloured with compact first; then each encoder gets the very same planes.
Bits are per pixel. Errors are of code values of the decoded film against those planes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from vidcolor.engine.coloring.batching import Batcher
from vidcolor.engine.coloring.colorist import FrameLightness, join_frame
from vidcolor.engine.model_choice import load_for
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.progress import NullProgress
from vidcolor.engine.run.sources import open_source
from vidcolor.media.output import open_writer
from vidcolor.models.contract import ModelInput
from vidcolor.types import ColorFrame, EncodeSettings, LumaFrame


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--frames", type=int, default=48, help="of each clip")
    parser.add_argument("--codecs", nargs="+", default=["libx264"])
    parser.add_argument("--presets", nargs="+", default=["medium"])
    parser.add_argument("--crf", nargs="+", type=float, default=[None])
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    size = tuple(map(int, args.size.split("x")))
    print(
        "| clip | encoder | preset | crf | CPU ms per frame | bits per pixel | luma PSNR | chroma |"
    )
    print("|---" * 8 + "|")
    for clip in args.clips:
        with tempfile.TemporaryDirectory() as name:
            _try_clip(clip, size, args, Path(name))  # type: ignore[arg-type]


def _try_clip(clip: Path, size: tuple[int, int], args: argparse.Namespace, folder: Path) -> None:
    film = _scaled(clip, folder / "film.mkv", size, args.frames)
    frames = _colored(film)
    for codec in args.codecs:
        for preset in args.presets:
            for crf in args.crf:
                settings = EncodeSettings(
                    video_codec=codec, crf=crf, preset=preset, audio="none", threads=args.threads
                )
                cpu, bits, luma, chroma = _encode(film, frames, settings, folder / "out.mkv")
                pixels = size[0] * size[1] * len(frames)
                print(
                    f"| {clip.stem} | {codec} | {preset} | {crf or 'default'} | "
                    f"{1000 * cpu / len(frames):.1f} | {bits / pixels:.3f} | {luma:.2f} | "
                    f"{chroma:.2f} |",
                    flush=True,
                )


def _scaled(clip: Path, target: Path, size: tuple[int, int], frames: int) -> Path:
    with av.open(str(target), "w") as out, av.open(str(clip)) as film:
        video = out.add_stream("ffv1", rate=24)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        for count, frame in enumerate(film.decode(film.streams.best("video"))):
            if count == frames:
                break
            scaled = frame.reformat(*size, format="yuv420p")
            scaled.pts, scaled.time_base = count, Fraction(1, 24)
            out.mux(video.encode(scaled))
        out.mux(video.encode(None))
    return target


def _colored(film: Path) -> list[ColorFrame]:
    options = ColorizeOptions(model="compact", device="cpu")
    model = load_for("video", options, NullProgress(), None)
    with open_source(film, options) as source:
        with open_writer(film.with_name("plan.mkv"), source, EncodeSettings()) as writer:
            target = writer.plane_format
        lightness = FrameLightness(model, sar=source.info.sar)
        batcher, found = Batcher(model, 1), []
        for item in source:
            if isinstance(item, LumaFrame):
                ab = batcher(ModelInput(lightness.seen(item))).ab
                found.append(join_frame(lightness.output(item), ab, target, item).wait())
    return found


def _encode(
    film: Path, frames: list[ColorFrame], settings: EncodeSettings, target: Path
) -> tuple[float, float, float, float]:
    """CPU seconds, bits, PSNR of luma and of chroma."""
    with open_source(film, ColorizeOptions()) as source:
        began = time.process_time()
        with open_writer(target, source, replace(settings)) as writer:
            for frame in frames:
                writer.write(frame)
            writer.commit()
        cpu = time.process_time() - began
    errors = np.zeros(2)
    counts = np.zeros(2)
    with av.open(str(target)) as coded:
        for frame, wanted in zip(coded.decode(coded.streams.best("video")), frames, strict=True):
            planes = frame.to_ndarray()
            height = frame.height
            error = (planes[:height].astype(np.float32) - wanted.planes[0]) ** 2
            errors[0] += error.sum()
            counts[0] += error.size
            both = np.concatenate([p.ravel() for p in wanted.planes[1:]]).astype(np.float32)
            error = (planes[height:].ravel() - both) ** 2
            errors[1] += error.sum()
            counts[1] += error.size
    luma, chroma = 10 * np.log10(255**2 / np.maximum(errors / counts, 1e-9))
    return cpu, 8 * target.stat().st_size, float(luma), float(chroma)


if __name__ == "__main__":
    main()
