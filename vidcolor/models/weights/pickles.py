"""Looking at pickles without running anything of them.

torch's own loader (``weights_only``) refuses code, too. Here files that would run it are told from
damaged ones, pickles are looked at that torch is never given, and sizes are known before torch asks
memory for them.
"""

from __future__ import annotations

import pickle
import pickletools
from typing import Any, BinaryIO

_CALLS = frozenset(
    {"REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "BUILD", "EXT1", "EXT2", "EXT4"}
)
"""Opcodes by which a pickle calls something."""

_PLAIN = frozenset(
    {"collections.OrderedDict", "torch.Size", "torch.device"}
    | {f"torch._utils._rebuild_{name}" for name in ("tensor", "tensor_v2", "parameter")}
    | {f"torch.{name}" for name in ("float64", "float32", "float16", "bfloat16", "bool", "uint8")}
    | {f"torch.int{bits}" for bits in (8, 16, 32, 64)}
)
"""What a checkpoint of plain tensors names, besides storages."""

_ITEM_BYTES = {
    "DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2,
    "LongStorage": 8, "IntStorage": 4, "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1,
    "BoolStorage": 1,
}  # fmt: skip


class DamagedError(Exception):
    """The file is no checkpoint any more, or describes tensors that can't be."""


class CodeError(Exception):
    """Loading would call something that is no part of a plain checkpoint; says what."""


class BoundedFile:
    """Reads at most ``size`` bytes, so that a wrong length in the file can't reserve memory."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; fewer at the end."""
        data = self._file.read(min(max(size, 0), self._left))
        self._left -= len(data)
        return data

    def readline(self) -> bytes:
        """One line, at most 64 kB of it: names are short."""
        data = self._file.readline(min(self._left, 1 << 16))
        self._left -= len(data)
        return data


def refuse_calls(file: BoundedFile) -> None:
    """Refuse a pickle that calls anything, for files that are not loaded anyway.

    Only a whole pickle counts: a text that begins like one is no code.

    Raises:
        CodeError: it calls something; names what was named last before.
    """
    name, call = "something", None
    try:
        for opcode, argument, _ in pickletools.genops(file):  # type: ignore[arg-type]
            if call is None and isinstance(argument, str):
                name = argument
            if call is None and opcode.name in _CALLS:
                call = name
    except Exception:  # noqa: BLE001 - whatever the reader raises: it is no pickle
        return
    if call is not None:
        raise CodeError(call)


def storage_bytes(file: BoundedFile, pickles: int) -> tuple[dict[str, int], Any]:
    """Sizes of the tensors' data that a run of pickles refers to.

    Args:
        file: at the first of them; read to the end of the last.
        pickles: how many there are.

    Returns:
        Bytes by the data's key, and what the last pickle holds.

    Raises:
        CodeError: they name something that plain checkpoints don't.
        DamagedError: they are no pickles, or speak of data that can't be.
    """
    sizes: dict[str, int] = {}
    last = None
    for _ in range(pickles):
        try:
            last = _DryUnpickler(file, sizes).load()
        except CodeError:
            raise
        except Exception as error:  # whatever invalid input raises
            raise DamagedError(f"not a whole pickle ({type(error).__name__})") from error
    return sizes, last


class _Anything:
    """Stands for whatever a pickle names, makes or fills."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def __call__(self, *_: object) -> _Anything:
        return _Anything()

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass

    def append(self, value: object) -> None:
        pass

    def extend(self, values: object) -> None:
        pass


class _DryUnpickler(pickle._Unpickler):
    """Python's pickle machine, cut off from the world; the slow one, whose memo is safe."""

    dispatch = {
        code: action
        for code, action in pickle._Unpickler.dispatch.items()
        if code != pickle.BYTEARRAY8[0]  # it would fill as many bytes as it claims
    }

    def __init__(self, file: BoundedFile, sizes: dict[str, int]) -> None:
        super().__init__(file, encoding="utf-8", errors="replace")
        self._sizes = sizes

    def find_class(self, module: str, name: str, /) -> Any:  # noqa: ANN401
        is_storage = module in ("torch", "torch.storage") and name in _ITEM_BYTES
        if not is_storage and f"{module}.{name}" not in _PLAIN:
            raise CodeError(f"{module}.{name}")
        return _Anything(name)

    def persistent_load(self, pid: Any) -> Any:  # noqa: ANN401
        _, storage_type, key, _, count, *_ = pid
        if type(count) is not int or count < 0:
            raise ValueError(count)
        size = count * _ITEM_BYTES[storage_type.name]
        if self._sizes.setdefault(str(key), size) != size:
            raise ValueError(key)
        return _Anything()
