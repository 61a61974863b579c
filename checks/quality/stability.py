"""How calm and how true are colours over time? Per-frame, plain smoothing, and ours, side by side.

    python checks quality/stability CLIP_OR_FOLDER ... [--cache DIR] [--strips DIR]

The network colours the first frames of each clip once; each row then treats the same ab. Printed
are means of ratios to per-frame (first table), the drift of each clip (second), flicker made on
true colours (third), and cuts and a switched light (fourth). docs/stability.md explains columns.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import torch
from quality.stability_cases import after_cut, switched, synthetic, wrong_seconds
from quality.stability_clips import Clip, load_clip
from quality.stability_measures import Judge, Stabilize
from quality.stability_strips import write_strips
from shared.files import films
from torch import Tensor

import vidcolor
from vidcolor.temporal import AbSmoother, Smoother
from vidcolor.temporal.motion import MotionSmoother

COLUMNS = (
    "lag 1", "drift", "chroma", "cdc", "correlation", "error", "edges", "edges off per-frame",
)  # fmt: skip


def per_frame(clip: Clip) -> Tensor:
    """What goes in."""
    return clip.ab


def mean_of_five(clip: Clip) -> Tensor:
    """HAVC's: equal weights, centred, across cuts."""
    return torch.stack([clip.ab[max(i - 2, 0) : i + 3].mean(dim=0) for i in range(len(clip.ab))])


def smoothed(clip: Clip, smoother: Smoother) -> Tensor:
    """A clip through one of the program's own smoothers, finished behind it as the program does."""
    ready = smoother.push(clip.lightness, clip.raw, clip.seconds, clip.cuts)
    ab = torch.cat([part for part in (ready, smoother.flush()) if len(part)])
    return clip.finishing(ab, clip.lightness)


def rows(arguments: argparse.Namespace) -> dict[str, Stabilize]:
    """What is compared."""
    found: dict[str, Stabilize] = {
        "per-frame": per_frame,
        "EMA 0.2 s": lambda clip: smoothed(clip, AbSmoother(0.2)),
        "mean of 5": mean_of_five,
    }
    for tau in arguments.smoothing:
        found[f"motion {tau:g} s"] = lambda clip, tau=tau: smoothed(
            clip,
            MotionSmoother(
                tau,
                look_ahead_frames=arguments.look_ahead,
                saturation=clip.finishing.saturation,
            ),
        )
    return found


def compare(name: str, judges: list[Judge], stabilizers: dict[str, Stabilize]) -> None:
    """Print one table of means over clips, and drift clip by clip."""
    print(f"\n{name}\n\n| | {' | '.join(COLUMNS)} |\n|---{'|---' * len(COLUMNS)}|", flush=True)
    drift = {}
    for row, stabilize in stabilizers.items():
        found = [judge.relative(stabilize(judge.clip)) for judge in judges]
        drift[row] = [f"{f['lag 1']:.3f} / {f['drift']:.2f}" for f in found]
        print(f"| {row} | {' | '.join(_mean(found, c) for c in COLUMNS)} |", flush=True)
    truths = [t for t in (judge.truth_cdc() for judge in judges) if t is not None]
    print(f"\nCDC of the truth, where there is one: {fmean(truths):.5f}" if truths else "")
    names = [judge.clip.name for judge in judges]
    print(f"\n| lag 1 / drift | {' | '.join(names)} |\n|---{'|---' * len(names)}|")
    for row, cells in drift.items():
        print(f"| {row} | {' | '.join(cells)} |", flush=True)


def _mean(found: list[dict[str, float]], column: str) -> str:
    values = [f[column] for f in found if column in f]
    return f"{fmean(values):.{5 if column == 'cdc' else 3}f}" if values else ""


def changes(coloured: list[Clip], model: str, stabilizers: dict[str, Stabilize]) -> None:
    """Print what happens at cuts and when the light is switched, and what a frame costs."""
    network = vidcolor.load_model(model)
    cases = [switched(clip, network) for clip in coloured]
    print("\n| | error after a cut | off a fresh start | s wrong before | after | ms per frame |")
    print("|---|---|---|---|---|---|", flush=True)
    for row, stabilize in stabilizers.items():
        cuts = [after_cut(*pair, stabilize) for pair in pairwise(coloured)]
        light = [wrong_seconds(*case, stabilize) for case in cases]
        started = time.process_time()
        stabilize(coloured[0])
        cost = (time.process_time() - started) * 1e3 / len(coloured[0].ab)
        error, off = (fmean(c[i] for c in cuts) if cuts else 0.0 for i in (0, 1))
        before, after = (fmean(s[i] for s in light) for i in (0, 1))
        print(f"| {row} | {error:.3f} | {off:.2f} | {before:.3f} | {after:.3f} | {cost:.1f} |",
              flush=True)  # fmt: skip


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path, help="films, or folders of films")
    parser.add_argument("--model", default="compact")
    parser.add_argument("--frames", type=int, default=40, help="of each clip")
    parser.add_argument("--start", type=int, default=0, metavar="FRAME", help="of each clip")
    parser.add_argument("--smoothing", type=float, nargs="+", default=[0.8, 2.0], metavar="S")
    parser.add_argument("--look-ahead", type=int, default=48, metavar="FRAMES")
    parser.add_argument("--preset", default="fast", help="DIS preset of the measurement")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep per-frame colours here")
    parser.add_argument("--strips", type=Path, metavar="DIR", help="write flicker strips here")
    parser.add_argument("--skip", nargs="*", default=[], choices=["real", "synthetic", "changes"])
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    files = films(arguments.paths)
    clips = [
        load_clip(
            f,
            model=arguments.model,
            count=arguments.frames,
            cache=arguments.cache,
            start=arguments.start,
        )  # fmt: skip
        for f in files
    ]
    stabilizers = rows(arguments)
    if arguments.strips:
        for clip in clips:
            write_strips(arguments.strips, clip, {n: s(clip) for n, s in stabilizers.items()})
    coloured = [clip for clip in clips if clip.truth is not None]
    if "real" not in arguments.skip:
        judges = [Judge(clip, arguments.preset) for clip in clips]
        compare(f"{arguments.model}, {len(clips)} clips", judges, stabilizers)
    if "synthetic" not in arguments.skip and coloured:
        judges = [Judge(synthetic(clip), arguments.preset) for clip in coloured]
        compare(f"flicker made on true colours, {len(coloured)} clips", judges, stabilizers)
    if "changes" not in arguments.skip and coloured:
        changes(coloured, arguments.model, stabilizers)
