"""What ``stability.py`` measures on one version of a clip's colours, all against per-frame ab."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from quality.stability_clips import Clip
from torch import Tensor

from vidcolor.color import lab_to_rgb
from vidcolor.evaluation.measures.stability import FlowPair, cdc, clip_flows, clip_warp_error
from vidcolor.temporal.flow import FlowEstimator

DRIFT_LAG = 20
_EDGE_PX = 8
"""How near to a motion boundary an error counts as one at a moving edge."""

Stabilize = Callable[[Clip], Tensor]


class Judge:
    """Flow, masks and per-frame figures of one clip, found once for all versions of it."""

    def __init__(self, clip: Clip, preset: str) -> None:
        self.clip = clip
        estimate = FlowEstimator(preset=preset)  # type: ignore[arg-type]
        frames = list(clip.lightness)
        self._near = clip_flows(frames, estimate, lag=1)
        self._far = clip_flows(frames, estimate, lag=DRIFT_LAG)
        self._edges = _moving_edges(self._near)
        self._per_frame = self.absolute(clip.ab)

    def absolute(self, ab: Tensor) -> dict[str, float]:
        """Figures of one version, ``(N, 2, h', w')``, in Lab units."""
        large = enlarge(ab, self.clip)
        found = {
            "lag 1": clip_warp_error(list(large), self._near, lag=1),
            "drift": clip_warp_error(list(large), self._far, lag=DRIFT_LAG),
            "chroma": float(large.norm(dim=1).mean()),
        }
        if self.clip.truth is not None:
            # Only beside a truth: old film's own flicker of lightness is ten times that of colours.
            found["cdc"] = _cdc(self.clip.lightness, large)
            error = (large - self.clip.truth).norm(dim=1)
            found["error"] = float(error.mean())
            found["edges"] = float(error[self._edges].mean())
            found["correlation"] = correlation(large, self.clip.truth)
        else:
            change = (large - enlarge(self.clip.ab, self.clip)).norm(dim=1)
            found["edges off per-frame"] = float(change[self._edges].mean())
        return found

    def relative(self, ab: Tensor) -> dict[str, float]:
        """The same over per-frame's, but CDC and what is a difference already."""
        found = self.absolute(ab)
        for name in ("lag 1", "drift", "chroma", "error", "edges"):
            if name in found:
                found[name] /= self._per_frame[name]
        return found

    def truth_cdc(self) -> float | None:
        """CDC of the true colours."""
        truth = self.clip.truth
        return None if truth is None else _cdc(self.clip.lightness, truth)


def enlarge(ab: Tensor, clip: Clip) -> Tensor:
    """To the size of the lightness, bilinear."""
    return F.interpolate(ab, size=clip.lightness.shape[-2:], mode="bilinear")


def correlation(ab: Tensor, truth: Tensor) -> float:
    """Of ab and true ab over a clip, each frame's mean removed."""
    p, t = (x.double() - x.double().mean(dim=(2, 3), keepdim=True) for x in (ab, truth))
    return float((p * t).sum() / (p.square().sum() * t.square().sum()).sqrt())


def _moving_edges(pairs: Sequence[FlowPair]) -> Tensor:
    """``(N, h, w)`` bool: near a motion boundary, as the masks of warp error have it."""
    found = []
    for pair in pairs:
        flow = pair.flow
        across = F.pad(flow[:, :, 1:] - flow[:, :, :-1], (0, 1))
        down = F.pad(flow[:, 1:] - flow[:, :-1], (0, 0, 0, 1))
        gradient = (across.square() + down.square()).sum(dim=0)
        boundary = gradient > 0.01 * flow.square().sum(dim=0) + 0.002
        wide = F.max_pool2d(boundary.float()[None, None], 2 * _EDGE_PX + 1, 1, _EDGE_PX)
        found.append(wide[0, 0] > 0)
    return torch.stack([*found, found[-1]])


def _cdc(lightness: Tensor, ab: Tensor) -> float:
    lab = torch.cat((lightness * 100, ab), dim=1)
    return cdc(lab_to_rgb(frame[None])[0].clamp(0, 1) * 255 for frame in lab)
