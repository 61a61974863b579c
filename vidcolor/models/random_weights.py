"""Networks with random weights: as fast as real ones, and good for nothing else."""

from __future__ import annotations

import torch

from vidcolor.errors import WeightsError
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.families.registry import family_of
from vidcolor.models.running.device import common_precision, resolve_devices
from vidcolor.models.running.replicas import place
from vidcolor.models.spec import ModelSpec


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
        WeightsError: weights of this model come with vidcolor, but aren't there.
    """
    family = family_of(spec)
    if family.draw is None:
        raise WeightsError(f"{spec.name}: its weights are missing, and none can be made up")
    targets = resolve_devices(device)
    dtype = common_precision(precision, targets, spec.precisions)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        built = family.build(family.draw(spec), dtype)
    label = f"{spec.name} (random weights)"
    return place(built, spec, label=label, devices=targets, dtype=dtype)
