"""Clips for ``stability.py``: lightness, true ab and per-frame ab of the network, in memory.

Per-frame colours are kept in a folder, so that the network runs once for many trials.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import av
import torch
import torch.nn.functional as F
from torch import Tensor

import vidcolor
from vidcolor.color import rgb_to_lab
from vidcolor.engine.coloring.geometry import resize_lightness, working_size
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ModelInput
from vidcolor.models.finishing import Finishing
from vidcolor.temporal import CutDetector


@dataclass(slots=True)
class Clip:
    """A film's first frames at the network's working size.

    Attributes:
        name: of the file.
        fps: frames per second.
        lightness: ``(N, 1, h, w)`` float32, L*/100.
        truth: ``(N, 2, h, w)`` float32, true ab; None where the source has no colour.
        ab: ``(N, 2, h', w')`` float32, the model's, frame by frame, finished.
        raw: the same before the model's finishing: what smoothing gets.
        shots: numbers of the first frames after cuts.
        finishing: the model's.
    """

    name: str
    fps: float
    lightness: Tensor
    truth: Tensor | None
    ab: Tensor
    raw: Tensor
    shots: tuple[int, ...] = ()
    finishing: Finishing = field(default_factory=Finishing)

    @property
    def seconds(self) -> list[float]:
        """Time of each frame."""
        return [i / self.fps for i in range(len(self.ab))]

    @property
    def cuts(self) -> list[bool]:
        """Whether each frame is the first of a shot."""
        return [i in self.shots for i in range(len(self.ab))]


_GREY_CHROMA = 3.0
"""Mean chroma, in Lab units, below which a film counts as having no colour of its own."""


def load_clip(path: Path, *, model: str, count: int, cache: Path | None, start: int = 0) -> Clip:
    """Read, colorize and keep.

    Args:
        path: the film.
        model: of vidcolor.
        count: frames to take.
        cache: folder for what was computed.
        start: frames to leave out.
    """
    key = hashlib.sha256(f"{path.resolve()}|{path.stat().st_size}|{model}|{start}|{count}".encode())
    kept = cache / f"{path.stem}-{key.hexdigest()[:12]}.pt" if cache else None
    loaded = vidcolor.load_model(model)
    if kept and kept.exists():
        return Clip(**torch.load(kept, weights_only=True), finishing=loaded.finishing)
    clip = _read(path, loaded, start, count)
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        names = [name for name in Clip.__slots__ if name != "finishing"]
        torch.save({name: getattr(clip, name) for name in names}, kept)
    return clip


def _read(path: Path, model: Colorizer, start: int, count: int) -> Clip:
    lightness, truth, fps = [], [], 25.0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        fps = float(stream.average_rate or 25)
        for number, frame in enumerate(container.decode(stream)):
            if number < start:
                continue
            if number >= start + count:
                break
            rgb = torch.from_numpy(frame.to_ndarray(format="rgb24")).permute(2, 0, 1)
            lab = rgb_to_lab(rgb.unsqueeze(0).float() / 255)
            seen = working_size(model.spec.working_size, frame.width, frame.height,
                                render_factor=model.spec.working_size.video)  # fmt: skip
            lightness.append(resize_lightness(lab[:, :1] / 100, seen))
            truth.append(F.interpolate(lab[:, 1:], size=seen, mode="bilinear", antialias=True))
    seen_all, ab_true = torch.cat(lightness), torch.cat(truth)
    raw = torch.cat([model(ModelInput(x)).ab for x in seen_all.split(4)])
    ab = model.finishing(raw, seen_all)
    shots = tuple(i for i, is_cut in enumerate(CutDetector().push(seen_all)) if is_cut)
    grey = float(ab_true.norm(dim=1).mean()) < _GREY_CHROMA
    return Clip(
        path.name, fps, seen_all, None if grey else ab_true, ab, raw, shots, model.finishing
    )
