"""Read Caffe's files: the tensors ("blobs") of a .caffemodel, and layers of a .prototxt.

A .caffemodel is one message in Google's protobuf format. The few fields that are needed are
described here, after Caffe's published ``caffe.proto``; the ``protobuf`` package reads them, and
steps over all others. Only the current form of layers (field 100) is known: the one that the files
of colorizers have.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from vidcolor.errors import WeightsError
from vidcolor.models.weights.pickles import DamagedError

MAX_BYTES: Final = (1 << 31) - 1
"""Protobuf's own limit for one message."""

HULL: Final = "pts_in_hull"
"""Name of the tensor of colours that an .npy of that name beside the file holds."""

PROTOTXT: Final = "prototxt"
"""Name of the metadata that says where the network's description is."""

_STRING, _BYTES, _INT64, _MESSAGE = 9, 12, 3, 11
_BOOL, _UINT32 = 8, 13
_ONE, _MANY = 1, 3

_FIELDS: Final[Mapping[str, tuple[tuple[str, int, int, int, str], ...]]] = {
    "Shape": (("dim", 1, _INT64, _MANY, ""),),
    "Blob": (
        ("num", 1, _INT64, _ONE, ""),
        ("channels", 2, _INT64, _ONE, ""),
        ("height", 3, _INT64, _ONE, ""),
        ("width", 4, _INT64, _ONE, ""),
        # On disk a packed list of floats is like bytes; as such it becomes no list of Python's.
        ("data", 5, _BYTES, _ONE, ""),
        ("shape", 7, _MESSAGE, _ONE, "Shape"),
    ),
    "Convolution": (
        ("num_output", 1, _UINT32, _ONE, ""),
        ("bias_term", 2, _BOOL, _ONE, ""),
        ("pad", 3, _UINT32, _MANY, ""),
        ("kernel_size", 4, _UINT32, _MANY, ""),
        ("group", 5, _UINT32, _ONE, ""),
        ("stride", 6, _UINT32, _MANY, ""),
        ("dilation", 18, _UINT32, _MANY, ""),
    ),
    "Layer": (
        ("name", 1, _STRING, _ONE, ""),
        ("type", 2, _STRING, _ONE, ""),
        ("blobs", 7, _MESSAGE, _MANY, "Blob"),
        ("convolution_param", 106, _MESSAGE, _ONE, "Convolution"),
    ),
    "Net": (
        ("name", 1, _STRING, _ONE, ""),
        ("layer", 100, _MESSAGE, _MANY, "Layer"),
    ),
}  # fmt: skip
"""Messages: fields with name, number, type, whether one or many, and the message they hold."""

_HEAD = re.compile(rb"\x0a[\x01-\x7f][\x20-\x7e]+(\xa2\x06|[\x12\x1a\x22\x28\x42])", re.DOTALL)
"""A network's name, then a layer, an input or a state."""


def is_caffemodel(head: bytes, path: Path) -> bool:
    """Whether a file is one, by its first bytes, or else by its name."""
    return _HEAD.match(head) is not None or path.suffix.lower() == ".caffemodel"


def read_caffemodel(path: Path, size: int) -> dict[str, torch.Tensor]:
    """The blobs of a .caffemodel.

    Args:
        path: the file.
        size: of it, in bytes.

    Returns:
        Float32 tensors by the layer's name and the blob's place in it: "conv1_2.0".

    Raises:
        WeightsError: ``protobuf`` isn't installed, or the file is too large for its format.
        DamagedError: it is no such file, or a blob's shape doesn't fit its data.
    """
    if size > MAX_BYTES:
        raise WeightsError(f"{path}: a Caffe file of more than 2 GB can't be read")
    net = _message("Net", path)
    try:
        net.ParseFromString(path.read_bytes())
    except _decode_error() as error:
        raise DamagedError("not a whole protobuf message") from error
    tensors: dict[str, torch.Tensor] = {}
    for layer in net.layer:
        for place, blob in enumerate(layer.blobs):
            tensors[f"{layer.name}.{place}"] = _tensor(blob, layer.name)
    if not tensors:
        raise DamagedError("a Caffe file without weights")
    return tensors


def companions(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """What users of Caffe keep beside a .caffemodel.

    Returns:
        The colours of pts_in_hull.npy as the tensor ``HULL``, and the path of a .prototxt as the
        metadata ``PROTOTXT``; whichever is there.

    Raises:
        DamagedError: the .npy is none.
    """
    tensors, metadata = dict[str, torch.Tensor](), dict[str, str]()
    hull = path.with_name(f"{HULL}.npy")
    if hull.is_file():
        try:
            points = np.load(hull, allow_pickle=False)
            tensors[HULL] = torch.from_numpy(np.asarray(points, np.float32))
        except (ValueError, TypeError, EOFError) as error:
            raise DamagedError(f"{hull.name} beside it is no array of numbers") from error
    for name in (path.with_suffix(".prototxt"), path.with_name("colorization_deploy_v2.prototxt")):
        if name.is_file():
            metadata.setdefault(PROTOTXT, str(name))
    return tensors, metadata


def read_prototxt(path: Path) -> dict[str, dict[str, int]]:
    """The layers of a .prototxt.

    Returns:
        By name: of convolutions num_output, kernel_size, pad, stride and dilation; of others {}.

    Raises:
        WeightsError: it can't be read or understood.
    """
    net = _message("Net", path)
    from google.protobuf import text_format

    try:
        text_format.Parse(path.read_text("utf-8"), net, allow_unknown_field=True)
    except (text_format.ParseError, UnicodeError, OSError) as error:
        reason = " ".join(str(error).split())[:120]
        raise WeightsError(f"{path}: not a network description of Caffe ({reason})") from error
    return {layer.name: _geometry(layer.convolution_param) for layer in net.layer}


def _geometry(param: Any) -> dict[str, int]:  # noqa: ANN401 - made at run time
    """Numbers of a convolution; Caffe's defaults where nothing is said."""
    if not param.num_output:
        return {}
    first = {
        name: next(iter(getattr(param, name)), default)
        for name, default in (("kernel_size", 0), ("pad", 0), ("stride", 1), ("dilation", 1))
    }
    return {"num_output": param.num_output, **first}


def _tensor(blob: Any, layer: str) -> torch.Tensor:  # noqa: ANN401
    old = (blob.num, blob.channels, blob.height, blob.width)
    shape = tuple(blob.shape.dim) if blob.HasField("shape") else old
    values = np.frombuffer(blob.data, dtype="<f4") if len(blob.data) % 4 == 0 else None
    count = 1
    for side in shape:
        count *= side
    if values is None or count != values.size or any(side <= 0 for side in shape):
        raise DamagedError(f"a blob of layer {layer[:40]!r} has another size than its data")
    return torch.from_numpy(values.astype(np.float32)).view(shape)


def _message(name: str, path: Path) -> Any:  # noqa: ANN401
    """A new message.

    Raises:
        WeightsError: ``protobuf`` isn't installed.
    """
    try:
        return _classes()[name]()
    except ImportError:
        raise WeightsError(
            f"{path}: reading Caffe's files needs protobuf: pip install 'vidcolor[caffe]'"
        ) from None


def _decode_error() -> type[Exception]:
    from google.protobuf.message import DecodeError

    error: type[Exception] = DecodeError
    return error


@functools.cache
def _classes() -> dict[str, Any]:
    """Message classes by name, made of ``_FIELDS``."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(
        name="vidcolor/caffe.proto", package="vidcolor.caffe", syntax="proto2"
    )
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, kind, label, holds in fields:
            added = message.field.add(name=field, number=number, type=kind, label=label)
            if holds:
                added.type_name = f".vidcolor.caffe.{holds}"
            if kind == _INT64 and label == _MANY:
                added.options.packed = True
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"vidcolor.caffe.{name}"))
        for name in _FIELDS
    }
