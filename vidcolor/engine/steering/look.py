"""A picture as the kernel sees it: features and colours of ``compact`` on a grid of places."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.color import resize
from vidcolor.engine.steering.kernel import Places, shipped_kernel
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ModelInput
from vidcolor.models.loading import load_model

_STEP = 32
"""Sides of the extractor's input are multiples of it, in pixels."""

PHOTO_SIDE = 256
"""Shorter side at which photographs are looked at, in pixels; the kernel was learned on it."""

FILM_SIDE = 192
"""The same of films: three fifths of the time."""


@dataclass(frozen=True, slots=True)
class Look:
    """A picture on the grid of places, row by row.

    Attributes:
        places: all ``h * w`` of them.
        ab: ``(2, h, w)`` float32, ``compact``'s finished ab.
        lightness: ``(1, h, w)`` float32, L*/100.
        xy: ``(h * w, 2)``, positions in shorter sides of the picture.
    """

    places: Places
    ab: Tensor
    lightness: Tensor
    xy: Tensor

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the grid."""
        return int(self.ab.shape[1]), int(self.ab.shape[2])


@functools.cache
def _extractor() -> Colorizer:
    return load_model("compact", "cpu", "fp32")


@torch.no_grad()
def look_at(lightness: Tensor, *, side: int) -> Look:
    """Look at a picture.

    Args:
        lightness: ``(1, 1, H, W)`` float32, L*/100, upright.
        side: shorter side at which it is looked at, in pixels.
    """
    height, width = lightness.shape[-2:]
    scale = side / min(height, width)
    size = [max(_STEP, round(length * scale / _STEP) * _STEP) for length in (height, width)]
    seen = resize(lightness.cpu(), size).clamp(0.0, 1.0)
    model = _extractor()
    made = model(ModelInput(seen, wants_features=True))
    assert made.features is not None
    features = made.features[0].float().clone()
    ab = model.finishing(made.ab, seen)[0].float().clone()
    small = F.adaptive_avg_pool2d(seen, (ab.shape[1], ab.shape[2]))[0]
    xy = grid_xy(int(ab.shape[1]), int(ab.shape[2]))
    places = shipped_kernel().places(_rows(features), _rows(small), _rows(ab), xy)
    return Look(places, ab, small, xy)


def grid_xy(height: int, width: int) -> Tensor:
    """Middles of a grid's cells, ``(h * w, 2)``, in shorter sides."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return torch.stack((x.flatten(), y.flatten()), dim=-1) / min(height, width)


def _rows(planes: Tensor) -> Tensor:
    return planes.flatten(1).T.contiguous()
