"""What the endpoints share: the visitor, the studio, answers with files."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import Depends, Query, Request
from fastapi.responses import FileResponse

from vidcolor.studio.errors import NotFound
from vidcolor.studio.files.sources import Source
from vidcolor.studio.studio import Studio

_SHOWN: Final = frozenset({
    "image/jpeg", "image/png", "image/webp", "image/gif", "image/avif",
    "video/mp4", "video/webm", "video/quicktime", "video/x-matroska",
})  # fmt: skip
"""Types that browsers only draw or play. All others are given as plain bytes: a file that calls
itself HTML or SVG would run scripts with the page's rights."""
_TYPES: Final = {".mkv": "video/x-matroska", ".mov": "video/quicktime", ".m4v": "video/mp4"}


def _owner(request: Request) -> str:
    owner: str = request.state.owner
    return owner


def _studio(request: Request) -> Studio:
    studio: Studio = request.app.state.studio
    return studio


Owner = Annotated[str, Depends(_owner)]
"""The visitor, as the guard found out."""
TheStudio = Annotated[Studio, Depends(_studio)]
"""What the endpoints work with."""
SourceId = Annotated[
    str, Query(max_length=2000, description='"upload:ID" or "folder:N/path/to/file"')
]
"""Which file."""


def find(studio: Studio, owner: str, key: str) -> Source:
    """The file of an id, if it is the visitor's to read."""
    return studio.sources.find(owner, key)


def send_file(path: Path, *, name: str = "", download: bool = False) -> FileResponse:
    """A file, also in parts (Range); never as something that a browser runs.

    Raises:
        NotFound: it is gone.
    """
    if not path.is_file():
        raise NotFound("the file is gone")
    suffix = path.suffix.lower()
    kind = _TYPES.get(suffix) or mimetypes.types_map.get(suffix, "")
    if kind not in _SHOWN:
        kind, download = "application/octet-stream", True
    way = "attachment" if download else "inline"
    headers = {
        "content-disposition": f"{way}; filename*=UTF-8''{quote(name or path.name, safe='')}",
        "cache-control": "private, no-cache",
    }
    return FileResponse(path, media_type=kind, headers=headers)


def send_picture(path: Path) -> FileResponse:
    """A picture that was made for the page; its address changes with what is on it."""
    kind = "image/png" if path.suffix == ".png" else "image/jpeg"
    return FileResponse(path, media_type=kind, headers={"cache-control": "private, max-age=60"})
