"""Made cases for ``stability.py``: flicker on true colours, a cut, and a light that is switched."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from quality.stability_clips import Clip
from quality.stability_measures import Stabilize, enlarge
from torch import Tensor

from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ModelInput
from vidcolor.models.finishing import Finishing

_STEP_GAIN = 0.6
"""Of L*: the light goes down by about two stops."""


def synthetic(clip: Clip, *, seed: int = 7) -> Clip:
    """True ab, at the network's size, with hue and chroma wrong at random in each frame.

    Hue is off by 0.5 rad and chroma by a third (standard deviations), smooth over the picture, and
    there is noise of 3 Lab units where there is no chroma to be wrong.
    """
    assert clip.truth is not None
    truth = F.interpolate(clip.truth, size=clip.ab.shape[-2:], mode="area")
    random = torch.Generator().manual_seed(seed)
    coarse = torch.randn(len(truth), 4, 4, 6, generator=random)
    noise = F.interpolate(coarse, size=truth.shape[-2:], mode="bicubic")
    angle, factor = 0.5 * noise[:, :1], torch.exp(noise[:, 1:2] / 3)
    a, b = truth[:, :1], truth[:, 1:]
    turned = torch.cat((a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()), 1)
    made = turned * factor + 3 * noise[:, 2:]
    return replace(clip, ab=made, raw=made, finishing=Finishing())


def after_cut(first: Clip, second: Clip, stabilize: Stabilize) -> tuple[float, float]:
    """Join two clips, the first ending after a dozen frames.

    Returns:
        Error against the truth in the five frames after the cut over per-frame's, and the largest
        difference, in Lab units, from the second clip smoothed alone.
    """
    assert second.truth is not None
    start = 12
    joined = replace(
        second,
        lightness=torch.cat((_fit(first.lightness[:start], second.lightness), second.lightness)),
        ab=torch.cat((_fit(first.ab[:start], second.ab), second.ab)),
        raw=torch.cat((_fit(first.raw[:start], second.raw), second.raw)),
        shots=(start,),
    )
    got = stabilize(joined)[start:]
    errors = [
        float((enlarge(ab[:5], second) - second.truth[:5]).norm(dim=1).mean())
        for ab in (got, second.ab)
    ]
    fresh = stabilize(second)
    return errors[0] / errors[1], float((got - fresh).norm(dim=1).max())


def switched(clip: Clip, model: Colorizer) -> tuple[Clip, Clip]:
    """The clip with its light turned down halfway, coloured anew; and the clip without that."""
    half = len(clip.ab) // 2
    dark = clip.lightness[half:] * _STEP_GAIN
    lightness = torch.cat((clip.lightness[:half], dark))
    raw = torch.cat([model(ModelInput(x)).ab for x in dark.split(4)])
    ab = torch.cat((clip.ab[:half], model.finishing(raw, dark)))
    raw = torch.cat((clip.raw[:half], raw))
    return replace(clip, lightness=lightness, ab=ab, raw=raw), clip


def wrong_seconds(case: Clip, bright: Clip, stabilize: Stabilize) -> tuple[float, float]:
    """How long colours are those of the other light: seconds before the step, and after it.

    Each frame's colours are placed on the line from the ab of the light that is to that of the
    other, between their means over the clip's two halves; shares of the other are summed up.
    """
    half = len(case.ab) // 2
    got = stabilize(case)
    away = case.ab[half:].mean(dim=0) - bright.ab[half:].mean(dim=0)
    steady = float(away.square().sum())
    # From what smoothing gives without the step, so that other changes of the clip don't count.
    usual = stabilize(bright)
    share = [float(((g - u) * away).sum()) / steady for g, u in zip(got, usual, strict=True)]
    return sum(share[:half]) / case.fps, sum(1 - s for s in share[half:]) / case.fps


def _fit(frames: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(frames, size=like.shape[-2:], mode="bilinear")
