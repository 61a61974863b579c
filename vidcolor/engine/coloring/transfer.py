"""Copies between host and GPU that don't block: luma up, finished planes down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vidcolor.types import ColorFrame, LumaFrame, Plane


def upload(luma: Plane, device: torch.device) -> Tensor:
    """Code values ``(H, W)`` on the device, in the plane's own type.

    To a GPU the copy goes through pinned memory and is only enqueued.
    """
    codes = torch.from_numpy(luma)
    if device.type != "cuda":
        return codes.to(device)
    return codes.pin_memory().to(device, non_blocking=True)


@dataclass(slots=True)
class PendingFrame:
    """A coloured frame whose planes may still be being computed or copied by a GPU.

    Attributes:
        source: the frame that it was made from.
        planes: ``(H', W')`` in the host's memory, uint8, or int16 that holds 16 unsigned bits.
        arrived: set when they are filled; None where they are filled already.
    """

    source: LumaFrame
    planes: tuple[Tensor, Tensor, Tensor]
    arrived: torch.cuda.Event | None = None

    def wait(self) -> ColorFrame:
        """Block until the planes are filled; return the frame. Other threads run meanwhile."""
        if self.arrived is not None:
            self.arrived.synchronize()
        y, cb, cr = (_plane(tensor) for tensor in self.planes)
        return ColorFrame((y, cb, cr), self.source)


def start_download(planes: Sequence[Tensor], source: LumaFrame) -> PendingFrame:
    """Start the copy of three planes to the host's memory.

    Args:
        planes: ``(H', W')`` code values on any device, uint8 (8 bit) or int32 (up to 16 bit).
        source: the frame that they were made from.
    """
    # int16 holds the bits of uint16, for which torch has few operations, in half of int32's bytes
    narrow = [p if p.dtype == torch.uint8 else p.to(torch.int16) for p in planes]
    device = narrow[0].device
    if device.type != "cuda":
        y, cb, cr = (p.cpu() for p in narrow)
        return PendingFrame(source, (y, cb, cr))
    with torch.cuda.device(device):
        y, cb, cr = (p.to("cpu", non_blocking=True) for p in narrow)  # pinned, by torch's rule
        arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
        arrived.record()
    return PendingFrame(source, (y, cb, cr), arrived)


def _plane(tensor: Tensor) -> Plane:
    values = tensor.contiguous().numpy()
    return values if values.dtype == np.uint8 else values.view(np.uint16)
