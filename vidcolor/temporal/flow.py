"""Dense optical flow on lightness, warping by it, and how far it can be trusted.

Flow is kept at the size of the lightness it was found on, float32 pixels, x before y, and points
from the first frame into the second: ``second[p + flow(p)]`` shows what ``first[p]`` shows. Flow
and warping run on the CPU: for pictures this small OpenCV's DIS and ``remap`` are faster than
kernels on a GPU. Results are on the device of the arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vidcolor.color import resize
from vidcolor.errors import DependencyError, WeightsError

FlowMethod = Literal["dis", "raft"]
"""DIS (Kroeger et al., ECCV 2016) or RAFT (Teed and Deng, ECCV 2020; torchvision's)."""

_Picture = NDArray[np.float32]
_Flow = Callable[[NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.float32]]

_MIN_SIDE_PX = {"dis": 32, "raft": 128}
"""Smaller pictures are padded: DIS refuses less than its patch, RAFT less than its pyramid."""

# Lengths in pixels below are pixels of the grid on which flow is found: its errors are those of
# that grid. ``confidence`` scales them for other grids.

_CONSISTENCY_SLOPE, _CONSISTENCY_PX2 = 0.01, 0.5
"""Squared forward-backward error that flow may have: slope times its squared length, and a floor
(Sundaram, Brox and Keutzer, ECCV 2010; as the masks of Lai et al., ECCV 2018)."""

_PHOTOMETRIC = 0.08
"""Difference in L*/100, after evening out exposure, at which trust has fallen to 1/e."""

_GAIN, _OFFSET = (0.7, 1.4), 0.1
"""Factors of contrast, and changes of mean L*/100, between frames that count as exposure. Beyond,
it is another light, in which things may have another colour."""

_GRAIN_PX = 5
"""Side of the box that removes grain from the photometric difference."""

_BORDER_PX = 4.0
"""Distance beyond the picture's edge at which trust reaches 0."""


class FlowEstimator:
    """Dense flow between two frames, without state.

    Raises:
        DependencyError: for RAFT, if torchvision isn't installed.
        WeightsError: for RAFT, without a weights file, or with one that doesn't fit.
    """

    def __init__(
        self,
        method: FlowMethod = "dis",
        *,
        preset: Literal["ultrafast", "fast", "medium"] = "fast",
        weights: Path | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Make an estimator.

        Args:
            method: "dis", or "raft", which takes a GPU and is not installed by default.
            preset: of DIS, from quick to exact.
            weights: of RAFT, torchvision's ``raft_small`` or ``raft_large`` as a state dict.
            device: where RAFT runs.
        """
        self._side = _MIN_SIDE_PX[method]
        self._multiple = 8 if method == "raft" else 1
        self._flow = _raft(weights, torch.device(device)) if method == "raft" else _dis(preset)

    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        """Find where each pixel of the first frame is in the second.

        Args:
            first: ``(1, h, w)`` float32, L*/100 in [0, 1].
            second: the same.

        Returns:
            ``(2, h, w)`` float32, pixels (x, y), on the device of ``first``.
        """
        height, width = first.shape[-2:]
        flow = self._flow(self._eight_bit(first), self._eight_bit(second))[:height, :width]
        planes = np.ascontiguousarray(flow.transpose(2, 0, 1), dtype=np.float32)
        return torch.from_numpy(planes).to(first.device)

    def _eight_bit(self, lightness: Tensor) -> NDArray[np.uint8]:
        codes = (lightness[0].detach().clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
        height, width = codes.shape
        below = self._missing(height)
        right = self._missing(width)
        return np.pad(codes, ((0, below), (0, right)), mode="edge") if below or right else codes

    def _missing(self, length: int) -> int:
        wanted = max(length, self._side)
        return wanted + (-wanted) % self._multiple - length


def _dis(preset: str) -> _Flow:
    presets = {
        "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
        "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
        "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
    }

    def flow(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float32]:
        # A new object each time: it is cheap, and OpenCV's adapts its scales to the last size seen.
        dis = cv2.DISOpticalFlow.create(presets[preset])
        found = dis.calc(first, second, None)  # type: ignore[call-overload]
        return np.asarray(found, dtype=np.float32)

    return flow


def _raft(weights: Path | None, device: torch.device) -> _Flow:
    try:
        from torchvision.models import optical_flow  # type: ignore[import-not-found,unused-ignore]
    except (ImportError, RuntimeError) as error:  # RuntimeError: built for another torch
        raise DependencyError("flow by RAFT needs torchvision: pip install torchvision") from error
    if weights is None:
        raise WeightsError("flow by RAFT needs a file with the weights of torchvision's raft_small")
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        # The large network's iterations end in a mask for enlarging; the small one has none.
        is_large = any(name.startswith("mask_predictor.") for name in state)
        make = optical_flow.raft_large if is_large else optical_flow.raft_small
        network = make(weights=None, progress=False)
        network.load_state_dict(state)
    except Exception as error:
        raise WeightsError(f"{weights}: not torchvision's raft_small or raft_large") from error
    network = network.eval().to(device)

    @torch.inference_mode()
    def flow(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float32]:
        pair = torch.from_numpy(np.stack((first, second))).to(device).float() / 127.5 - 1.0
        grey = pair.unsqueeze(1).expand(-1, 3, -1, -1)
        last = network(grey[:1], grey[1:])[-1]
        return np.asarray(last[0].permute(1, 2, 0).cpu().numpy(), dtype=np.float32)

    return flow


def warp(x: Tensor, flow: Tensor) -> Tensor:
    """Sample ``x`` at ``p + flow(p)``, bilinear, border replicated.

    Args:
        x: ``(C, h, w)`` float32, 1 to 4 channels.
        flow: ``(2, h, w)`` float32, pixels (x, y).

    Returns:
        ``(C, h, w)`` float32 on the device of ``x``.
    """
    moved = _remap(_pixels(x), _pixels(flow))
    return torch.from_numpy(np.ascontiguousarray(moved.transpose(2, 0, 1))).to(x.device)


def fit(planes: Tensor, size: Sequence[int]) -> Tensor:
    """Resample ``(C, h, w)`` to another grid (h', w'), bilinear, antialiased where it shrinks."""
    return resize(planes[None], size)[0]


def fit_flow(flow: Tensor, size: Sequence[int]) -> Tensor:
    """Resample flow ``(2, h, w)`` to another grid (h', w'), in pixels of that grid."""
    height, width = flow.shape[-2:]
    scale = flow.new_tensor([size[1] / width, size[0] / height]).view(2, 1, 1)
    return fit(flow, size) * scale


def blur(planes: Tensor, share: float) -> Tensor:
    """Mean over a square box around each pixel, border replicated.

    Args:
        planes: ``(C, h, w)`` float32, 1 to 4 channels.
        share: side of the box, of the shorter of h and w.
    """
    side = 2 * round(share * min(planes.shape[-2:]) / 2) + 1
    mean = cv2.blur(_pixels(planes), (side, side), borderType=cv2.BORDER_REPLICATE)
    mean = np.asarray(mean, np.float32).reshape(*planes.shape[-2:], -1)
    return torch.from_numpy(np.ascontiguousarray(mean.transpose(2, 0, 1))).to(planes.device)


def _pixels(planes: Tensor) -> _Picture:
    """``(C, h, w)`` in OpenCV's order, ``(h, w, C)``."""
    return np.ascontiguousarray(planes.detach().cpu().numpy().transpose(1, 2, 0))


def _remap(picture: _Picture, flow: _Picture) -> _Picture:
    columns, rows = _targets(flow)
    moved = cv2.remap(
        picture, columns, rows, interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, dtype=np.float32).reshape(picture.shape)


def _targets(flow: _Picture) -> tuple[_Picture, _Picture]:
    """Column and row, in pixels, where each pixel's flow ends."""
    height, width = flow.shape[:2]
    columns = flow[..., 0] + np.arange(width, dtype=np.float32)[None, :]
    rows = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return columns, rows


def confidence(
    first: Tensor,
    second: Tensor,
    forward: Tensor,
    backward: Tensor,
    *,
    pixel: float = 1.0,
    links: int = 1,
) -> Tensor:
    """How far ``warp(second, forward)`` can be trusted to show what ``first`` shows.

    The product of three: forward and backward flow cancel (they don't where something is occluded),
    lightness agrees after a change of exposure and grain are removed, and the flow stays inside the
    picture.

    Args:
        first: ``(1, h, w)`` float32, L*/100.
        second: the same.
        forward: flow from ``first`` to ``second``, ``(2, h, w)``.
        backward: flow from ``second`` to ``first``, ``(2, h, w)``.
        pixel: size of a pixel of the grid on which flow was found, in pixels of this one: 0.25 on a
            grid of a quarter of it.
        links: flows that were chained; their errors add up as those of independent steps do.

    Returns:
        ``(1, h, w)`` float32 in [0, 1].
    """
    there, back = _pixels(forward), _pixels(backward)
    moved = _remap(np.concatenate((_pixels(second), back), axis=2), there)
    trust = _consistency(there, moved[..., 1:], _CONSISTENCY_PX2 * pixel * pixel * links)
    trust *= _inside(there, _BORDER_PX * pixel)
    grain = max(1, round(_GRAIN_PX * pixel))
    trust *= _photometric(first[0].detach().cpu().numpy(), moved[..., 0], trust, grain)
    return torch.from_numpy(trust).unsqueeze(0).to(first.device)


def _consistency(there: _Picture, back: _Picture, floor: float) -> _Picture:
    error = _squared(there + back)
    excess = error / (_CONSISTENCY_SLOPE * (_squared(there) + _squared(back)) + floor)
    # 1 up to a quarter of what the binary mask allows, about 0.5 at it, near 0 soon beyond.
    return _exp_minus(np.maximum(excess - 0.25, 0.0))


def _squared(vectors: _Picture) -> _Picture:
    """``(h, w, 2)`` to squared lengths ``(h, w)``."""
    return vectors[..., 0] * vectors[..., 0] + vectors[..., 1] * vectors[..., 1]


def _exp_minus(x: _Picture) -> _Picture:
    return np.exp(-x, dtype=np.float32)


def _inside(flow: _Picture, border: float) -> _Picture:
    height, width = flow.shape[:2]
    x, y = _targets(flow)
    beyond = np.maximum(np.maximum(-x, x - (width - 1)), np.maximum(-y, y - (height - 1)))
    inside: _Picture = np.clip(1.0 - beyond / np.float32(border), 0.0, 1.0)
    return inside


def _photometric(first: _Picture, moved: _Picture, weight: _Picture, grain: int) -> _Picture:
    difference = moved - _exposure(first, moved, weight)
    box = (min(grain, first.shape[1]), min(grain, first.shape[0]))
    smooth = np.asarray(cv2.blur(difference, box, borderType=cv2.BORDER_REPLICATE))
    return _exp_minus(np.square(smooth / _PHOTOMETRIC))


def _exposure(first: _Picture, moved: _Picture, weight: _Picture) -> _Picture:
    """``first`` in the exposure of ``moved``: in old film it changes from frame to frame."""
    x, y, w = (p[::2, ::2] for p in (first, moved, weight))  # a quarter is enough for two numbers
    total = max(float(w.sum()), 1e-6)
    mean, mean_moved = float((x * w).sum()) / total, float((y * w).sum()) / total
    a = (x - mean) * w
    # The 1e-3 keeps the gain at 1 for flat pictures; larger changes are not exposure.
    gain = (float((a * (y - mean_moved)).sum()) + 1e-3) / (float((a * (x - mean)).sum()) + 1e-3)
    gain = min(max(gain, _GAIN[0]), _GAIN[1])
    level = mean + min(max(mean_moved - mean, -_OFFSET), _OFFSET)
    even: _Picture = (first - np.float32(mean)) * np.float32(gain) + np.float32(level)
    return even
