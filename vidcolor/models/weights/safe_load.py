"""Read a checkpoint that may come from anywhere: tensors only, never code.

Formats are told apart by content, not by name: safetensors, torch's zip format (since 1.6), its
older sequence of pickles, and Caffe's .caffemodel (``caffe``). Files that would run
code are refused as such; damaged ones, and ones that are something else (a saved web page, a Git
LFS pointer), are named for what they are.
"""

from __future__ import annotations

import os
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

import torch
from safetensors import safe_open

from vidcolor.errors import UnsafeWeightsError, VidcolorError, WeightsError
from vidcolor.models.weights.caffe import companions, is_caffemodel, read_caffemodel
from vidcolor.models.weights.pickles import (
    BoundedFile,
    CodeError,
    DamagedError,
    refuse_calls,
    storage_bytes,
)

_WRAPPERS = ("model", "state_dict", "params_ema", "params", "model_state_dict", "generator", "net")
"""Keys under which training programs keep the state_dict."""

_MAX_WRAPPERS = 4
_HEAD_BYTES = 512
_LEGACY_MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""What torch's old format begins with: its magic number, pickled."""
_LEGACY_PICKLES = 5  # magic number, protocol, system, the object, keys of the storages
_SAFETENSORS_MAX_HEADER = 100_000_000  # the format's own limit


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was in a file.

    Attributes:
        state_dict: tensors by name, on the CPU, in the dtypes they were saved in.
        metadata: texts that a safetensors file carries besides; of a .caffemodel, what lies beside
            it; empty for other formats.
    """

    state_dict: dict[str, torch.Tensor]
    metadata: dict[str, str] = field(default_factory=dict)


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Load the tensors of a .pth, .pt, .safetensors or .caffemodel file, recognised by its content.

    Args:
        path: the file. A state_dict nested as ``{"model": {...}}`` and the like is unwrapped, and
            the ``module.`` that DataParallel puts before every name is taken off.

    Returns:
        The tensors; large files are mapped into memory where the format allows.

    Raises:
        UnsafeWeightsError: loading the file would run code; nothing of it was run.
        WeightsError: the file is missing, unreadable, damaged, or no checkpoint.
    """
    path = Path(path)
    try:
        head, size = _read_head(path)
        return _LOADERS[_kind(head, path)](path, size)
    except VidcolorError:
        raise
    except CodeError as error:
        raise UnsafeWeightsError(
            f"{path}: loading it would run code ({str(error)[:80]!r}), so it was not loaded; "
            "get a file that holds nothing but tensors, best as .safetensors"
        ) from error
    except OSError as error:
        raise WeightsError(f"{path}: can't read it: {error.strerror or error}") from error
    # Whatever the readers of three formats raise on damaged input: the file is at fault.
    except Exception as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise WeightsError(
            f"{path}: can't be loaded, perhaps damaged or cut short ({reason})"
        ) from error


def _read_head(path: Path) -> tuple[bytes, int]:
    """The first bytes and the size of a regular file."""
    if path.is_dir():
        raise WeightsError(f"{path}: is a folder; name the checkpoint file in it")
    if not path.exists():
        raise WeightsError(f"{path}: there is no such file")
    if not path.is_file():
        raise WeightsError(f"{path}: is not a regular file")
    with open(path, "rb") as file:
        head, size = file.read(_HEAD_BYTES), os.fstat(file.fileno()).st_size
    if size == 0:
        raise WeightsError(f"{path}: is empty")
    return head, size


def _kind(head: bytes, path: Path) -> str:
    """Which reader to use."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(_LEGACY_MAGIC):
        return "legacy"
    if head[257:262] == b"ustar":
        return "tar"
    if head[8:9] == b"{":
        (header,) = struct.unpack("<Q", head[:8])
        if header <= _SAFETENSORS_MAX_HEADER or path.suffix == ".safetensors":
            return "safetensors"
    return "caffe" if is_caffemodel(head, path) else "other"


def _load_safetensors(path: Path, size: int) -> Checkpoint:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise WeightsError(f"{path}: safetensors opens names in UTF-8 only; rename it") from error
    with safe_open(path, framework="pt", device="cpu") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata() or {}
    return Checkpoint(_state_dict(tensors, path), metadata)


def _load_zip(path: Path, size: int) -> Checkpoint:
    with zipfile.ZipFile(path) as archive:
        members = _checked_members(archive, size)
        main = next(iter(members), "").split("/")[0] + "/data.pkl"
        for name, member in members.items():
            if name != main and not member.is_dir():
                _refuse_code(archive, member)
        if main not in members:
            raise WeightsError(f"{path}: a zip archive, but not a checkpoint of torch")
        with cast(BinaryIO, archive.open(members[main])) as file:
            sizes, _ = storage_bytes(BoundedFile(file, members[main].file_size), 1)
    for key, nbytes in sizes.items():
        data = members.get(main.removesuffix(".pkl") + f"/{key}")
        if data is None or data.file_size < nbytes:
            raise DamagedError(f"the data of storage {key[:40]!r} is missing")
    return Checkpoint(_state_dict(_torch_load(path, mmap=True), path))


def _checked_members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """Members by name; none may be packed (torch never does it) or there twice.

    So their sizes can't add up to more than the file, and torch's zip reader, which ignores case,
    sees the same members as Python's.
    """
    members = {member.filename: member for member in archive.infolist()}
    if len({name.casefold() for name in members}) != len(archive.infolist()):
        raise DamagedError("a member of the archive is there twice")
    if any(member.compress_type != zipfile.ZIP_STORED for member in members.values()):
        raise DamagedError("members of the archive are compressed, which torch never does")
    if sum(member.file_size for member in members.values()) > size:
        raise DamagedError("members of the archive are larger than the file")
    return members


def _refuse_code(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Refuse code in members that torch would not read, too."""
    name = member.filename
    if "/code/" in name and name.endswith(".py"):
        raise CodeError(f"TorchScript, {name}")
    if name.rpartition("/")[2].endswith((".pkl", ".pickle", ".pth", ".pt", ".bin", "pickle")):
        with cast(BinaryIO, archive.open(member)) as file:
            refuse_calls(BoundedFile(file, member.file_size))


def _load_legacy(path: Path, size: int) -> Checkpoint:
    """Five pickles, then for each storage its count of numbers as 8 bytes, and its numbers."""
    with open(path, "rb") as file:
        sizes, keys = storage_bytes(BoundedFile(file, size), _LEGACY_PICKLES)
        end = file.tell() + sum(8 + nbytes for nbytes in sizes.values())
    if not isinstance(keys, list) or {str(key) for key in keys} != set(sizes):
        raise DamagedError("the list of storages does not fit the tensors")
    if end > size:
        raise DamagedError(f"has {size} bytes, {end} were expected")
    return Checkpoint(_state_dict(_torch_load(path, mmap=False), path))


def _load_tar(path: Path, size: int) -> Checkpoint:
    with tarfile.open(path, "r:") as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isreg() else None
            if file is not None:
                refuse_calls(BoundedFile(cast(BinaryIO, file), size))
    raise WeightsError(f"{path}: a tar archive; tensors are not read from those, unpack it first")


def _load_caffe(path: Path, size: int) -> Checkpoint:
    beside, metadata = companions(path)
    return Checkpoint(read_caffemodel(path, size) | beside, metadata)


def _load_other(path: Path, size: int) -> Checkpoint:
    """Say what the file is, since it is no checkpoint."""
    with open(path, "rb") as file:
        head = file.read(_HEAD_BYTES).lstrip()
        file.seek(0)
        refuse_calls(BoundedFile(file, size))
        if head.startswith(b"\x80"):  # a pickle, by its first byte: whole, or damaged
            file.seek(0)
            storage_bytes(BoundedFile(file, size), 1)
    if head[:9].lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise WeightsError(f"{path}: a web page, not a checkpoint; the download went wrong")
    if head.startswith(b"version https://git-lfs"):
        raise WeightsError(f"{path}: a Git LFS pointer, not the file itself; run git lfs pull")
    raise WeightsError(f"{path}: not a checkpoint (neither safetensors nor torch's nor Caffe's)")


def _torch_load(path: Path, *, mmap: bool) -> Any:  # noqa: ANN401
    return torch.load(str(path), map_location="cpu", weights_only=True, mmap=mmap)


def _state_dict(loaded: Any, path: Path) -> dict[str, torch.Tensor]:  # noqa: ANN401
    """Find the tensors in what training programs wrap around them."""
    for _ in range(_MAX_WRAPPERS):
        if not isinstance(loaded, Mapping):
            break
        inner = [loaded[key] for key in _WRAPPERS if isinstance(loaded.get(key), Mapping)]
        if not inner:
            break
        loaded = inner[0]
    if not isinstance(loaded, Mapping):
        raise WeightsError(f"{path}: holds {type(loaded).__name__}, not a table of named tensors")
    tensors = {
        key: value.detach()
        for key, value in loaded.items()
        if isinstance(key, str) and isinstance(value, torch.Tensor)
    }
    if not tensors:
        raise WeightsError(
            f"{path}: holds no named tensors; if it is a run's checkpoint, name the .safetensors "
            "beside it"
        )
    for name, tensor in tensors.items():
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise DamagedError(f"{name[:40]!r} is a tensor that is larger than its data")
    if all(key.startswith("module.") for key in tensors):
        tensors = {key.removeprefix("module."): value for key, value in tensors.items()}
    return tensors


_LOADERS = {
    "safetensors": _load_safetensors,
    "zip": _load_zip,
    "legacy": _load_legacy,
    "tar": _load_tar,
    "caffe": _load_caffe,
    "other": _load_other,
}
