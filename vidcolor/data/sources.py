"""Where photographs come from: folders, plain tar files, and lists of members (``index.csv``)."""

from __future__ import annotations

import csv
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from vidcolor.errors import InputError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
"""Of pictures that are looked for in folders and tar files."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one encoded picture lies; reading it needs no open archive, so any thread may.

    Attributes:
        name: of the file, or of the member of an archive.
        file: the file or archive.
        offset: first byte of the picture in it.
        size: bytes, -1 for the rest of the file.
        weight: how often it should be seen in training, relative to others.
        looked_at: somebody decided that it is fit to train on, even if it is nearly grey.
    """

    name: str
    file: Path
    offset: int = 0
    size: int = -1
    weight: float = 1.0
    looked_at: bool = False

    def read(self) -> bytes:
        """The encoded picture.

        Raises:
            OSError: if the file can't be read.
        """
        with self.file.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


def list_entries(source: Path, *, split: str = "") -> list[Entry]:
    """Pictures of a folder, a plain tar file or an ``index.csv``, sorted by name.

    A list has a header; its column ``member`` (or ``file``, or ``path``) names pictures relative to
    the list's folder, or members of the tar files that lie beside it; with a column ``archive``,
    members of the tar file that it names, relative to the list's folder, where it isn't empty.
    Rows whose ``keep`` is "yes" are marked as looked at; ``weight`` is a number above 0.

    Args:
        source: what to look into.
        split: with a list that has a column ``split``: take only rows with this value.

    Raises:
        InputError: if the source can't be read, or a listed picture is missing.
    """
    if source.is_dir():
        found = (p for p in source.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        return [Entry(str(p.relative_to(source)), p) for p in sorted(found)]
    if source.suffix.lower() == ".csv":
        return _listed(source, split)
    return sorted(_members(source), key=lambda entry: entry.name)


def iter_named(source: Path, *, split: str = "") -> Iterator[tuple[str, bytes]]:
    """Names and encoded bytes of the pictures of a source; see ``list_entries``.

    Raises:
        InputError: if the source can't be read.
    """
    for entry in list_entries(source, split=split):
        try:
            yield entry.name, entry.read()
        except OSError as error:
            raise InputError(f"{entry.file}: can't read {entry.name}: {error}") from error


def _members(archive: Path) -> Iterator[Entry]:
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                if member.isfile() and Path(member.name).suffix.lower() in SUFFIXES:
                    yield Entry(member.name, archive, member.offset_data, member.size)
    except (OSError, tarfile.TarError) as error:
        raise InputError(
            f"{archive}: neither a folder, a list (.csv) nor a plain tar file: {error}"
        ) from error


def _listed(source: Path, split: str) -> list[Entry]:
    try:
        # Excel begins its files with a byte order mark.
        with source.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            header = reader.fieldnames or []
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{source}: can't read this list: {error}") from error
    column = next((c for c in ("member", "file", "path") if c in header), None)
    if column is None:
        raise InputError(f"{source}: needs a header and a column 'member', 'file' or 'path'")
    for line, row in rows:
        if not row[column] or row.get("split", "") is None:
            raise InputError(f"{source}: line {line} is too short, or its {column!r} is empty")
    chosen = [row for _, row in rows if not split or row.get("split", split) == split]
    chosen.sort(key=lambda row: (row[column], row.get("archive") or ""))
    archives = _Archives(source)
    return [_marked(archives.find(row[column], row.get("archive")), row, source) for row in chosen]


class _Archives:
    """The tar files that a list names, or that lie beside it."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._known: dict[str | None, dict[str, Entry]] = {}

    def find(self, name: str, archive: str | None) -> Entry:
        """A picture; ``archive`` is "" for a file of its own, None for any tar beside the list."""
        source = self._source
        if archive != "" and archive not in self._known:
            tars = (
                sorted(source.parent.glob("*.tar"))
                if archive is None
                else [source.parent / archive]
            )
            self._known[archive] = {e.name: e for tar in tars for e in _members(tar)}
        found = self._known[archive].get(name) if archive != "" else None
        if found is not None:
            return found
        file = source.parent / name
        if not archive and file.is_file():
            return Entry(name, file)
        where = f"not in {archive}" if archive else "lies neither beside it nor in a tar there"
        raise InputError(f"{source}: {name} is listed, but {where}")


def _marked(entry: Entry, row: dict[str, str], source: Path) -> Entry:
    """With what a list says of it."""
    keep, weight = row.get("keep"), row.get("weight")
    if keep != "yes" and not weight:
        return entry
    try:
        number = float(weight or 1.0)
    except ValueError:
        number = 0.0
    if not 0.0 < number < float("inf"):
        raise InputError(f"{source}: {entry.name}: weight {weight!r} isn't a number above 0")
    return replace(entry, weight=number, looked_at=keep == "yes")
