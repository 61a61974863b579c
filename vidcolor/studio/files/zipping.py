"""A ZIP of finished files, made while it is sent: no second copy on the disk."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_CHUNK: Final = 1 << 20


class _Sink:
    """What ZipFile writes to: hands out what has been written, and can't go back."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        data, self._parts = b"".join(self._parts), []
        return data


def zipped(paths: list[Path]) -> Iterator[bytes]:
    """The bytes of a ZIP; pictures and films are compressed already, so they are stored as is."""
    sink, names = _Sink(), Counter[str]()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        for path in paths:
            names[path.name] += 1
            again = names[path.name]
            name = path.name if again == 1 else f"{path.stem}-{again}{path.suffix}"
            info = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
            with archive.open(info, "w", force_zip64=True) as entry, path.open("rb") as file:
                while data := file.read(_CHUNK):
                    entry.write(data)
                    yield sink.take()
    yield sink.take()
