"""``colorization_release_v2.caffemodel`` of Zhang et al. 2016 as a state_dict of ``EccvNet``.

Caffe's file lacks two things that its users put into the network by hand: the 313 colours
(``pts_in_hull.npy``), and the factor on the scores that makes the mean an annealed one. The colours
are known here, so the .npy isn't needed; one that lies beside the file is used all the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from vidcolor.errors import WeightsError
from vidcolor.models.networks.layers.blocks import AB_SCALE
from vidcolor.models.networks.published.zhang import COLOURS, EccvNet
from vidcolor.models.weights.caffe import HULL, PROTOTXT, read_prototxt
from vidcolor.models.weights.safe_load import Checkpoint

SHARPENING: Final = 2.606
"""The published factor on the scores, near 1 / 0.38."""

INPUT_UNIT: Final = 100.0
"""L* in one unit of the .pth's input; Caffe's network is given L* - 50 itself."""

_ROWS: Final = (
    (50, 90), (20, 90), (0, 90), (-20, 90), (-30, 100), (-40, 100), (-50, 100), (-50, 100),
    (-60, 100), (-70, 100), (-80, 90), (-80, 90), (-90, 90), (-100, 90), (-100, 80), (-110, 80),
    (-110, 80), (-110, 70), (-110, 70), (-90, 0),
)  # fmt: skip
"""First and last b of the 313 colours by a, from -90 to 100 in tens."""

_SIGN: Final = ("bw_conv1_1.0", "conv8_1.0", "conv8_313.0")


def is_eccv(checkpoint: Checkpoint) -> bool:
    """Whether these are the blobs of that file, under Caffe's names."""
    return all(name in checkpoint.state_dict for name in _SIGN)


def hull_points() -> Tensor:
    """The 313 colours in the file's order, ``(313, 2)`` float32 ab: those of pts_in_hull.npy."""
    points = [
        (a, b)
        for a, (first, last) in zip(range(-90, 101, 10), _ROWS, strict=True)
        for b in range(first, last + 1, 10)
    ]
    return torch.tensor(points, dtype=torch.float32)


def layer_names() -> dict[str, str]:
    """Caffe's layers by the names of ``EccvNet``'s convolutions and norms, in order."""
    names: dict[str, str] = {}
    for number, convs in enumerate((2, 2, 3, 3, 3, 3, 3), start=1):
        for place in range(convs):
            names[f"model{number}.{2 * place}"] = f"conv{number}_{place + 1}"
        names[f"model{number}.{2 * convs}"] = f"conv{number}_{convs}norm"
    names["model1.0"] = "bw_conv1_1"
    names |= {f"model8.{2 * place}": f"conv8_{place + 1}" for place in range(3)}
    return names | {"model8.6": "conv8_313"}


def from_caffe(checkpoint: Checkpoint) -> Checkpoint:
    """The same network under the published .pth's names.

    Args:
        checkpoint: as ``load_checkpoint`` reads a .caffemodel.

    Raises:
        WeightsError: a layer is missing, or a .prototxt beside the file describes another network.
    """
    with torch.device("meta"):
        network = EccvNet()
    if PROTOTXT in checkpoint.metadata:
        _check_description(network, checkpoint.metadata[PROTOTXT])
    blobs, state = checkpoint.state_dict, dict[str, Tensor]()
    for name, layer in layer_names().items():
        try:
            if isinstance(network.get_submodule(name), nn.BatchNorm2d):
                state |= _norm(name, *(blobs[f"{layer}.{place}"] for place in range(3)))
            else:
                state[f"{name}.weight"] = blobs[f"{layer}.0"]
                state[f"{name}.bias"] = blobs[f"{layer}.1"].flatten()
        except KeyError as error:
            raise WeightsError(f"weights of zhang-eccv16 don't fit: {error} is missing") from error
    state["model1.0.weight"] = state["model1.0.weight"] * INPUT_UNIT
    for kind in ("weight", "bias"):
        state[f"model8.6.{kind}"] = state[f"model8.6.{kind}"] * SHARPENING
    state["model_out.weight"] = _colours(blobs).t().reshape(2, COLOURS, 1, 1) / AB_SCALE
    return Checkpoint(state)


def _norm(name: str, mean: Tensor, variance: Tensor, factor: Tensor) -> dict[str, Tensor]:
    """Caffe keeps sums over batches and the count that divides them; no scale, no shift."""
    count = float(factor.flatten()[0])
    scale = 1.0 / count if count else 0.0
    return {
        f"{name}.weight": torch.ones(mean.numel()),
        f"{name}.bias": torch.zeros(mean.numel()),
        f"{name}.running_mean": mean.flatten() * scale,
        f"{name}.running_var": variance.flatten() * scale,
        f"{name}.num_batches_tracked": torch.tensor(0),
    }


def _colours(blobs: dict[str, Tensor]) -> Tensor:
    points = blobs.get(HULL, hull_points()).float()
    if tuple(points.shape) != (COLOURS, 2) or not bool(points.isfinite().all()):
        raise WeightsError(f"pts_in_hull.npy: {tuple(points.shape)} instead of (313, 2) colours")
    return points


def _check_description(network: nn.Module, path: str) -> None:
    """Compare a .prototxt's convolutions with the network's."""
    layers = read_prototxt(Path(path))
    for name, layer in layer_names().items():
        module = network.get_submodule(name)
        if not isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            continue
        wanted = {
            "num_output": module.out_channels,
            "kernel_size": module.kernel_size[0],
            "pad": int(module.padding[0]),
            "stride": module.stride[0],
            "dilation": module.dilation[0],
        }
        if layers.get(layer) != wanted:
            raise WeightsError(f"{path}: layer {layer} is another than in the network of 2016")
