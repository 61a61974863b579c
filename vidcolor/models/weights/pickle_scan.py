"""Read a checkpoint's pickle without running anything of it.

A pickle is a program: it names functions and has them called. Here it runs in Python's own pickle
machine with every name replaced by a harmless stand-in, so that all that it would call, and the
sizes of all tensors that it would make, are known before torch sees it. torch's
``weights_only=True`` would refuse hostile files too; the dry run tells them apart from damaged
ones, and catches sizes that lie before memory is asked for.
"""

from __future__ import annotations

import math
import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

_ITEM_BYTES = {
    "DoubleStorage": 8,
    "FloatStorage": 4,
    "HalfStorage": 2,
    "BFloat16Storage": 2,
    "LongStorage": 8,
    "IntStorage": 4,
    "ShortStorage": 2,
    "CharStorage": 1,
    "ByteStorage": 1,
    "BoolStorage": 1,
}
_DTYPES = frozenset(
    ("float64", "float32", "float16", "bfloat16")
    + ("int64", "int32", "int16", "int8", "uint8", "bool")
)
_REFUSED_OPCODES = (
    pickle.BYTEARRAY8,  # would fill as many bytes as it claims
    pickle.NEXT_BUFFER,
    pickle.EXT1,
    pickle.EXT2,
    pickle.EXT4,
)


class CodeError(Exception):
    """The pickle would call something that is no part of a plain checkpoint; says what."""


class DamagedError(Exception):
    """The pickle is no pickle, or describes tensors that can't be."""


class _Reader(Protocol):
    def read(self, size: int, /) -> bytes: ...
    def readline(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Storage:
    """A block of numbers that tensors are views of.

    Attributes:
        key: its name in the file.
        count: how many numbers.
        item_bytes: bytes per number.
    """

    key: str
    count: int
    item_bytes: int

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.count * self.item_bytes


class BoundedFile:
    """Reads at most ``size`` bytes: a length that lies can't make Python reserve memory for it."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self.left = file, size

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; fewer at the end."""
        data = self._file.read(min(max(size, 0), self.left))
        self.left -= len(data)
        return data

    def readline(self) -> bytes:
        """One line, at most 64 kB of it: names are short."""
        data = self._file.readline(min(self.left, 1 << 16))
        self.left -= len(data)
        return data


def scan_pickle(file: _Reader, storages: dict[str, Storage]) -> Any:  # noqa: ANN401
    """Run one pickle dry.

    Args:
        file: positioned at the pickle; read to its end and no further.
        storages: filled with the storages that it refers to, by key.

    Returns:
        What the pickle makes, with tensors and the like as stand-ins.

    Raises:
        CodeError: it would call something.
        DamagedError: it is no pickle, or its tensors can't be.
    """
    return _run(_DryUnpickler(file, storages, strict=True))


def contains_code(file: _Reader) -> str | None:
    """The name of what a pickle would call; None if nothing, also where this is no pickle at all.

    For files that are not loaded anyway: a text that happens to look like a pickle's beginning is
    not taken for one.
    """
    try:
        _run(_DryUnpickler(file, {}, strict=False))
    except CodeError as error:
        return str(error)
    except DamagedError:
        pass
    return None


def _run(unpickler: _DryUnpickler) -> Any:  # noqa: ANN401
    try:
        return unpickler.load()
    except (CodeError, DamagedError):
        raise
    except (
        pickle.UnpicklingError,
        ArithmeticError,
        AttributeError,
        EOFError,
        ImportError,
        LookupError,
        MemoryError,
        TypeError,
        UnicodeError,
        ValueError,
        AssertionError,
        RecursionError,
    ) as error:  # whatever nonsense can do to the machine
        raise DamagedError(f"not a whole pickle ({type(error).__name__})") from error


class _Name:
    """Stands for a global that the pickle names, and for what calling it returns."""

    __slots__ = ("_call", "name")

    def __init__(self, name: str, call: Callable[..., Any] | None = None) -> None:
        self.name, self._call = name, call

    def __call__(self, *args: Any) -> Any:  # noqa: ANN401
        if self._call is None:
            raise CodeError(self.name)
        return self._call(*args)


class _DryUnpickler(pickle._Unpickler):
    """Python's pickle machine, cut off from the world; the slow one, whose memo is safe."""

    dispatch = {
        code: action
        for code, action in pickle._Unpickler.dispatch.items()
        if code not in {opcode[0] for opcode in _REFUSED_OPCODES}
    }

    def __init__(self, file: _Reader, storages: dict[str, Storage], *, strict: bool) -> None:
        super().__init__(file, encoding="utf-8", errors="replace")
        self._storages, self._strict = storages, strict

    def find_class(self, module: str, name: str, /) -> Any:  # noqa: ANN401
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        full = f"{module}.{name}"
        if module in ("torch", "torch.storage") and (name in _ITEM_BYTES or name in _DTYPES):
            return _Name(full)
        if full in _HARMLESS:
            return _Name(full, _HARMLESS[full])
        if self._strict:
            raise CodeError(full)
        return _Name(full)

    def persistent_load(self, pid: Any) -> Any:  # noqa: ANN401
        if not self._strict:
            return None
        kind, storage_type, key, _, count, *_ = pid
        if kind != "storage" or not isinstance(storage_type, _Name):
            raise DamagedError(f"refers to something that is no tensor's storage: {kind!r:.40}")
        item_bytes = _ITEM_BYTES[storage_type.name.rpartition(".")[2]]
        storage = Storage(str(key), _whole(count), item_bytes)
        if self._storages.setdefault(storage.key, storage) != storage:
            raise DamagedError("describes one storage in two ways")
        return storage


def _check_tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> _Name:  # noqa: ANN401
    """A tensor must lie within its storage, and may not repeat numbers (stride 0) to look large."""
    if not isinstance(storage, Storage) or len(size) != len(stride):
        raise DamagedError("describes a tensor that can't be")
    sizes, strides = [_whole(n) for n in size], [_whole(n) for n in stride]
    count = math.prod(sizes)
    last = _whole(offset) + sum((n - 1) * step for n, step in zip(sizes, strides, strict=True))
    if count and (last >= storage.count or count > storage.count):
        raise DamagedError(f"describes a tensor of {tuple(sizes)} that is larger than its data")
    return _Name("tensor")


def _whole(n: Any) -> int:  # noqa: ANN401
    if type(n) is not int or n < 0:
        raise DamagedError("describes a tensor with a size that is none")
    return n


_HARMLESS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor_v2": _check_tensor,
    "torch._utils._rebuild_tensor": _check_tensor,
    "torch._utils._rebuild_parameter": lambda data, *_: data,
    "torch.Size": tuple,
    "torch.device": lambda *_: None,
}
"""What torch calls to make plain tensors, and what it does here instead."""
