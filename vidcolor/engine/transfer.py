"""Planes over the bus: luma up, planar YUV down, nothing else, and nobody waits without need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vidcolor.types import ColorFrame, LumaFrame, Plane


def upload(luma: Plane, device: torch.device) -> Tensor:
    """Code values ``(H, W)`` on the device, in the plane's own type.

    To a GPU through pinned memory: the copy is only asked for, and done in its place among what
    was asked for before.
    """
    codes = torch.from_numpy(luma)
    if device.type != "cuda":
        return codes.to(device)
    return codes.pin_memory().to(device, non_blocking=True)


@dataclass(slots=True)
class FrameOnItsWay:
    """A coloured frame whose planes a GPU may still be working on.

    Attributes:
        source: the frame that it was made from.
        planes: ``(H', W')`` in the host's memory, uint8, or int16 that holds 16 unsigned bits.
        arrived: set when they are filled; None where they are already.
    """

    source: LumaFrame
    planes: tuple[Tensor, Tensor, Tensor]
    arrived: torch.cuda.Event | None = None

    def wait(self) -> ColorFrame:
        """The frame as soon as it is there; other threads go on meanwhile."""
        if self.arrived is not None:
            self.arrived.synchronize()
        y, cb, cr = (_plane(tensor) for tensor in self.planes)
        return ColorFrame((y, cb, cr), self.source)


def send_home(planes: Sequence[Tensor], source: LumaFrame) -> FrameOnItsWay:
    """Start the way of three planes to the host's memory.

    Args:
        planes: ``(H', W')`` code values on any device, uint8 (8 bit) or int32 (up to 16 bit).
        source: the frame that they were made from.
    """
    # int16 holds the same bits as uint16, which torch can't do much with: half of int32's bytes
    narrow = [p if p.dtype == torch.uint8 else p.to(torch.int16) for p in planes]
    device = narrow[0].device
    if device.type != "cuda":
        y, cb, cr = (p.cpu() for p in narrow)
        return FrameOnItsWay(source, (y, cb, cr))
    with torch.cuda.device(device):
        y, cb, cr = (p.to("cpu", non_blocking=True) for p in narrow)  # pinned, by torch's rule
        arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
        arrived.record()
    return FrameOnItsWay(source, (y, cb, cr), arrived)


def _plane(tensor: Tensor) -> Plane:
    values = tensor.contiguous().numpy()
    return values if values.dtype == np.uint8 else values.view(np.uint16)
