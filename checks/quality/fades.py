"""Do colours hold through fades? Fades are made of clips, and compared with the unfaded clip.

    python checks quality/fades CLIP_OR_FOLDER ... [--model compact] [--frames 48] [--each]

Each clip is faded out to black and white and in from them over a second, and dissolved into the
next clip, all cut to 320 x 180. Printed is over all frames that are faded to 8 % or more, of parts
that have colour: the difference of hue from the unfaded clip's result in degrees (mean of frames,
worst frame), and the chroma by lightness (from white: by distance from white) over that of the
unfaded clip's (median of a frame; mean, least, most). A dissolve is compared with the same dissolve
of both clips' results.
Results are of 10 bits: with 8 (``--pix-fmt yuv444p``), half a code is 10 degrees of what is faded
to a tenth. ``--without`` leaves fades as they are, as before they were measured.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from shared.files import films

import vidcolor
from vidcolor.color import rgb_to_lab
from vidcolor.engine.coloring import colorist
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.video import colorize_video
from vidcolor.models.colorizer import Colorizer

_WIDTH, _HEIGHT, _RATE, _RAMP, _BLANK = 320, 180, 24, 24, 4
_BLOCKS = (18, 32)
_LEAST_CHROMA, _LEAST_LEFT = 8.0, 1.5
"""Chroma of parts that count, unfaded and faded: below, 8-bit codes decide."""

Frames = list[npt.NDArray[np.float64]]
Lab = npt.NDArray[np.float32]


def grey_frames(path: Path, count: int) -> Frames:
    """The first frames, in grey, the middle 16:9 of them in 320 x 180."""
    found: Frames = []
    with av.open(str(path)) as film:
        for frame in film.decode(video=0):
            scale = max(_WIDTH / frame.width, _HEIGHT / frame.height)
            size = round(frame.width * scale), round(frame.height * scale)
            codes = frame.reformat(*size, "gray").to_ndarray().astype(np.float64)
            top, left = (codes.shape[0] - _HEIGHT) // 2, (codes.shape[1] - _WIDTH) // 2
            found.append(codes[top : top + _HEIGHT, left : left + _WIDTH])
            if len(found) == count:
                break
    return found


def factors(count: int, *, rises: bool) -> npt.NDArray[np.float64]:
    """How far each frame is faded: over a second, with a few blank frames."""
    kept = np.ones(count)
    kept[:_BLANK], kept[_BLANK : _BLANK + _RAMP] = 0, np.linspace(0, 1, _RAMP)
    return kept if rises else kept[::-1]


def lab_of(rgb: npt.NDArray[np.float64]) -> Lab:
    """Lab of blocks, ``(3, 18, 32)``."""
    planes = torch.from_numpy(rgb.astype(np.float32) / 255).permute(2, 0, 1)[None]
    return F.adaptive_avg_pool2d(rgb_to_lab(planes)[0], _BLOCKS).numpy()


def compare(plain: Lab, faded: Lab, *, white: bool, mixed: bool) -> tuple[float, float] | None:
    """Difference of hue, degrees, and ratio of chroma by lightness; None without colours."""
    chroma, left = np.hypot(plain[1], plain[2]), np.hypot(faded[1], faded[2])
    tells = (chroma > _LEAST_CHROMA) & (left > _LEAST_LEFT) & (faded[0] > 8) & (faded[0] < 95)
    if tells.sum() < 5:
        return None
    turn = np.degrees(np.arctan2(faded[2], faded[1]) - np.arctan2(plain[2], plain[1]))
    turn = np.abs((turn + 180) % 360 - 180)
    by = [100 - each[0] if white else each[0] for each in (plain, faded)]
    ratio = left / chroma if mixed else (left / by[1]) / (chroma / by[0])
    hue = float(np.average(turn[tells], weights=chroma[tells]))
    return hue, float(np.median(ratio[tells]))


@dataclass(frozen=True, slots=True)
class Measuring:
    """Colours fades of clips, and compares.

    Attributes:
        model: the network.
        folder: for films.
        pix_fmt: of the coloured ones.
        each: print every frame.
    """

    model: Colorizer
    folder: Path
    pix_fmt: str
    each: bool

    def colored(self, frames: Frames) -> Frames:
        """What vidcolor makes of the frames, RGB."""
        source, output = self.folder / "grey.mkv", self.folder / "color.mkv"
        with av.open(str(source), "w") as film:
            stream = film.add_stream("ffv1", rate=_RATE)
            (stream.height, stream.width), stream.pix_fmt = frames[0].shape, "gray"
            for number, codes in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(np.rint(codes).astype(np.uint8), format="gray")
                frame.pts, frame.time_base = number, Fraction(1, _RATE)
                film.mux(stream.encode(frame))
            film.mux(stream.encode(None))
        options = ColorizeOptions(
            overwrite=True, video_codec="ffv1", pix_fmt=self.pix_fmt, mounts="color", resume=False
        )
        colorize_video(source, output, options=options, model=self.model)
        with av.open(str(output)) as film:
            wide = (f.to_ndarray(format="rgb48le") for f in film.decode(video=0))
            return [codes.astype(np.float64) / 257 for codes in wide]

    def fades(self, name: str, frames: Frames, plain: Frames) -> None:
        """To and from black and white."""
        for kind in ("down", "up", "white down", "white up"):
            white, kept = "white" in kind, factors(len(frames), rises="up" in kind)
            top = 255 if white else 0
            faded = [top + (codes - top) * k for codes, k in zip(frames, kept, strict=True)]
            self._report(name, kind, plain, self.colored(faded), kept, white=white)

    def dissolve(
        self, name: str, before: tuple[Frames, Frames], now: tuple[Frames, Frames]
    ) -> None:
        """From one clip, of frames and colours, into the next."""
        kept = factors(min(len(before[0]), len(now[0])), rises=True)
        mixes, plain = (
            [a * (1 - k) + b * k for a, b, k in zip(one, other, kept, strict=False)]
            for one, other in zip(before, now, strict=True)
        )
        self._report(name, "dissolve", plain, self.colored(mixes), kept, mixed=True)

    def _report(
        self, name: str, kind: str, plain: Frames, faded: Frames, kept: npt.NDArray[np.float64],
        *, white: bool = False, mixed: bool = False,
    ) -> None:  # fmt: skip
        inside = [n for n, factor in enumerate(kept) if 0.08 < factor < 1]
        rows = {
            n: compare(lab_of(plain[n]), lab_of(faded[n]), white=white, mixed=mixed) for n in inside
        }
        found = np.array([row for row in rows.values() if row is not None])
        if not len(found):
            return
        for n, row in rows.items() if self.each else ():
            if row is not None:
                print(f"{n:8} {kept[n]:28.2f} {row[0]:11.1f} {row[1]:15.2f}")
        hue, ratio = found.T
        print(
            f"{name[:26]:26} {kind:10} {len(found):6} {hue.mean():5.1f} {hue.max():6.1f}"
            f" {ratio.mean():7.2f} {ratio.min():6.2f} {ratio.max():6.2f}",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--model", default="compact")
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--without", action="store_true")
    parser.add_argument("--only", choices=("fades", "dissolve"))
    parser.add_argument("--pix-fmt", default="yuv444p10le")
    parser.add_argument("--each", action="store_true", help="print every frame")
    arguments = parser.parse_args()
    if arguments.without:
        colorist.unfade = lambda lightness, _: lightness
        colorist.faded_share = lambda *_: None
    model = vidcolor.load_model(arguments.model)
    before: tuple[Frames, Frames] | None = None
    print(f"{'clip':26} {'fade':10} frames   hue  worst   ratio  least   most")
    with tempfile.TemporaryDirectory() as folder:
        measuring = Measuring(model, Path(folder), arguments.pix_fmt, arguments.each)
        for path in films(arguments.paths):
            frames = grey_frames(path, arguments.frames)
            if len(frames) < 2 * _BLANK + _RAMP:
                continue
            plain = measuring.colored(frames)
            if arguments.only != "dissolve":
                measuring.fades(path.stem, frames, plain)
            if before is not None and arguments.only != "fades":
                measuring.dissolve(path.stem, before, (frames, plain))
            before = frames, plain


if __name__ == "__main__":
    main()
