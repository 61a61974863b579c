"""Sources: what the API calls a file: ``upload:ID``, or ``folder:N/path/in/it``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from vidcolor.studio.errors import NotFound, StudioError
from vidcolor.studio.files.uploads import Uploads
from vidcolor.studio.security.paths import inside

_MAX_ENTRIES: Final = 5000
"""Of one listing."""

# fmt: off
PHOTO_SUFFIXES: Final = frozenset({
    ".avif", ".bmp", ".heic", ".heif", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png",
    ".pnm", ".ppm", ".tif", ".tiff", ".webp",
})
FILM_SUFFIXES: Final = frozenset({
    ".3gp", ".asf", ".avi", ".dv", ".flv", ".gif", ".m2ts", ".m2v", ".m4v", ".mkv", ".mov", ".mp4",
    ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv",
})
# fmt: on
"""By which listings show files; what a file is, is found from its content when it is opened."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that a user may read.

    Attributes:
        id: as above.
        path: where it is.
        name: for people.
        is_upload: it is in the studio's own folder.
    """

    id: str
    path: Path
    name: str
    is_upload: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a listing.

    Attributes:
        id: of the source, or of the folder.
        name: file name.
        kind: what it seems to be, by its name.
        size: in bytes, 0 for folders.
    """

    id: str
    name: str
    kind: Literal["folder", "photo", "film"]
    size: int = 0


class Sources:
    """From ids to files, for one user at a time."""

    def __init__(self, folders: Sequence[Path], uploads: Uploads) -> None:
        """Take the folders in the order in which ids number them."""
        self._folders = [Path(os.path.realpath(folder)) for folder in folders]
        self._uploads = uploads

    @property
    def folders(self) -> list[Entry]:
        """The given folders."""
        return [
            Entry(f"folder:{at}", path.name or str(path), "folder")
            for at, path in enumerate(self._folders)
        ]

    def find(self, owner: str, key: str) -> Source:
        """The file of an id.

        Raises:
            NotFound: no file of that id for this user.
        """
        if key.startswith("upload:"):
            upload = self._uploads.find(owner, key.removeprefix("upload:"))
            if upload.kind == "weights":
                raise NotFound("no such file")
            return Source(key, upload.path, upload.name, is_upload=True)
        path = self._resolve(key)
        if not path.is_file():
            raise NotFound("no such file")
        return Source(key, path, path.name, is_upload=False)

    def id_of(self, path: Path) -> str | None:
        """The id of a file below a given folder, a path without links; None for others."""
        name = str(path)
        for at, folder in enumerate(self._folders):
            prefix = f"{folder}{os.sep}"
            if name.startswith(prefix):
                return f"folder:{at}/{name[len(prefix) :].replace(os.sep, '/')}"
        return None

    def listing(self, key: str) -> list[Entry]:
        """What is in a folder: folders, photographs and films, by name.

        Raises:
            NotFound: no such folder.
            StudioError: it holds too much.
        """
        folder = self._resolve(key)
        if not folder.is_dir():
            raise NotFound("no such folder")
        entries: list[Entry] = []
        try:
            for each in os.scandir(folder):
                kind = _kind(each)
                if kind is not None:
                    size = 0 if kind == "folder" else each.stat().st_size
                    entries.append(Entry(f"{key}/{each.name}", each.name, kind, size))
                if len(entries) > _MAX_ENTRIES:
                    raise StudioError(f"more than {_MAX_ENTRIES} files: make smaller folders")
        except OSError as error:
            raise NotFound(f"the folder can't be read: {error.strerror}") from None
        return sorted(entries, key=lambda e: (e.kind != "folder", e.name.casefold()))

    def _resolve(self, key: str) -> Path:
        head, _, relative = key.partition("/")
        number = head.removeprefix("folder:")
        if not head.startswith("folder:") or not (number.isascii() and number.isdecimal()):
            raise NotFound("no such file")
        if len(number) > 4 or int(number) >= len(self._folders):
            raise NotFound("no such file")
        return inside(self._folders[int(number)], relative)


def _kind(entry: os.DirEntry[str]) -> Literal["folder", "photo", "film"] | None:
    if entry.name.startswith(".") or entry.is_symlink():
        return None
    if entry.is_dir():
        return "folder"
    suffix = os.path.splitext(entry.name)[1].lower()
    if suffix in PHOTO_SUFFIXES:
        return "photo"
    return "film" if suffix in FILM_SUFFIXES else None
