"""One network on several devices: each takes its part of every batch."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn

from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ModelInput, Prediction
from vidcolor.models.families.family import Built
from vidcolor.models.finishing import Finishing
from vidcolor.models.networks.layers.packed import can_pack, pack
from vidcolor.models.running.device import cpu_has_bf16
from vidcolor.models.spec import ModelSpec


class ReplicatedColorizer(Colorizer):
    """A colorizer whose batches are dealt out to copies of its network, in order.

    Frames don't know of each other inside a network, so the result is that of one device. GPUs
    take their work without waiting for it: all are busy before the first result is fetched.

    Attributes:
        device: the first one, where results are gathered and colours are joined.
        parts: one colorizer per device.
    """

    def __init__(
        self,
        network: nn.Module,
        spec: ModelSpec,
        *,
        label: str,
        devices: Sequence[torch.device],
        dtype: torch.dtype,
        finishing: Finishing | None = None,
    ) -> None:
        """Copy the network.

        Args:
            network: on any device.
            spec: facts about the model.
            label: the name, or the path it was loaded from.
            devices: at least one; may name the same one twice.
            dtype: number format of the network's weights.
            finishing: as ``Colorizer`` has it.
        """
        networks = [network, *(copy.deepcopy(network) for _ in devices[1:])]
        parts = [
            Colorizer(part.to(device), spec, label=label, device=device, dtype=dtype)
            for part, device in zip(networks, devices, strict=True)
        ]
        super().__init__(
            parts[0].network, spec,
            label=label, device=devices[0], dtype=dtype, finishing=finishing,
        )  # fmt: skip
        self.parts = parts

    @property
    def copies(self) -> int:
        """How many devices share a batch."""
        return len(self.parts)

    @property
    def device_label(self) -> str:
        """All devices, for people."""
        return ",".join(str(part.device) for part in self.parts)

    def _run(self, inputs: ModelInput) -> Prediction:
        """All parts at work before the first result is fetched to the first device."""
        shares = inputs.split(self.copies)
        started = [part._run(share) for part, share in zip(self.parts, shares, strict=False)]
        return Prediction.concatenate([prediction.to(self.device) for prediction in started])


def place(
    built: Built,
    spec: ModelSpec,
    *,
    label: str,
    devices: Sequence[torch.device],
    dtype: torch.dtype,
) -> Colorizer:
    """A colorizer on one device, or on several.

    Args:
        built: the network, and how its colours are finished.
        spec: facts about the model.
        label: the name, or the path it was loaded from.
        devices: at least one; may name the same one twice.
        dtype: number format of the network's weights.
    """
    network, finishing = built.network, built.finishing
    if len(devices) == 1 and devices[0].type == "cpu" and _pays_packed(dtype):
        network = pack(network)
    if len(devices) > 1:
        return ReplicatedColorizer(
            network, spec, label=label, devices=devices, dtype=dtype, finishing=finishing
        )
    return Colorizer(
        network.to(devices[0]), spec,
        label=label, device=devices[0], dtype=dtype, finishing=finishing,
    )  # fmt: skip


def _pays_packed(dtype: torch.dtype) -> bool:
    """Whether oneDNN computes in ``dtype`` itself here: it refuses what it would emulate."""
    native = dtype is torch.float32 or (dtype is torch.bfloat16 and cpu_has_bf16())
    return native and can_pack(dtype)
