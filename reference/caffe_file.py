"""Writes a .caffemodel of the layout of colorization_release_v2, for tests; and its .prototxt.

The bytes are put together by hand, after Google's description of protobuf's wire format, so that
vidcolor's reader is not checked against itself.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np
from synthetic import Array

CONVS: dict[str, tuple[int, int, int, int, int]] = {
    "bw_conv1_1": (64, 3, 1, 1, 1), "conv1_2": (64, 3, 1, 2, 1),
    "conv2_1": (128, 3, 1, 1, 1), "conv2_2": (128, 3, 1, 2, 1),
    "conv3_1": (256, 3, 1, 1, 1), "conv3_2": (256, 3, 1, 1, 1), "conv3_3": (256, 3, 1, 2, 1),
    "conv4_1": (512, 3, 1, 1, 1), "conv4_2": (512, 3, 1, 1, 1), "conv4_3": (512, 3, 1, 1, 1),
    "conv5_1": (512, 3, 2, 1, 2), "conv5_2": (512, 3, 2, 1, 2), "conv5_3": (512, 3, 2, 1, 2),
    "conv6_1": (512, 3, 2, 1, 2), "conv6_2": (512, 3, 2, 1, 2), "conv6_3": (512, 3, 2, 1, 2),
    "conv7_1": (512, 3, 1, 1, 1), "conv7_2": (512, 3, 1, 1, 1), "conv7_3": (512, 3, 1, 1, 1),
    "conv8_1": (256, 4, 1, 2, 1), "conv8_2": (256, 3, 1, 1, 1), "conv8_3": (256, 3, 1, 1, 1),
    "conv8_313": (313, 1, 0, 1, 1),
}  # fmt: skip
"""The published convolutions in order: outputs, kernel, padding, stride, dilation."""

NORMS = {"conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3", "conv6_3", "conv7_3"}
"""Layers behind which a BatchNorm stands."""


def torch_names() -> dict[str, str]:
    """The .pth's names by Caffe's layers."""
    names, number, place = dict[str, str](), 1, 0
    for layer in CONVS:
        names[layer] = f"model{number}.{place}"
        place += 2
        if layer in NORMS:
            names[f"{layer}norm"] = f"model{number}.{place}"
            number, place = number + 1, 0
    return names


def caffemodel(state: Mapping[str, Array]) -> bytes:
    """The file for a state_dict of the .pth's names; BatchNorms there have scale 1 and shift 0."""
    layers = [_field(1, b"LtoAB")]
    for layer, name in torch_names().items():
        if layer.endswith("norm"):
            # Caffe stores sums and what divides them.
            count = 999.98
            mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
            blobs = [(mean.shape, mean * count), (mean.shape, variance * count), ((1,), [count])]
            layers.append(_layer(layer, "BatchNorm", blobs))
        else:
            kind = "Deconvolution" if layer == "conv8_1" else "Convolution"
            # Caffe's network is given L* - 50, the .pth's (L* - 50) / 100.
            unit = np.float32(0.01 if layer == "bw_conv1_1" else 1.0)
            parts = [state[f"{name}.weight"] * unit, state[f"{name}.bias"]]
            layers.append(_layer(layer, kind, [(part.shape, part) for part in parts]))
    return b"".join(layers)


def prototxt(height: int, width: int) -> str:
    """The network's description with the published layers, for another input size than 224."""
    dims = f"dim: 1 dim: 1 dim: {height} dim: {width}"
    lines = ['name: "LtoAB"', f'layer {{ name: "data_l" type: "Input" top: "data_l" input_param {{ shape {{ {dims} }} }} }}']  # fmt: skip  # noqa: E501
    bottom = "data_l"
    for layer, (out, kernel, pad, stride, dilation) in CONVS.items():
        top = layer.removeprefix("bw_")
        kind = "Deconvolution" if layer == "conv8_1" else "Convolution"
        sizes = f"num_output: {out} kernel_size: {kernel} pad: {pad} stride: {stride} dilation: {dilation}"  # noqa: E501
        lines.append(f'layer {{ name: "{layer}" type: "{kind}" bottom: "{bottom}" top: "{top}" convolution_param {{ {sizes} }} }}')  # fmt: skip  # noqa: E501
        bottom = top
        if layer != "conv8_313":
            lines.append(f'layer {{ name: "relu_{top}" type: "ReLU" bottom: "{top}" top: "{top}" }}')  # fmt: skip  # noqa: E501
        if layer in NORMS:
            bottom = f"{top}norm"
            lines.append(f'layer {{ name: "{bottom}" type: "BatchNorm" bottom: "{top}" top: "{bottom}" batch_norm_param {{ }} }}')  # fmt: skip  # noqa: E501
    lines += [
        'layer { name: "conv8_313_rh" type: "Scale" bottom: "conv8_313" top: "conv8_313_rh"'
        ' scale_param { bias_term: false filler { type: "constant" value: 2.606 } } }',
        'layer { name: "class8_313_rh" type: "Softmax" bottom: "conv8_313_rh" top: "class8_313_rh" }',  # noqa: E501
        'layer { name: "class8_ab" type: "Convolution" bottom: "class8_313_rh" top: "class8_ab"'
        " convolution_param { num_output: 2 kernel_size: 1 stride: 1 dilation: 1 } }",
    ]
    return "\n".join(lines) + "\n"


def _layer(name: str, kind: str, blobs: Sequence[tuple[Sequence[int], Sequence[float]]]) -> bytes:
    body = _field(1, name.encode()) + _field(2, kind.encode())
    for shape, values in blobs:
        dims = b"".join(_varint(side) for side in shape)
        data = b"".join(
            [memoryview(values.astype("<f4")).cast("B").tobytes()]  # type: ignore[attr-defined]
            if hasattr(values, "astype")
            else [struct.pack("<f", value) for value in values]
        )
        body += _field(7, _field(7, _field(1, dims)) + _field(5, data))
    return _field(100, body)


def _field(number: int, data: bytes) -> bytes:
    """A field of bytes, text or a message."""
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    coded = bytearray()
    while value > 127:
        coded.append(value & 127 | 128)
        value >>= 7
    return bytes([*coded, value])
