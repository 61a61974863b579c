"""The networks of repair, from the files that ship with vidcolor, on planes of any size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidcolor.errors import WeightsError
from vidcolor.models._metadata import UNUSABLE, reason
from vidcolor.models.networks.damage.dust import DustNet
from vidcolor.models.networks.damage.repair import (
    THIN_GAIN,
    THIN_PX,
    RepairConfig,
    RepairNet,
    smooth_fill,
    thin_parts,
)
from vidcolor.models.weights.safe_load import Checkpoint, load_checkpoint
from vidcolor.models.weights.store import bundled_path

Plane = npt.NDArray[np.float32]
"""``(H, W)`` float32, code values divided by white, in [0, 1]."""
Mask = npt.NDArray[np.bool_]

FILE = "repair.safetensors"
DUST_FILE = "dust.safetensors"

_TILE_PX, _MARGIN_PX = 1024, 64
"""Side of tiles, and how much of it counts for context only."""
_WHOLE_PX = 640
"""Longest side at which a picture is also seen as a whole."""
_DEEP_PX = 12
"""Distance from a hole's edge from which on the coarse picture counts."""


class Repairer:
    """Finds and fills damage of planes of any size.

    Args:
        network: prepared.
        device: where it is.
    """

    def __init__(self, network: RepairNet, device: torch.device) -> None:
        self._network, self._device = network, device

    @torch.inference_mode()
    def detect(self, plane: Plane) -> Plane:
        """Where a plane is damaged, as a probability per pixel, ``(H, W)`` float32.

        Large planes are seen in tiles, and reduced as a whole: damage that is too large for a tile
        is found there.
        """
        x, thin = self._tensor(plane), self._thin(plane)
        found = torch.empty_like(x)
        for outer, inner, target in _tiles(plane.shape):
            part = self._logits(x[(..., *outer)], thin[(..., *outer)])
            found[(..., *target)] = part[(..., *inner)]
        if (small := self._whole(x)) is not None:
            coarse = F.interpolate(
                self._logits(small, thin_parts(small)), x.shape[-2:], mode="bilinear"
            )
            found = torch.maximum(found, coarse - 1.0)
        return np.asarray(torch.sigmoid(found)[0, 0].cpu().numpy(), np.float32)

    @torch.inference_mode()
    def fill(self, plane: Plane, mask: Mask) -> Plane:
        """What was under the mask; elsewhere the plane itself, ``(H, W)`` float32 in [0, 1]."""
        x, holes = self._tensor(plane), self._tensor(mask.astype(np.float32))
        smooth = self._base(x, holes)
        made = x.clone()
        for outer, inner, target in _tiles(plane.shape):
            part = holes[(..., *outer)]
            if bool(part[(..., *inner)].any()):
                filled = self._filled(x[(..., *outer)], part, smooth[(..., *outer)])
                made[(..., *target)] = filled[(..., *inner)]
        made = torch.where(holes > 0, made.clamp(0.0, 1.0), x)
        return np.asarray(made[0, 0].cpu().numpy(), np.float32)

    def _base(self, x: Tensor, holes: Tensor) -> Tensor:
        """A smooth fill of the whole; deep in large holes, what the network makes of it reduced."""
        smooth = smooth_fill(x, holes)
        small = self._whole(x)
        if small is None:
            return smooth
        size = small.shape[-2:]
        few = (F.interpolate(holes, size, mode="area") > 0.25).to(x)
        shrink = x.shape[-1] / size[1]
        deep = -F.max_pool2d(-few, 2 * round(_DEEP_PX / shrink) + 1, 1, round(_DEEP_PX / shrink))
        if not bool(deep.any()):
            return smooth
        made = self._filled(small, few, smooth_fill(small, few)) - smooth_fill(small, few)
        return smooth + F.interpolate(made * deep, x.shape[-2:], mode="bilinear") * holes

    def _whole(self, x: Tensor) -> Tensor | None:
        """The picture reduced; None where it is small anyway."""
        height, width = x.shape[-2:]
        shrink = _WHOLE_PX / max(height, width)
        if shrink >= 0.75:
            return None
        size = (max(round(height * shrink), 1), max(round(width * shrink), 1))
        return F.interpolate(x, size, mode="area")

    def _logits(self, x: Tensor, thin: Tensor) -> Tensor:
        padded, size = self._padded(x)
        return self._network.detect(padded, self._padded(thin)[0])[..., : size[0], : size[1]]

    def _thin(self, plane: Plane) -> Tensor:
        """``thin_parts`` by OpenCV, in a tenth of the time, ``(1, 2, H, W)``."""
        box = np.ones((THIN_PX, THIN_PX), np.uint8)
        parts = [
            cv2.morphologyEx(plane, way, box) for way in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT)
        ]
        return torch.from_numpy(np.stack(parts)[None] * np.float32(THIN_GAIN)).to(self._device)

    def _filled(self, x: Tensor, holes: Tensor, smooth: Tensor) -> Tensor:
        parts = [self._padded(each)[0] for each in (x, holes, smooth)]
        return self._network.fill(*parts)[..., : x.shape[-2], : x.shape[-1]]

    def _padded(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        height, width = int(x.shape[-2]), int(x.shape[-1])
        stride = self._network.config.stride
        pad = (0, -width % stride, 0, -height % stride)
        return F.pad(x, pad, mode="replicate") if any(pad) else x, (height, width)

    def _tensor(self, plane: Plane) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(plane))[None, None].to(self._device)


Slices = tuple[slice, slice]


def _tiles(shape: tuple[int, ...]) -> Iterator[tuple[Slices, Slices, Slices]]:
    """Overlapping tiles: what is seen, what of it counts, and where that belongs."""
    sides = [list(_spans(length)) for length in shape]
    for rows in sides[0]:
        for columns in sides[1]:
            yield tuple(zip(rows, columns, strict=True))  # type: ignore[misc]


def _spans(length: int) -> Iterator[tuple[slice, slice, slice]]:
    step = _TILE_PX - 2 * _MARGIN_PX
    if length <= _TILE_PX + step // 2:
        yield slice(0, length), slice(0, length), slice(0, length)
        return
    for start in range(0, length, step):
        end = min(start + step, length)
        first, last = max(start - _MARGIN_PX, 0), min(end + _MARGIN_PX, length)
        yield slice(first, last), slice(start - first, end - first), slice(start, end)


@lru_cache(maxsize=2)
def load_repairer(device: str = "cpu") -> Repairer:
    """The network that ships, ready to run.

    Raises:
        WeightsError: its file is missing or damaged.
    """
    checkpoint = load_checkpoint(bundled_path(FILE))
    try:
        values = json.loads(checkpoint.metadata["config"])
        network = RepairNet(RepairConfig(**{k: tuple(v) for k, v in values.items()}))
    except UNUSABLE as error:
        raise WeightsError(f"{FILE}: not a repair network: {reason(error)}") from error
    _load_state(network, checkpoint, FILE)
    where = torch.device(device)
    return Repairer(network.prepare(where), where)


@lru_cache(maxsize=1)
def load_dust_net() -> DustNet:
    """The classifier of dust that ships, on the CPU.

    Raises:
        WeightsError: its file is missing or damaged.
    """
    network = DustNet()
    _load_state(network, load_checkpoint(bundled_path(DUST_FILE)), DUST_FILE)
    return network.eval().requires_grad_(False)


def _load_state(network: nn.Module, checkpoint: Checkpoint, name: str) -> None:
    state = {k: v.float() if v.is_floating_point() else v for k, v in checkpoint.state_dict.items()}
    try:
        network.load_state_dict(state)
    except UNUSABLE as error:
        raise WeightsError(f"{name}: not the weights it should be: {reason(error)}") from error
