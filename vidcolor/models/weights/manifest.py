"""Which weights there are, where they come from, how to know them: facts of ``manifest.json``.

The file is data: another network's weights are added there, not here. ``VIDCOLOR_MANIFEST`` may
name another file of the same form, for archives that keep their own mirrors.
"""

from __future__ import annotations

import difflib
import functools
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from vidcolor.errors import WeightsError

MANIFEST_VARIABLE = "VIDCOLOR_MANIFEST"
"""Environment variable: path of a manifest that replaces the built-in one."""

_SCHEMA = 1
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class WeightsEntry:
    """One file of weights.

    Attributes:
        name: what users call it, such as "deoldify-video".
        kind: "download" is fetched from ``urls``; "bundled" is shipped inside the package.
        file: name of the file on disk.
        size: exact size in bytes; 0 for bundled files, which change with each release.
        sha256: 64 lower-case hexadecimal digits; "" for bundled files.
        urls: the official address first, then the mirrors in the order to try them.
        licence: SPDX name of the licence of the weights.
        source: page of the project that they come from.
        credit: whom to name.
        evidence: why size and hash are believed.
    """

    name: str
    kind: Literal["download", "bundled"]
    file: str
    size: int = 0
    sha256: str = ""
    urls: tuple[str, ...] = ()
    licence: str = ""
    source: str = ""
    credit: str = ""
    evidence: str = ""

    def __post_init__(self) -> None:
        """Check what the rest relies on.

        Raises:
            ValueError: a field is missing or can't be right.
        """
        if not _FILE_NAME.fullmatch(self.file):
            raise ValueError(f"{self.name}: not a plain file name: {self.file!r}")
        if self.kind == "bundled":
            return
        if self.kind != "download":
            raise ValueError(f"{self.name}: unknown kind {self.kind!r}")
        if self.size <= 0 or not _SHA256.fullmatch(self.sha256) or not self.urls:
            raise ValueError(f"{self.name}: a download needs size, sha256 and a url")
        for url in self.urls:
            if urlsplit(url).scheme not in ("http", "https"):
                raise ValueError(f"{self.name}: only http and https are allowed, not {url}")


def load_manifest(path: Path | None = None) -> Mapping[str, WeightsEntry]:
    """Read a manifest.

    Args:
        path: a JSON file; None reads ``VIDCOLOR_MANIFEST`` or else the built-in manifest.

    Returns:
        Entries by name, in the file's order; read-only.

    Raises:
        WeightsError: the file can't be read or is not a manifest.
    """
    if path is None and os.environ.get(MANIFEST_VARIABLE):
        path = Path(os.environ[MANIFEST_VARIABLE]).expanduser()
    if path is None:
        return _builtin_manifest()
    try:
        return _parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WeightsError(f"{path}: can't read this manifest: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise WeightsError(f"{path}: not a manifest of weights: {error}") from error


def get_entry(name: str) -> WeightsEntry:
    """Look up one entry.

    Raises:
        WeightsError: no weights of that name; the message lists what there is.
    """
    entries = load_manifest()
    if name in entries:
        return entries[name]
    near = difflib.get_close_matches(name, entries, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(entries)}"
    raise WeightsError(f"no weights are called {name!r}: {hint}")


@functools.cache
def _builtin_manifest() -> Mapping[str, WeightsEntry]:
    text = (
        resources.files("vidcolor.models.weights")
        .joinpath("manifest.json")
        .read_text(encoding="utf-8")
    )
    return _parse(text)


def _parse(text: str) -> Mapping[str, WeightsEntry]:
    """Turn the JSON text into entries; ValueError, TypeError or KeyError where it is malformed."""
    document = json.loads(text)
    if document["schema"] != _SCHEMA:
        raise ValueError(f"schema {document['schema']!r}, this version reads {_SCHEMA}")
    entries = [_entry(fields) for fields in document["weights"]]
    by_name = {entry.name: entry for entry in entries}
    if len(by_name) != len(entries):
        raise ValueError("a name occurs twice")
    return MappingProxyType(by_name)


def _entry(fields: dict[str, Any]) -> WeightsEntry:
    rest = dict(fields)
    urls = [rest.pop("url")] if "url" in rest else []
    urls += cast("list[str]", rest.pop("mirrors", []))
    return WeightsEntry(**rest, urls=tuple(urls))
