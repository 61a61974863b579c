"""Networks with random weights: as fast as real ones, and good for nothing else."""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import nn

from vidcolor.errors import WeightsError
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.families.deoldify import DeOldifyColorizer, load_deoldify
from vidcolor.models.networks.deoldify import build_deoldify
from vidcolor.models.running.device import common_precision, resolve_devices
from vidcolor.models.running.replicas import place
from vidcolor.models.spec import ModelSpec

_CALIBRATION = (2, 3, 64, 64)
"""Pictures of noise from which norms learn what activations are like."""


def random_model(spec: ModelSpec, *, device: str = "auto", precision: str = "auto") -> Colorizer:
    """A model for measuring speed where its weights aren't installed.

    Activations stay finite and of ordinary size: overflows and denormal numbers would change the
    speed.

    Args:
        spec: which network.
        device: as ``load_model`` takes it.
        precision: likewise.

    Raises:
        DeviceError: the device or precision can't be had.
        WeightsError: networks of this family can't be made up.
    """
    targets = resolve_devices(device)
    dtype = common_precision(precision, targets, spec.precisions)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = _draw(spec, dtype)
    label = f"{spec.name} (random weights)"
    return place(network.eval(), spec, label=label, devices=targets, dtype=dtype)


def _draw(spec: ModelSpec, dtype: torch.dtype) -> nn.Module:
    if spec.family == "deoldify":
        return _draw_deoldify(spec.variant, dtype)
    raise WeightsError(f"{spec.name}: its weights are not installed, and none can be made up")


def _draw_deoldify(variant: str, dtype: torch.dtype) -> DeOldifyColorizer:
    network = build_deoldify(cast('Literal["artistic", "stable", "video"]', variant))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0  # what the only batch shows is all there is to know
    with torch.no_grad():
        network.train()(torch.randn(_CALIBRATION))
    return load_deoldify(network.eval().state_dict()).to(dtype)
