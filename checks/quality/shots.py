"""How well shots are found, by kind of event: ours beside a plain correlation and PySceneDetect's.

    python checks quality/shots CLIP_OR_FOLDER ... [--films 40] [--seed 7]

Clips are joined to films with known cuts (``shots_films.py``). Printed is, per kind of boundary,
the share found, and per kind of other event how many false reports it caused; then precision and
recall. PySceneDetect takes part where it is installed (``pip install scenedetect``).
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from quality.shots_films import Event, Film, Pictures, load, make_film
from shared.files import films
from torch import Tensor

from vidcolor.color import luma_to_lightness
from vidcolor.temporal import CutDetector, ShotDetector

Detector = Callable[[Pictures], list[int]]
_FPS = 24.0


@dataclass
class Tally:
    """What a detector found.

    Attributes:
        found: boundaries found, by kind.
        false: reports that answer no boundary, by the event they fell in.
        seconds: processor time.
    """

    found: Counter[str] = field(default_factory=Counter)
    false: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, film: Film, reported: list[int]) -> None:
        """Count one film's reports: each boundary takes one, what is left is false."""
        left = sorted(reported)
        for event in (e for e in film.events if e.is_boundary):
            hits = [i for i in left if event.first <= i <= event.last]
            if hits:
                self.found[event.kind] += 1
                left.remove(hits[0])
        for i in left:
            near = [e.kind for e in film.events if e.first - 2 <= i <= e.last + 2]
            self.false[near[0] if near else "between events"] += 1


def ours(pictures: Pictures) -> list[int]:
    """``ShotDetector``, fed in batches as the engine does."""
    detector, answers = ShotDetector(), []
    for start in range(0, len(pictures), 8):
        answers += detector.push(_lightness(pictures[start : start + 8]))
    answers += detector.flush()
    return [i for i, is_first in enumerate(answers) if is_first]


def ours_at_once(pictures: Pictures) -> list[int]:
    """``CutDetector``: no look-ahead."""
    return [i for i, cut in enumerate(CutDetector().push(_lightness(pictures))) if cut]


def plain_correlation(pictures: Pictures) -> list[int]:
    """Correlation of 24 x 24 pictures of neighbours, against the shot's usual change."""
    small = torch.nn.functional.adaptive_avg_pool2d(_lightness(pictures), (24, 24)).flatten(1)
    centred = small - small.mean(1, keepdim=True)
    spread = centred.square().mean(1).sqrt()
    cuts, usual = [], 0.0
    for i in range(1, len(small)):
        change = 0.0
        if min(spread[i], spread[i - 1]) > 0.012:
            product = float((centred[i] * centred[i - 1]).mean())
            change = 1 - product / float(spread[i] * spread[i - 1])
        is_cut = change > max(0.45, 2.5 * usual)
        usual = 0.0 if is_cut else 0.8 * usual + 0.2 * change
        cuts += [i] if is_cut else []
    return cuts


def scene_detectors() -> dict[str, Detector]:
    """PySceneDetect's detectors with their own settings; none where it is not installed."""
    try:
        from scenedetect import detectors
    except ImportError:
        return {}
    names = ("ContentDetector", "AdaptiveDetector", "HashDetector", "HistogramDetector")
    return {f"PySceneDetect {n}": _scene_detector(getattr(detectors, n)) for n in names}


def _scene_detector(kind: Callable[[], Any]) -> Detector:
    def detect(pictures: Pictures) -> list[int]:
        from scenedetect import FrameTimecode

        detector, cuts = kind(), []
        for i, picture in enumerate(pictures):
            frame = np.repeat(_codes(picture)[..., None], 3, axis=2)
            cuts += detector.process_frame(FrameTimecode(i, _FPS), frame)
        cuts += detector.post_process(FrameTimecode(len(pictures) - 1, _FPS))
        return sorted({cut.frame_num for cut in cuts})

    return detect


def _codes(pictures: Pictures) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return (pictures * 255).round().astype(np.uint8)


def _lightness(pictures: Pictures) -> Tensor:
    codes = torch.from_numpy(_codes(pictures)).unsqueeze(1)
    return luma_to_lightness(codes, depth=8, full_range=True)


def _measure(film: Film, detectors: dict[str, Detector], tallies: dict[str, Tally]) -> None:
    for name, detect in detectors.items():
        start = time.process_time()
        reported = detect(film.pictures)
        tallies[name].seconds += time.process_time() - start
        tallies[name].add(film, reported)


def _print(events: list[Event], frames: int, tallies: dict[str, Tally]) -> None:
    boundaries = Counter(e.kind for e in events if e.is_boundary)
    others = Counter(e.kind for e in events if not e.is_boundary)
    rows = [[f"{kind} ({n})"] for kind, n in sorted(boundaries.items())]
    rows += [[f"{kind} ({n})"] for kind, n in sorted(others.items())] + [["between events"]]
    totals = [["recall, cuts"], ["precision, cuts"], ["recall, all"], ["precision, all"], ["ms"]]
    for tally in tallies.values():
        for row, (kind, n) in zip(rows, sorted(boundaries.items()), strict=False):
            extra = f" (+{tally.false[kind]})" if tally.false[kind] else ""
            row.append(f"{tally.found[kind] / n:.3f}{extra}")
        for row, kind in zip(
            rows[len(boundaries) :], [*sorted(others), "between events"], strict=True
        ):
            row.append(str(tally.false[kind]))
        hard = [k for k in boundaries if "cut" in k]
        found, false = sum(tally.found.values()), sum(tally.false.values())
        found_hard = sum(tally.found[k] for k in hard)
        # What dissolves and fades cause is their own row; everything else speaks against cuts.
        false_hard = false - sum(tally.false[k] for k in boundaries if k not in hard)
        figures = (
            found_hard / sum(boundaries[k] for k in hard),
            found_hard / max(found_hard + false_hard, 1),
            found / sum(boundaries.values()),
            found / max(found + false, 1),
        )
        for row, figure in zip(totals, figures, strict=False):
            row.append(f"{figure:.3f}")
        totals[-1].append(f"{1000 * tally.seconds / frames:.2f}")
    print("| event (how many) |", " | ".join(tallies), "|")
    print("|---" * (len(tallies) + 1) + "|")
    for row in [*rows, *totals]:
        print("|", " | ".join(row), "|")
    print(f"\n{len(events)} events, {frames} frames")


def main() -> None:
    """Make the films, run the detectors, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--films", type=int, default=40)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", default="", help="just the detectors whose names begin so")
    arguments = parser.parse_args()
    files = films(arguments.paths)
    material = load(files)
    detectors = {
        "ours": ours, "ours, no look-ahead": ours_at_once, "plain correlation": plain_correlation,
    } | scene_detectors()  # fmt: skip
    detectors = {name: d for name, d in detectors.items() if name.startswith(arguments.only)}
    tallies = {name: Tally() for name in detectors}
    events: list[Event] = []
    frames = 0
    for n in range(arguments.films):
        film = make_film(material, np.random.default_rng([arguments.seed, n]))
        _measure(film, detectors, tallies)
        events += film.events
        frames += len(film.pictures)
    _print(events, frames, tallies)
