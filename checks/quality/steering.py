"""How well colours that are given in a clip's first frame reach its other frames, in PSNR."""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vidcolor.color import lab_to_rgb, resize, rgb_to_lab
from vidcolor.direction.model import Direction, Reference
from vidcolor.engine.options import ColorizeOptions
from vidcolor.library.film import open as open_film
from vidcolor.models.loading import load_model
from vidcolor.temporal.flow import FlowEstimator, warp

Picture = npt.NDArray[np.uint8]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, nargs="+", help="clips in colour, of one shot each")
    parser.add_argument("--model", default="compact")
    args = parser.parse_args()
    model = load_model(args.model, "cpu", "fp32")
    rows = []
    for clip in args.clips:
        truth = read(clip)
        labs = [rgb_to_lab(as_planes(rgb)) for rgb in truth]
        with tempfile.TemporaryDirectory() as folder:
            first, grey = Path(folder, "first.png"), Path(folder, "grey.mkv")
            cv2.imwrite(str(first), truth[0][..., ::-1])
            write_grey(grey, labs)
            plain, _ = colored(grey, model, None)
            said = Direction(references=(Reference(first, 0.0),))
            ours, cost = colored(grey, model, said)
        results = {
            "grey": [torch.zeros_like(ab) for ab in plain], "automatic": plain, "ours": ours,
            "flow": list(flowed(labs)),
        }  # fmt: skip
        scores = {name: mean_psnr(labs, ab, truth) for name, ab in results.items()}
        rows.append([*scores.values(), cost])
        told = "  ".join(f"{name} {value:.2f}" for name, value in scores.items())
        print(
            f"{clip.stem}: {told}  {1000 * cost:.0f} ms per frame more than automatic", flush=True
        )
    print("mean:", np.mean(rows, axis=0).round(3), "(columns as above)")


def read(clip: Path) -> list[Picture]:
    """All frames, ``(H, W, 3)`` RGB."""
    with av.open(str(clip)) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


def as_planes(rgb: Picture) -> Tensor:
    """``(1, 3, H, W)`` in [0, 1]."""
    return torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255.0


def write_grey(path: Path, labs: list[Tensor]) -> None:
    """A lossless film of the frames' lightness."""
    height, width = labs[0].shape[-2:]
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "gray"
        for lab in labs:
            grey = torch.cat((lab[:, :1], torch.zeros_like(lab[:, 1:])), dim=1)
            codes = (lab_to_rgb(grey)[0, 0].clamp(0, 1) * 255.0).round().byte().numpy()
            out.mux(stream.encode(av.VideoFrame.from_ndarray(codes, format="gray")))
        out.mux(stream.encode())


def colored(
    film: Path, model: torch.nn.Module, direction: Direction | None
) -> tuple[list[Tensor], float]:
    """Ab of all frames, ``(1, 2, h, w)``, and seconds of CPU per frame for what is given alone."""
    began, options = time.process_time(), ColorizeOptions(direction=direction)
    with open_film(film) as opened:
        made = [
            torch.from_numpy(frame.ab).permute(2, 0, 1)[None]
            for frame in opened.colorize(model, options=options)  # type: ignore[arg-type]
        ]
    whole = (time.process_time() - began) / len(made)
    if direction is None:
        colored.plain = whole  # type: ignore[attr-defined]
    return made, whole - colored.plain  # type: ignore[attr-defined]


def flowed(labs: list[Tensor]) -> list[Tensor]:
    """True ab of the first frame, carried from frame to frame by DIS flow of full size."""
    flow, ab, found = FlowEstimator(preset="medium"), labs[0][0, 1:], [labs[0][:, 1:]]
    for before, lab in zip(labs, labs[1:], strict=False):
        ab = warp(ab, flow(lab[0, :1] / 100.0, before[0, :1] / 100.0))
        found.append(ab[None])
    return found


def mean_psnr(labs: list[Tensor], abs_: list[Tensor], truth: list[Picture]) -> float:
    """Mean over all frames but the first: RGB of 8 bits, true lightness, float arithmetic."""
    scores = []
    for lab, ab, rgb in list(zip(labs, abs_, truth, strict=True))[1:]:
        joined = torch.cat((lab[:, :1], resize(ab, lab.shape[-2:])), dim=1)
        made = (lab_to_rgb(joined).clamp(0, 1) * 255.0).round()[0].permute(1, 2, 0).numpy()
        error = float(((made.astype(np.float64) - rgb) ** 2).mean())
        scores.append(10.0 * math.log10(255.0**2 / max(error, 1e-9)))
    return float(np.mean(scores))


if __name__ == "__main__":
    main()
